"""The demo's clerk: looks at each case as a person would, at the paper itself, and settles it through the same HTTP API.

What this clerk sees on the paper is what the simulator wrote down: what each frame really is, what each candidate was
told. A side that must be scanned again goes out from a station, as in a hall.
"""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from api.demo.client import Client
from api.demo.folder import DemoFolder
from api.demo.sending import send_again
from api.demo.services import Services
from api.demo.show import Update
from core.errors import Unavailable

QUIET = 0.6  # seconds without a case or a frame on its way, after which the desk is clear
LONGEST = 900.0
Row = dict[str, str]
Decision = dict[str, Any]


class Paper:
    """What lies on the clerk's table: the sheets themselves."""

    def __init__(self, folder: DemoFolder) -> None:
        self.folder = folder
        frames = _rows(folder.paper / "frames.csv")
        self.frames = {(f["batch"], int(f["sequence"]), int(f["face"])): f for f in frames}
        self.owner = {r["sheet"]: r["candidate"] for p in folder.root.glob("*.sheets.csv") for r in _rows(p)}
        self.told = {(r["sheet"], r["field"]): r["value"] for r in _rows(folder.answers)}
        self.marked = {(r["sheet"], r["field"]): r["value"] for r in _rows(folder.paper / "truth.csv")}

    def frame(self, case: Mapping[str, Any]) -> Row | None:
        place = case["frame"]
        return self.frames.get((place["batch"], place["sequence"], place["side"])) if place else None

    def answer(self, sheet: str, field: str) -> str:
        """What the paper says: the mark's meaning, and where the ink has no one meaning, what the candidate meant."""
        value = self.marked.get((sheet, field), "")
        return self.told.get((sheet, field), "") if value == "ambiguous" else value

    def was_absent(self, sheet: str) -> bool:
        return self.told.get((sheet, "absent")) == "1"


class Clerk:
    def __init__(self, client: Client, services: Services, folder: DemoFolder, tokens: Mapping[str, str]) -> None:
        self._client = client
        self._services = services
        self._paper = Paper(folder)
        self._tokens = tokens
        self._settled = 0
        self._asked: set[int] = set()
        self._batches = sum(1 for p in folder.paper.glob("rescan-*") if p.is_dir())

    def settle_all(self, update: Update) -> None:
        """Until nothing is open and nothing is on its way."""
        deadline, quiet_since = time.monotonic() + LONGEST, time.monotonic()
        while time.monotonic() < deadline:
            cases = [c for c in self._cases() if c["id"] not in self._asked]
            for case in cases:
                self._settle(case)
            self._scan_again()
            if cases or self._moving():
                quiet_since = time.monotonic()
            update(self._settled, self._settled + len(self._cases()))
            if time.monotonic() - quiet_since > QUIET:
                return
            time.sleep(0.2)
        raise Unavailable("the exceptions desk was not clear after a quarter of an hour.", where=f"exam {self._client.exam}")

    def _cases(self) -> list[dict[str, Any]]:
        cases: list[dict[str, Any]] = self._client.get(f"/api/desk/{self._client.exam}/cases?state=open")["cases"]
        return cases

    def _moving(self) -> bool:
        status = self._client.status()
        frames, scripts = status["frames"], status["scripts"]
        unsettled = sum(scripts.get(s, 0) for s in ("expected", "present"))
        return bool(frames.get("received") or frames.get("queued") or unsettled)

    def _settle(self, case: dict[str, Any]) -> None:
        decision = self._decide(case)
        body = {"version": case["version"], **decision}
        self._client.post(f"/api/desk/{self._client.exam}/cases/{case['id']}/resolve", body)
        if decision["action"] == "rescan":
            self._asked.add(case["id"])
        else:
            self._settled += 1

    def _decide(self, case: dict[str, Any]) -> Decision:
        frame = self._paper.frame(case)
        sheet = (frame or {}).get("sheet") or case["sheet"] or ""
        decide = _DECISIONS.get(case["kind"], _scan_it_again)
        return decide(self._paper, case, frame, sheet)

    def _scan_again(self) -> None:
        """Send the second scan of every side that is asked for."""
        asked = self._client.get(f"/api/desk/{self._client.exam}/rescans")["rescans"]
        if not asked:
            return
        self._batches += 1
        folder = self._paper.folder.paper / f"rescan-{self._batches:03d}"
        folder.mkdir()
        for one in asked:
            name = f"{one['sheet']}-{one['side']}.jpg"
            shutil.copyfile(self._paper.folder.paper / "rescans" / name, folder / name)
        send_again(self._services, folder, self._client.exam, self._tokens)
        while any(self._client.status()["frames"].get(s) for s in ("received", "queued")):
            time.sleep(0.1)


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _set_answers(paper: Paper, case: dict[str, Any], frame: Row | None, sheet: str) -> Decision:
    return {"action": "set_answer", "values": {i["item"]: paper.answer(sheet, i["item"]) for i in case["items"]}}


def _name_candidate(paper: Paper, case: dict[str, Any], frame: Row | None, sheet: str) -> Decision:
    return {"action": "set_candidate", "candidate": paper.owner[sheet], "reason": "the printed name and number"}


def _foreign(paper: Paper, case: dict[str, Any], frame: Row | None, sheet: str) -> Decision:
    if frame is not None and frame["event"] == "foreign":
        return {"action": "discard", "reason": "not a sheet of this exam"}
    return _scan_it_again(paper, case, frame, sheet)


def _scan_it_again(paper: Paper, case: dict[str, Any], frame: Row | None, sheet: str) -> Decision:
    if frame is not None and frame["event"] in ("foreign", "double"):
        return {"action": "discard", "reason": frame["event"]}
    decision: Decision = {"action": "rescan", "reason": case["kind"]}
    if frame is not None and frame["side"]:
        decision |= {"sheet": sheet, "side": int(frame["side"])}
    return decision


def _absence(paper: Paper, case: dict[str, Any], frame: Row | None, sheet: str) -> Decision:
    return {"action": "mark_absent" if paper.was_absent(sheet) else "mark_present", "reason": "the room's record"}


def _script_missing(paper: Paper, case: dict[str, Any], frame: Row | None, sheet: str) -> Decision:
    sheets = [s for s, owner in paper.owner.items() if owner == case["candidate"]]
    if any(paper.was_absent(s) for s in sheets):
        return {"action": "mark_absent", "reason": "the room's record"}
    return {"action": "rescan", "reason": "the sheets lay in the envelope"}


_DECISIONS: dict[str, Callable[[Paper, dict[str, Any], Row | None, str], Decision]] = {
    "doubt": _set_answers,
    "paper_type": _set_answers,
    "choice": _set_answers,
    "absent_box": _set_answers,
    "facts_disagree": _name_candidate,
    "candidate_unknown": _name_candidate,
    "not_in_roster": _name_candidate,
    "foreign": _foreign,
    "code_unknown": _foreign,
    "page_twice": lambda paper, case, frame, sheet: {"action": "keep_other", "reason": "scanned twice"},
    "absent_but_answered": _absence,
    "blank_but_present": _absence,
    "script_missing": _script_missing,
}
