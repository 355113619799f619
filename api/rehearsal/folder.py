"""The rehearsal's folder: its installation, its release, and a file that says which stages are done and what they measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import stage_file
from core.errors import BadInput

_STATE = "rehearsal.json"


@dataclass(frozen=True, slots=True)
class RehearsalFolder:
    root: Path

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def release(self) -> Path:
        return self.root / "release"

    @property
    def result(self) -> Path:
        return self.root / "result.json"

    def begin(self, state: dict[str, Any]) -> None:
        """Start anew. Removes an earlier rehearsal, and refuses to touch a folder that holds anything else."""
        stage_file.begin(self.root / _STATE, {**state, "done": [], "seconds": {}, "measured": {}}, what="rehearsal")

    def state(self) -> dict[str, Any]:
        if not (self.root / _STATE).exists():
            raise BadInput("there is no rehearsal to resume.", where=str(self.root), remedy="Run it without --resume first.")
        return stage_file.read(self.root / _STATE)

    def save(self, state: dict[str, Any]) -> None:
        stage_file.save(self.root / _STATE, state)
