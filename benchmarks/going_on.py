"""How far a long run has come, in a file, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class Seeded(DataclassInstance, Protocol):
        seed: int


S = TypeVar("S", bound="Seeded")


def load(file: Path, fresh: S) -> S:
    """The run that the file tells of, or `fresh` where there is none of its seed."""
    if file.exists():
        state = type(fresh)(**json.loads(file.read_text(encoding="utf-8")))
        if state.seed == fresh.seed:
            return state
    return fresh


def save(file: Path, state: Seeded) -> None:
    """Written beside and moved into place: a run that is killed here leaves the file as it was."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    os.replace(part, file)
