"""The rehearsal's folder: its installation, its release, and a file that says which stages are done and what they measured."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        if self.root.exists() and any(self.root.iterdir()):
            if not (self.root / _STATE).exists():
                raise BadInput("the folder holds something else than a rehearsal.", where=str(self.root), remedy="Name another with --dir.")
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.save({**state, "done": [], "seconds": {}, "measured": {}})

    def state(self) -> dict[str, Any]:
        if not (self.root / _STATE).exists():
            raise BadInput("there is no rehearsal to resume.", where=str(self.root), remedy="Run it without --resume first.")
        state: dict[str, Any] = json.loads((self.root / _STATE).read_text(encoding="utf-8"))
        return state

    def save(self, state: dict[str, Any]) -> None:
        draft = self.root / f".{_STATE}"
        with draft.open("w", encoding="utf-8") as file:
            json.dump(state, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.root / _STATE)
