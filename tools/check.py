"""`make check`: the laws, types and style. Every check runs, so that one run tells all; any failure fails it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from tools import environment
from tools.environment import ROOT

BIN = environment.VENV / "bin"


def commands() -> dict[str, list[str]]:
    return {
        "lock": [environment.uv_program(), "lock", "--check", "--quiet"],
        "style": [str(BIN / "ruff"), "check", "."],
        "formatting": [str(BIN / "ruff"), "format", "--check", "."],
        "types": [str(BIN / "mypy")],
        "imports": [str(BIN / "lint-imports"), "--no-logo"],
        "client": [sys.executable, "-m", "tools.check_client"],
        "laws": [str(BIN / "pytest"), "-q", "tests/laws"],
    }


def main(names: list[str]) -> int:
    checks = commands()
    if unknown := sorted(set(names) - set(checks)):
        print(f"There is no check {', '.join(unknown)}; there are: {', '.join(checks)}.", file=sys.stderr)
        return 2
    failed = [name for name in names or checks if not _holds(name, checks[name])]
    print(f"\nmake check: failed: {', '.join(failed)}" if failed else "\nmake check: all hold", flush=True)
    return 1 if failed else 0


def _holds(name: str, command: list[str]) -> bool:
    print(f"-- {name}", flush=True)
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=_environment(), check=False)
    print(f"   {'failed' if done.returncode else 'ok'} after {time.monotonic() - started:.1f} s", flush=True)
    return done.returncode == 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}:{os.environ.get('PATH', os.defpath)}"}


if __name__ == "__main__":
    assert shutil.which("git"), "make check asks git which files are tracked: install git"
    sys.exit(main(sys.argv[1:]))
