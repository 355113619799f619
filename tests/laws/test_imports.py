"""The import laws are enforced: a forbidden import, planted in a copy of the code, is found and named."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOMS = ("core", "scanner", "omr", "marking", "scoring", "api", "web")


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The code without its assets, where a test may spoil it."""
    for room in (*ROOMS, "tools"):
        shutil.copytree(root / room, tmp_path / room, ignore=_all_but_python)
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def _all_but_python(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in {"node_modules", "static", "__pycache__"} or ("." in name and not name.endswith(".py"))}


def file_of(checkout: Path, module: str) -> Path:
    path = checkout / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def lint_imports(root: Path, checkout: Path) -> subprocess.CompletedProcess[str]:
    program = root / ".venv" / "bin" / "lint-imports"
    return subprocess.run([program, "--no-cache", "--no-logo"], cwd=checkout, capture_output=True, text=True, check=False)


def test_the_code_as_it_is_keeps_every_import_law(root: Path, copy: Path) -> None:
    done = lint_imports(root, copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("importer", "planted", "named"),
    [
        ("core.ids", "import api.app", "core.ids"),
        ("core.ids", "import numpy", "core.ids -> numpy"),
        ("scanner.decode", "import omr.fill", "scanner.decode"),
        ("marking", "import cv2", "marking -> cv2"),
        ("scoring", "from omr import fill", "scoring -> omr.fill"),
        ("api.app", "def later() -> None:\n    import numba", "api.app -> numba"),
        ("scanner.intake", "import scanner.decode", "scanner.jpeg -> simplejpeg"),
        ("web", "import core.ids", "web -> core.ids"),
    ],
)
def test_a_forbidden_import_is_found(root: Path, copy: Path, importer: str, planted: str, named: str) -> None:
    with file_of(copy, importer).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{planted}\n")
    done = lint_imports(root, copy)
    assert done.returncode != 0
    assert named in " ".join(done.stdout.split())
