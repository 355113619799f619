"""One transaction's work on pages, sheets, scripts and cases: who does it, when, and what it says in the ledger.

Ledger entries are collected and written once at the end, in the order of their shards. Pages, sheets and open cases
that the work has met are kept, so that a chunk of fifty pages asks the database a few times and not a few hundred.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import events, ledger
from core.states import CaseState, PageState
from core.tables import Batch, Candidate, CandidateDetails, DeskCase, Exam, Page, Receipt, Script, Sheet
from omr.desk.forms import Forms, forms_of

READERS = "readers"
T = TypeVar("T")


@dataclass
class Work:
    session: Session
    exam: Exam
    forms: Forms
    by: str  # "readers", "system" or "user:7"
    now: datetime
    scripts: set[int] = field(default_factory=set)  # touched: their state must be looked at again
    touched: set[int] = field(default_factory=set)  # pages whose state must be looked at again
    _entries: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _pages: dict[int, list[Page]] = field(default_factory=dict)
    _decided: dict[int, dict[str, tuple[str, str]]] = field(default_factory=dict)
    _numbers: dict[str, int | None] = field(default_factory=dict)
    _stations: dict[int, str] = field(default_factory=dict)

    def office(self, **entry: Any) -> None:
        self._entries[ledger.OFFICE].append(entry)

    def station(self, station: str, **entry: Any) -> None:
        self._entries[ledger.station_shard(station)].append(entry)

    def event(self, kind: str, **body: Any) -> None:
        events.emit(self.session, self.exam.id, kind, body, self.now)

    def write_ledger(self) -> None:
        for shard in sorted(self._entries):
            ledger.append(self.session, self.exam.id, shard, self._entries[shard], self.now)
        self._entries.clear()

    def load_pages(self, sheet_ids: Iterable[int]) -> None:
        """Bring the current pages of these sheets in one query."""
        wanted = [i for i in set(sheet_ids) if i not in self._pages]
        for sheet_id in wanted:
            self._pages[sheet_id] = []
        query = select(Page).where(Page.sheet_id.in_(wanted), Page.state != PageState.SUPERSEDED).order_by(Page.id)
        for page in self.session.scalars(query):
            self._pages[page.sheet_id or 0].append(page)

    def pages(self, sheet_id: int) -> list[Page]:
        """The pages that now stand for the sides of a sheet."""
        self.load_pages([sheet_id])
        return [p for p in self._pages[sheet_id] if p.state is not PageState.SUPERSEDED]

    def page_of(self, sheet_id: int, side: int) -> Page | None:
        """The page that stands for a side. A second scan that waits for a decision does not stand for it yet."""
        return next((p for p in self.pages(sheet_id) if p.side == side and not p.evidence.get("second")), None)

    def add_page(self, page: Page) -> None:
        self.session.add(page)
        self.session.flush()
        self._decided[page.id] = {}
        self.touched.add(page.id)
        self.remember(page)

    def remember(self, page: Page) -> None:
        """A page that is new, or that counts again."""
        if page.sheet_id is not None:
            self.load_pages([page.sheet_id])
            if page not in self._pages[page.sheet_id]:
                self._pages[page.sheet_id].append(page)

    def decided(self, page_id: int) -> dict[str, tuple[str, str]]:
        """What people decided about fields of a page: {field: (value, by)}."""
        if page_id not in self._decided:
            query = select(DeskCase.resolution, DeskCase.resolved_by).where(
                DeskCase.page_id == page_id, DeskCase.state == CaseState.RESOLVED
            )
            self._decided[page_id] = {
                name: (str(value), by)
                for resolution, by in self.session.execute(query.order_by(DeskCase.resolved_at, DeskCase.id))
                for name, value in resolution.get("values", {}).items()
            }
        return self._decided[page_id]

    def forget_decisions(self, page_id: int | None) -> None:
        if page_id is not None:
            self._decided.pop(page_id, None)

    def load_numbers(self, numbers: Iterable[str]) -> None:
        wanted = {n for n in numbers if n and n not in self._numbers}
        if not wanted:
            return
        query = select(CandidateDetails.number, CandidateDetails.candidate_id).where(
            CandidateDetails.exam_id == self.exam.id, CandidateDetails.number.in_(wanted)
        )
        self._numbers |= dict.fromkeys(wanted, None) | dict(self.session.execute(query).all())

    def candidate_of(self, number: str) -> int | None:
        """The candidate with this number; None: nobody of the roster."""
        self.load_numbers([number])
        return self._numbers[number]

    def open_cases(self, *conditions: Any) -> list[DeskCase]:
        query = select(DeskCase).where(DeskCase.exam_id == self.exam.id, DeskCase.state == CaseState.OPEN, *conditions)
        return list(self.session.scalars(query.order_by(DeskCase.id)))

    def station_of(self, receipt_id: int) -> str:
        if receipt_id not in self._stations:
            query = select(Batch.station).join(Receipt, Receipt.batch_id == Batch.id).where(Receipt.id == receipt_id)
            self._stations[receipt_id] = self.session.scalars(query).one()
        return self._stations[receipt_id]

    def receipt(self, receipt_id: int) -> Receipt:
        return _found(self.session.get(Receipt, receipt_id))

    def sheet(self, sheet_id: int) -> Sheet:
        return _found(self.session.get(Sheet, sheet_id))

    def script(self, script_id: int) -> Script:
        return _found(self.session.get(Script, script_id))

    def pseudonym(self, candidate_id: int) -> str:
        return _found(self.session.get(Candidate, candidate_id)).pseudonym


def begin_work(session: Session, exam: Exam, by: str, now: datetime) -> Work:
    return Work(session, exam, forms_of(session, exam), by, now)


def _found(row: T | None) -> T:
    assert row is not None, "a record points to a row that is not there"
    return row
