"""The process that serves the web pages loads no pixel library, as it runs and not only as it is written."""

import json
import subprocess
import sys
from pathlib import Path

PIXELS = {"cv2", "numba", "zxingcpp", "pyzbar", "simplejpeg", "imagecodecs"}
DOORS = {"scanner", "scanner.intake", "omr", "omr.desk"}


def loaded_by(statement: str, root: Path) -> set[str]:
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_web_process_loads_no_pixel_library(root: Path) -> None:
    assert not loaded_by("import api.app", root) & PIXELS


def test_of_the_pixels_half_it_loads_only_what_is_pixel_free(root: Path) -> None:
    loaded = {name for name in loaded_by("import api.app", root) if name.split(".")[0] in {"scanner", "omr"}}
    assert {name for name in loaded if ".".join(name.split(".")[:2]) not in DOORS} == set()


def test_core_loads_no_numpy(root: Path) -> None:
    modules = ["core", *(f"core.{file.stem}" for file in (root / "core").glob("*.py") if file.stem != "__init__")]
    assert not loaded_by(f"import {', '.join(modules)}", root) & {"numpy", *PIXELS}


def test_the_measure_itself_sees_a_pixel_library(root: Path) -> None:
    assert "cv2" in loaded_by("import cv2", root)
