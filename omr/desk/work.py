"""One transaction's work on pages, sheets, scripts and cases: who does it, when, and what it says in the ledger.

Ledger entries are collected and written once at the end, in the order of their shards. Pages, sheets and open cases
that the work has met are kept, so that a chunk of fifty pages asks the database a few times and not a few hundred.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, make_transient_to_detached

from core import ledger
from core.bulk import insert_keyed, insert_rows
from core.states import CaseState, PageState
from core.tables import (
    AnswerRow,
    Batch,
    Candidate,
    CandidateDetails,
    DeskCase,
    Event,
    Exam,
    Page,
    Receipt,
    RescanRequest,
    Script,
    Sheet,
    SheetAssignment,
)
from omr.desk.forms import Forms, forms_of

READERS = "readers"
T = TypeVar("T")
MOST_NAMED = 10_000  # rows that one statement names: SQLite takes 32,766 parameters, PostgreSQL 65,535


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
    _kept: dict[tuple[type, int], Any] = field(default_factory=dict)  # strong, or the session forgets what was loaded
    _looked: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))  # sheets, scripts
    _busy: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))  # of those: with cases or requests
    _cards: dict[int, list[Sheet]] = field(default_factory=dict)
    _answers: dict[int, dict[str, AnswerRow]] = field(default_factory=dict)  # by script and item: the current versions
    _events: list[dict[str, Any]] = field(default_factory=list)  # likewise
    _assigned: list[dict[str, Any]] = field(default_factory=list)  # versions of sheets' assignments, likewise
    _entering: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)  # versions that are not in the database yet
    matched: set[int] = field(default_factory=set)  # sheets that facts gave to their scripts in this very work
    entered: set[tuple[int, int]] = field(default_factory=set)  # (page, script): answers that are in already

    @contextmanager
    def as_readers(self) -> Iterator[None]:
        """What follows is what the readers' facts say once a person has decided which scan stands: no person's word (Z3)."""
        person, self.by = self.by, READERS
        try:
            yield
        finally:
            self.by = person

    def office(self, **entry: Any) -> None:
        self._entries[ledger.OFFICE].append(entry)

    def station(self, station: str, **entry: Any) -> None:
        self._entries[ledger.station_shard(station)].append(entry)

    def event(self, kind: str, **body: Any) -> None:
        self._events.append({"exam_id": self.exam.id, "kind": kind, "body": body, "at": self.now})

    def add_assignment(self, **values: Any) -> None:
        self._assigned.append({"exam_id": self.exam.id, **values})

    def put_assignments(self) -> None:
        insert_rows(self.session, SheetAssignment, self._assigned)
        self._assigned.clear()

    def write_ledger(self) -> None:
        """Whatever was collected, and the ledger last."""
        self.put_answers()
        self.put_assignments()
        insert_rows(self.session, Event, self._events)
        self._events.clear()
        for shard in sorted(self._entries):
            ledger.append(self.session, self.exam.id, shard, self._entries[shard], self.now)
        self._entries.clear()

    def load_pages(self, sheet_ids: Iterable[int]) -> None:
        """Bring the current pages of these sheets in one query, or one for so many as a database takes."""
        wanted = [i for i in set(sheet_ids) if i not in self._pages]
        for sheet_id in wanted:
            self._pages[sheet_id] = []
        for start in range(0, len(wanted), MOST_NAMED):
            part = Page.sheet_id.in_(wanted[start : start + MOST_NAMED])
            for page in self.session.scalars(select(Page).where(part, Page.state != PageState.SUPERSEDED).order_by(Page.id)):
                self._pages[page.sheet_id or 0].append(page)

    def pages(self, sheet_id: int) -> list[Page]:
        """The pages that now stand for the sides of a sheet."""
        self.load_pages([sheet_id])
        return [p for p in self._pages[sheet_id] if p.state is not PageState.SUPERSEDED]

    def page_of(self, sheet_id: int, side: int) -> Page | None:
        """The page that stands for a side. A second scan that waits for a decision does not stand for it yet."""
        return next((p for p in self.pages(sheet_id) if p.side == side and not p.evidence.get("second")), None)

    def add_pages(self, pages: Iterable[Page]) -> None:
        """New pages, in one statement. Each is remembered in its turn: until then it is not there for the others."""
        by_receipt = {page.receipt_id: page for page in pages}
        numbers = insert_keyed(self.session, Page, [_values(page) for page in by_receipt.values()], "receipt_id")
        for receipt_id, page in by_receipt.items():
            page.id = numbers[receipt_id]
            make_transient_to_detached(page)  # as if it had been asked for just now
        self.session.add_all(by_receipt.values())
        self._decided |= {page.id: {} for page in by_receipt.values()}

    def remember(self, page: Page) -> None:
        """A page that is new, or that counts again."""
        if page.sheet_id is not None:
            self.load_pages([page.sheet_id])
            if page not in self._pages[page.sheet_id]:
                self._pages[page.sheet_id].append(page)

    def move(self, page: Page, sheet_id: int) -> None:
        """The page stands for a side of another sheet from now on."""
        self.load_pages([page.sheet_id or 0, sheet_id])
        self._pages[page.sheet_id or 0].remove(page)
        page.sheet_id = sheet_id
        self._pages[sheet_id].append(page)

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
            self.entered = {(page, script) for page, script in self.entered if page != page_id}

    def load_answers(self, script_ids: Iterable[int]) -> None:
        """Bring the current answers of these scripts in one query."""
        wanted = [i for i in set(script_ids) if i not in self._answers]
        if not wanted:
            return
        self._answers |= {script_id: {} for script_id in wanted}
        query = select(AnswerRow).where(AnswerRow.script_id.in_(wanted), AnswerRow.current)
        for row in self.session.scalars(query):
            self._answers[row.script_id][row.item] = row

    def answers_of(self, script_id: int, items: Iterable[str]) -> dict[str, AnswerRow]:
        """The current versions of a script's answers to these items."""
        names = set(items)
        if any((script_id, name) in self._entering for name in names):
            self.put_answers()
        self.load_answers([script_id])
        return {name: row for name, row in self._answers[script_id].items() if name in names}

    def enter_answers(self, rows: Iterable[dict[str, Any]]) -> None:
        """New versions of answers. They are written together, at the end or when one of them is asked for."""
        self._entering |= {(row["script_id"], row["item"]): row for row in rows}

    def put_answers(self) -> None:
        if not self._entering:
            return
        rows = list(self._entering.values())
        self._entering.clear()
        self.session.flush()  # the versions before them step back first
        insert_rows(self.session, AnswerRow, rows)
        for row in rows:
            self._answers.pop(row["script_id"], None)

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

    def load_stations(self, receipt_ids: Iterable[int]) -> None:
        query = select(Receipt.id, Batch.station).join(Batch, Receipt.batch_id == Batch.id).where(Receipt.id.in_(list(receipt_ids)))
        self._stations |= dict(self.session.execute(query).all())

    def station_of(self, receipt_id: int) -> str:
        if receipt_id not in self._stations:
            self.load_stations([receipt_id])
        return self._stations[receipt_id]

    def load_cards(self, script_ids: Iterable[int]) -> None:
        """Bring all sheets of these scripts in one query."""
        wanted = [i for i in set(script_ids) if i not in self._cards]
        if not wanted:
            return
        self._cards |= {script_id: [] for script_id in wanted}
        for sheet in self.session.scalars(select(Sheet).where(Sheet.script_id.in_(wanted)).order_by(Sheet.index, Sheet.id)):
            self._cards[sheet.script_id or 0].append(sheet)

    def cards_of(self, script_id: int) -> list[Sheet]:
        self.load_cards([script_id])
        return [s for s in self._cards[script_id] if s.script_id == script_id]

    def add_card(self, script_id: int, sheet: Sheet) -> None:
        if sheet not in self.cards_of(script_id):
            self._cards[script_id].append(sheet)
            self._cards[script_id].sort(key=lambda s: (s.index, s.id))

    def keep(self, rows: Iterable[Exam | Receipt | Page | Sheet | Script | Candidate]) -> None:
        """Rows that are asked for again and again."""
        self._kept |= {(type(row), row.id): row for row in rows}

    def look_for_cases(self, sheet_ids: set[int], script_ids: set[int]) -> None:
        """Find out in two queries which of these have any case or request: most have none and need not be asked again."""
        cases = select(DeskCase.sheet_id, DeskCase.script_id).where(
            or_(DeskCase.sheet_id.in_(sheet_ids), DeskCase.script_id.in_(script_ids))
        )
        asked = select(RescanRequest.sheet_id).where(RescanRequest.sheet_id.in_(sheet_ids))
        for sheet_id, script_id in self.session.execute(cases):
            self.note_case(sheet_id, script_id)
        self._busy[0].update(self.session.scalars(asked))
        self._looked[0].update(sheet_ids)
        self._looked[1].update(script_ids)

    def note_case(self, sheet_id: int | None, script_id: int | None) -> None:
        self._busy[0].update(i for i in (sheet_id,) if i is not None)
        self._busy[1].update(i for i in (script_id,) if i is not None)

    def may_have_cases(self, *, sheets: Iterable[int] = (), scripts: Iterable[int] = ()) -> bool:
        pairs = zip((sheets, scripts), self._looked, self._busy, strict=True)
        return any(i not in looked or i in busy for ids, looked, busy in pairs for i in ids)

    def load_scripts(self, script_ids: Iterable[int]) -> None:
        wanted = [i for i in script_ids if (Script, i) not in self._kept]
        if wanted:
            self.keep(self.session.scalars(select(Script).where(Script.id.in_(wanted))).all())

    def pages_by_id(self, page_ids: Iterable[int]) -> list[Page]:
        """Pages by their numbers; those that the work has met are not asked for again."""
        met = {page.id: page for pages in self._pages.values() for page in pages}
        wanted = [i for i in page_ids if i not in met]
        if wanted:
            met |= {page.id: page for page in self.session.scalars(select(Page).where(Page.id.in_(wanted)))}
        return [met[i] for i in page_ids if i in met]

    def receipt(self, receipt_id: int) -> Receipt:
        return self._get(Receipt, receipt_id)

    def sheet(self, sheet_id: int) -> Sheet:
        return self._get(Sheet, sheet_id)

    def script(self, script_id: int) -> Script:
        return self._get(Script, script_id)

    def pseudonym(self, candidate_id: int) -> str:
        return self._get(Candidate, candidate_id).pseudonym

    def _get(self, kind: type[T], row_id: int) -> T:
        if (kind, row_id) not in self._kept:
            row = self.session.get(kind, row_id)
            assert row is not None, "a record points to a row that is not there"
            self._kept[kind, row_id] = row
        found: T = self._kept[kind, row_id]
        return found


def _values(row: Page) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


def begin_work(session: Session, exam: Exam, by: str, now: datetime) -> Work:
    return Work(session, exam, forms_of(session, exam), by, now)
