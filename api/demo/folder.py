"""The demo's folder: where each thing lies, and which stages are done, so that a run that was cut off goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import stage_file
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
        return stage_file.read(self.root / _STATE)

    def begin(self, state: dict[str, Any]) -> None:
        """Start anew. Removes an earlier demo, and refuses to touch a folder that holds anything else."""
        stage_file.begin(self.root / _STATE, {**state, "done": []}, what="demo")

    def resume(self) -> dict[str, Any]:
        if not (self.root / _STATE).exists():
            raise BadInput("there is no demo to resume.", where=str(self.root), remedy="Run `markhall demo` first.")
        return self.state()

    def save(self, state: dict[str, Any]) -> None:
        stage_file.save(self.root / _STATE, state)
