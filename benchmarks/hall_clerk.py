"""The hall's clerks: they look at each case as at the paper itself, and settle it over HTTP.

What they see on the paper is what the simulator wrote down: what each frame really is, what each candidate was told, who
was there. Nothing of the engine's own reading is asked but the case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from api.demo.client import Client
from benchmarks.hall_paper import HallPaper, Row, Seat
from core.errors import Unavailable

Case = Mapping[str, Any]
Decision = dict[str, Any]
MOST_NAMED = 2  # times that a clerk says which side a frame is, before the card is fetched


@dataclass
class Table:
    """The sheets as they lie on the clerk's table, by what is written and printed on them."""

    paper: HallPaper
    second_scans: dict[tuple[str, str, int, int], Row] = field(default_factory=dict)  # frames that were scanned again
    named: Counter[str] = field(default_factory=Counter)  # how often a frame was given its sheet and side

    @cached_property
    def frames(self) -> dict[tuple[str, str, int, int], Row]:
        """Each frame by station, batch, sequence and face."""
        return {
            (f"hall-{station:02d}", f"{part.name}-{row['batch']}", int(row["sequence"]), int(row["face"])): row
            for station, part, row in self.paper.rows("frames.csv")
        }

    @cached_property
    def marked(self) -> dict[tuple[str, str], str]:
        return {(row["sheet"], row["field"]): row["value"] for _, _, row in self.paper.rows("truth.csv")}

    @cached_property
    def told(self) -> dict[tuple[str, str], str]:
        from benchmarks.hall_paper import read_rows

        return {(row["sheet"], row["field"]): row["value"] for row in read_rows(self.paper.answers)}

    @cached_property
    def seats(self) -> dict[str, Seat]:
        return {seat.sheet: seat for seat in self.paper.seats}

    @cached_property
    def by_number(self) -> dict[str, Seat]:
        return {seat.row.number: seat for seat in self.paper.seats}

    @cached_property
    def extra_owner(self) -> dict[str, str]:
        """Whose an extra sheet is: it was scanned behind its candidate's card."""
        owner, last = {}, ""
        for row in self.frames.values():
            if row["sheet"] in self.seats:
                last = self.seats[row["sheet"]].row.number
            elif row["sheet"]:
                owner[row["sheet"]] = last
        return owner

    def frame(self, case: Case) -> Row | None:
        place = case["frame"]
        if not place:
            return None
        key = (place["station"], place["batch"], int(place["sequence"]), int(place["face"]))
        return self.frames.get(key) or self.second_scans.get(key)

    def owner(self, sheet: str) -> str:
        return self.seats[sheet].row.number if sheet in self.seats else self.extra_owner[sheet]

    def answer(self, sheet: str, item: str) -> str:
        """What the mark means; where the ink has no one meaning, what the candidate meant."""
        value = self.marked.get((sheet, item), "")
        return self.told.get((sheet, item), "") if value == "ambiguous" else value


@dataclass
class Clerks:
    client: Client
    table: Table
    settled: Counter[str] = field(default_factory=Counter)  # by kind
    refused: list[str] = field(default_factory=list)
    _asked: set[int] = field(default_factory=set)

    def settle_what_is_open(self, but: Sequence[str] = ()) -> int:
        """Settle every case that is open now, but those of some kinds; how many."""
        done = 0
        cases = self.client.get(f"/api/desk/{self.client.exam}/cases?state=open&limit=10000")["cases"]
        for case in cases:
            if case["id"] not in self._asked and case["kind"] not in but:
                done += self._settle(case)
        return done

    def asked_for(self) -> list[tuple[str, int]]:
        """The sides that somebody must scan again."""
        asked = self.client.get(f"/api/desk/{self.client.exam}/rescans")["rescans"]
        return sorted({(str(one["sheet"]), int(one["side"])) for one in asked})

    def _settle(self, case: Case) -> int:
        frame = self.table.frame(case)
        sheet = str((frame or {}).get("sheet") or case["sheet"] or "")
        decision = _DECISIONS.get(case["kind"], _scan_again)(self.table, case, frame, sheet)
        if decision["action"] == "rescan":
            self._asked.add(case["id"])
        try:
            body = {"version": case["version"], **decision}
            self.client.post(f"/api/desk/{self.client.exam}/cases/{case['id']}/resolve", body)
        except Unavailable as e:  # settled by itself meanwhile, or a clerk's mistake: the next look tells
            self.refused.append(f"{case['kind']} {case['id']}: {e}")
            self._asked.add(case["id"])
            return 0
        self.settled[case["kind"]] += 1
        return 1


def _set_answers(table: Table, case: Case, frame: Row | None, sheet: str) -> Decision:
    return {"action": "set_answer", "values": {i["item"]: table.answer(sheet, i["item"]) for i in case["items"]}}


def _name_candidate(table: Table, case: Case, frame: Row | None, sheet: str) -> Decision:
    return {"action": "set_candidate", "candidate": table.owner(sheet), "reason": "the printed name and number"}


def _name_page(table: Table, case: Case, frame: Row | None, sheet: str) -> Decision:
    """A code that cannot be read, on paper that is plainly ours; or paper that is not."""
    if frame is None or not frame["sheet"]:
        return {"action": "discard", "reason": "no sheet of this exam"}
    place = str(case["frame"])
    if "set_page" in case["actions"] and table.named[place] < MOST_NAMED:
        table.named[place] += 1
        return {"action": "set_page", "sheet": frame["sheet"], "side": int(frame["side"])}
    return _scan_again(table, case, frame, sheet)


def _scan_again(table: Table, case: Case, frame: Row | None, sheet: str) -> Decision:
    if frame is not None and frame["event"] in ("foreign", "extra") and not frame["sheet"]:
        return {"action": "discard", "reason": frame["event"]}
    if frame is not None and frame["event"] == "double":
        return {"action": "discard", "reason": "scanned twice"}
    decision: Decision = {"action": "rescan", "reason": case["kind"]}
    if frame is not None and frame["side"]:
        decision |= {"sheet": sheet, "side": int(frame["side"])}
    return decision


def _absence(table: Table, case: Case, frame: Row | None, sheet: str) -> Decision:
    absent = table.by_number[case["candidate"]].absent
    return {"action": "mark_absent" if absent else "mark_present", "reason": "the room's record"}


def _script_missing(table: Table, case: Case, frame: Row | None, sheet: str) -> Decision:
    if table.by_number[case["candidate"]].absent:
        return {"action": "mark_absent", "reason": "the room's record"}
    return {"action": "rescan", "reason": "the card lay in the envelope"}


def _keep_other(table: Table, case: Case, frame: Row | None, sheet: str) -> Decision:
    return {"action": "keep_other", "reason": "scanned twice"}


_DECISIONS: dict[str, Callable[[Table, Case, Row | None, str], Decision]] = {
    "doubt": _set_answers,
    "paper_type": _set_answers,
    "choice": _set_answers,
    "absent_box": _set_answers,
    "facts_disagree": _name_candidate,
    "candidate_unknown": _name_candidate,
    "not_in_roster": _name_candidate,
    "candidate_twice": _name_candidate,
    "foreign": _name_page,
    "code_unknown": _name_page,
    "page_twice": _keep_other,
    "absent_but_answered": _absence,
    "blank_but_present": _absence,
    "script_missing": _script_missing,
}
