"""A folder in which work goes stage by stage: a file says which stages are done, so that a run that was cut off goes on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from core.errors import BadInput


def begin(file: Path, state: dict[str, Any], *, what: str) -> None:
    """Start anew in the file's folder. Removes an earlier run, and refuses to touch a folder that holds anything else."""
    folder = file.parent
    if folder.exists() and any(folder.iterdir()):
        if not file.exists():
            raise BadInput(f"the folder holds something else than a {what}.", where=str(folder), remedy="Name another one with --dir.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save(file, state)


def read(file: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return state


def save(file: Path, state: dict[str, Any]) -> None:
    """Durable, and whole or not at all."""
    draft = file.with_name(f".{file.name}")
    with draft.open("w", encoding="utf-8") as opened:
        json.dump(state, opened, ensure_ascii=False, indent=1)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
