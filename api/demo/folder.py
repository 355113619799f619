"""The demo's folder: where each thing lies, and which stages are done, so that a run that was cut off goes on."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadInput

_STATE = "demo.json"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    root: Path

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def definition(self) -> Path:
        return self.root / "exam.yaml"

    @property
    def roster(self) -> Path:
        return self.root / "roster.csv"

    @property
    def sheets(self) -> Path:
        return self.root / "sheets.pdf"

    @property
    def answers(self) -> Path:
        return self.root / "answers.csv"

    @property
    def paper(self) -> Path:
        """What the simulator made: scans, rescans, truth."""
        return self.root / "paper"

    @property
    def journals(self) -> Path:
        return self.root / "journals"

    @property
    def release(self) -> Path:
        return self.root / "release"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.root / _STATE).read_text(encoding="utf-8"))
        return state

    def begin(self, state: dict[str, Any]) -> None:
        """Start anew. Removes an earlier demo, and refuses to touch a folder that holds anything else."""
        if self.root.exists() and any(self.root.iterdir()):
            if not (self.root / _STATE).exists():
                raise BadInput("the folder holds something else than a demo.", where=str(self.root), remedy="Name another one with --dir.")
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.save({**state, "done": []})

    def resume(self) -> dict[str, Any]:
        if not (self.root / _STATE).exists():
            raise BadInput("there is no demo to resume.", where=str(self.root), remedy="Run `markhall demo` first.")
        return self.state()

    def save(self, state: dict[str, Any]) -> None:
        draft = self.root / f".{_STATE}"
        with draft.open("w", encoding="utf-8") as file:
            json.dump(state, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.root / _STATE)
