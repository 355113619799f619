"""Owns .venv: brings it to what uv.lock says, with uv, and remembers that it did.

Nothing outside the clone is written to but uv's own download cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PRIVATE = ROOT / ".make"
STAMP = PRIVATE / "installed.json"
UV_PIN = "uv==0.13.9"
UV_OLDEST = (0, 9)


class CannotInstallError(Exception):
    """One sentence: what is missing and what to type."""


def install(*, with_tests: bool) -> None:
    wanted = {"python": sys.version, "lock": _hash_of([ROOT / "uv.lock", ROOT / "pyproject.toml"]), "project": _hash_of(_built_from())}
    have = _read_stamp()
    if all(have.get(key) == value for key, value in wanted.items()) and (have.get("tests") or not with_tests):
        return
    uv = uv_program()
    _announce(with_tests=with_tests, builds=have.get("project") != wanted["project"])
    # Compiled now, for every command starts the sooner, also where Python may not write beside its packages.
    command = [uv, "sync", "--frozen", "--inexact", "--compile-bytecode", "--python", sys.executable]
    command += [] if with_tests else ["--no-dev"]
    if have.get("project") != wanted["project"]:  # or uv would take a build from its cache, which leaves web/static as it is
        command += ["--reinstall-package", "markhall"]
    if subprocess.run(command, cwd=ROOT, env=_environment_of_uv(), check=False).returncode:
        raise CannotInstallError(
            "The Python packages could not be installed: uv's lines above say why. Mend that and type the same command again."
        )
    PRIVATE.mkdir(exist_ok=True)
    STAMP.write_text(json.dumps({**wanted, "tests": with_tests}), encoding="utf-8")
    say("Python packages: done.")


def warm_up() -> None:
    """Compile the reader's loops for this machine, with a word about it; nothing where that was done."""
    python = VENV / "bin" / "python"
    if subprocess.run([python, "-m", "omr.warm"], cwd=ROOT, check=False).returncode:
        say("Compiling did not succeed; the first page that is read will say why.")


def _announce(*, with_tests: bool, builds: bool) -> None:
    what = "the Python packages that Markhall and its tests use" if with_tests else "the Python packages that Markhall uses"
    say(f"Installing {what} into .venv, as uv.lock names them{', and building the web client' if builds else ''}.")
    say(f"What this account has not downloaded before is downloaded now: {350 if with_tests else 230} MB at most.")


def say(sentence: str) -> None:
    print(sentence, flush=True)


def _built_from() -> list[Path]:
    """What the installed project is built from; the packages themselves are used in place."""
    client = ROOT / "web" / "client"
    left_out = {"node_modules", ".svelte-kit", "dist"}
    files = [path for path in client.rglob("*") if path.is_file() and not left_out & set(path.relative_to(client).parts)]
    return [*sorted(files), ROOT / "web" / "build_client.py", ROOT / "hatch_build.py"]


def _hash_of(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _read_stamp() -> dict[str, object]:
    if not (VENV / "bin" / "markhall").exists() or not (ROOT / "web" / "static" / "index.html").exists():
        return {}
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def uv_program() -> str:
    return _find_uv() or _install_uv()


def _find_uv() -> str | None:
    for uv in (shutil.which("uv"), str(PRIVATE / "uv" / "bin" / "uv")):
        if uv and _version_of(uv) >= UV_OLDEST:
            return uv
    return None


def _version_of(uv: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(part) for part in said.split()[1].split(".")[:2])
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return (0,)


def _install_uv() -> str:
    """uv in a folder of its own: `--target` needs no venv and no ensurepip, and is no system install in the sense of PEP 668."""
    say(f"Installing {UV_PIN.replace('==', ' ')}, the installer of Python packages, into .make/uv with pip.")
    target = PRIVATE / "uv"
    shutil.rmtree(target, ignore_errors=True)
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        pip = _pip_of_its_own()
    environment = {
        **os.environ,
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_USER": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    command = [*pip, "install", "--quiet", "--target", str(target), UV_PIN]
    if subprocess.run(command, cwd=PRIVATE.parent, env=environment, check=False).returncode:
        raise CannotInstallError(
            "uv could not be installed: pip's lines above say why. Mend that, or install uv yourself, and type the same command again."
        )
    return str(target / "bin" / "uv")


def _pip_of_its_own() -> list[str]:
    venv = PRIVATE / "pip"
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], capture_output=True, check=False).returncode:
        raise CannotInstallError(
            "This Python has no pip. Type `sudo apt-get install -y python3-pip` (or install uv), then the same command again."
        )
    return [str(venv / "bin" / "python"), "-m", "pip"]


def _environment_of_uv() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON_DOWNLOADS": "never"}
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    if certificates := environment.get("SSL_CERT_FILE"):  # npm, which builds the web client, has a name of its own for it
        environment.setdefault("NODE_EXTRA_CA_CERTS", certificates)
    home = Path(environment.get("HOME") or "/nonexistent")
    if "UV_CACHE_DIR" not in environment and not os.access(home, os.W_OK):
        environment["UV_CACHE_DIR"] = str(PRIVATE / "uv-cache")
    return environment
