"""Whatever a reader may say of a page is said in Chinese too: a clerk at the desk reads it there."""

from __future__ import annotations

from pathlib import Path

from omr import decide, second
from omr.desk.budget import WHY
from omr.desk.scripts import CALLED_ABSENT


def test_every_reason_of_the_readers_has_its_chinese(root: Path) -> None:
    known = (root / "web" / "client" / "src" / "desk" / "sentences.ts").read_text(encoding="utf-8")
    silent = [why for why in (*decide.WHYS, *second.WHYS, WHY, CALLED_ABSENT.rstrip(".")) if why and f'"{why}":' not in known]
    assert not silent
