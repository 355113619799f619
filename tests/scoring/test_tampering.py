"""Whatever is changed behind the writers' backs, the right law fails and names it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from core.states import CaseState, MarkState, ReceiptState, ScriptState, TaskLevel
from core.tables import AnswerRow, Batch, Definition, DeskCase, FinalMark, LedgerEntry, Mark, Receipt, Script, Sheet, SheetAssignment, User
from scoring.law import LawResult
from scoring.verify import verify
from tests.scoring.hall import Hall, definition_again

Tamper = Callable[[Session, Hall], object]


def broken(hall: Hall) -> dict[str, LawResult]:
    return {law.law: law for law in verify(hall.site, hall.exam.id) if not law.holds}


def tamper(hall: Hall, change: Tamper) -> dict[str, LawResult]:
    with hall.site.database.write() as session:
        change(session, hall)
    return broken(hall)


def _copy_of_a_mark(session: Session, hall: Hall) -> None:
    mark = session.scalars(select(Mark).order_by(Mark.id)).first()
    assert mark is not None
    row = {c.name: getattr(mark, c.name) for c in Mark.__table__.columns if c.name != "id"}
    session.execute(insert(Mark).values(row | {"revision": 2, "key": "another key"}))


def _give_school(session: Session, hall: Hall) -> None:
    session.execute(update(User).where(User.login == "marker1").values(affiliation="S01"))


def _change_key(session: Session, hall: Hall) -> None:
    row = session.scalars(select(Definition)).one()
    row.body = definition_again(hall, Q1="D").model_dump(mode="json")


def _open_case(session: Session, hall: Hall) -> None:
    session.add(
        DeskCase(exam_id=hall.exam.id, kind="doubt", state=CaseState.OPEN, items=[], evidence={}, resolution={}, opened_at=hall.site.now())
    )


def _first(session: Session, table: type[Mark] | type[AnswerRow] | type[Receipt] | type[FinalMark]) -> int:
    found = session.scalars(select(table.id).order_by(table.id)).first()
    assert found is not None
    return found


CASES: dict[str, tuple[Tamper, set[str], str]] = {
    "a frame that is lost": (lambda s, h: s.execute(update(Batch).values(declared=5)), {"Z1", "Z8"}, "declared 5 frames, 4 came"),
    "a frame that waits": (
        lambda s, h: s.execute(update(Receipt).where(Receipt.id == _first(s, Receipt)).values(state=ReceiptState.WAITING)),
        {"Z1", "Z2"}, "has 1 frames still waiting"),
    "a frame thrown away without a reason": (
        lambda s, h: s.execute(update(Receipt).where(Receipt.id == _first(s, Receipt)).values(state=ReceiptState.DISCARDED)),
        {"Z1", "Z2"}, "without a reason"),
    "an open case": (_open_case, {"Z1"}, "1 cases are open"),
    "a script of which nothing is known": (
        lambda s, h: s.execute(update(Script).where(Script.state == ScriptState.ABSENT).values(state=ScriptState.EXPECTED)),
        {"Z2", "Z8"}, "neither a sheet nor a recorded absence"),
    "a sheet on one fact": (
        lambda s, h: s.execute(update(SheetAssignment).where(SheetAssignment.version == 2).values(facts={"printed": "10000001"})),
        {"Z3"}, "rests on printed alone"),
    "facts that disagree": (
        lambda s, h: s.execute(update(SheetAssignment).where(SheetAssignment.version == 2).values(facts={"printed": "1", "barcode": "2"})),
        {"Z3"}, "not on two facts that agree"),
    "a fact that names nobody": (
        lambda s, h: s.execute(update(SheetAssignment).where(SheetAssignment.version == 2).values(facts={"printed": "1", "barcode": None})),
        {"Z3"}, "not on two facts that agree"),
    "a sheet that belongs to nobody": (
        lambda s, h: s.execute(update(Sheet).where(Sheet.serial == "010000011").values(script_id=None)),
        {"Z2", "Z3", "Z8"}, "was read and belongs to no script"),
    "a sheet in two scripts": (
        lambda s, h: s.execute(update(Sheet).where(Sheet.serial == "010000011").values(
            script_id=select(Sheet.script_id).where(Sheet.serial == "010000021").scalar_subquery())),
        {"Z2", "Z8"}, "5 answers count for another script"),
    "an answer that was changed": (
        lambda s, h: s.execute(update(AnswerRow).where(AnswerRow.id == _first(s, AnswerRow)).values(value="C", first="C", second="C")),
        {"Z7", "Z8"}, "Q1 0 / 300/1"),
    "an answer that is gone": (
        lambda s, h: s.execute(delete(AnswerRow).where(AnswerRow.id == _first(s, AnswerRow))), {"Z4", "Z7", "Z8"}, "has no answer for Q1"),
    "readers that differ": (
        lambda s, h: s.execute(update(AnswerRow).where(AnswerRow.id == _first(s, AnswerRow)).values(second="")),
        {"Z4"}, "the readers differ on Q1"),
    "a final mark that was changed": (
        lambda s, h: s.execute(update(FinalMark).where(FinalMark.id == _first(s, FinalMark)).values(numerator=900)),
        {"Z5", "Z7", "Z8"}, "stands at 9, its marks give 10"),
    "a mark that is gone": (
        lambda s, h: s.execute(delete(Mark).where(Mark.id == _first(s, Mark))), {"Z5", "Z8"}, "its marks give nothing"),
    "a mark that was raised": (
        lambda s, h: s.execute(update(Mark).where(Mark.id == _first(s, Mark)).values(values={"6": 900})),
        {"Z5", "Z8"}, "its marks give 9.5"),
    "a mark twice by one marker": (_copy_of_a_mark, {"Z6", "Z8"}, "marker1 marked response"),
    "a mark of the marker's own school": (_give_school, {"Z6"}, "of the excluded school S01"),
    "a mark by one who saw others'": (
        lambda s, h: s.execute(update(Mark).where(Mark.id == _first(s, Mark), Mark.level == TaskLevel.MARKER).values(shown=[1])),
        {"Z6"}, "at the blind level marker"),
    "a mark that no longer counts": (
        lambda s, h: s.execute(update(Mark).where(Mark.id == _first(s, Mark)).values(state=MarkState.SURPLUS)),
        {"Z5", "Z8"}, "its marks give nothing"),
    "a byte of the ledger": (
        lambda s, h: s.execute(update(LedgerEntry).where(LedgerEntry.shard == "group:M/W6").values(
            entry=func.replace(LedgerEntry.entry, '"6":1000', '"6":1001'))),
        {"Z7", "Z8"}, "entry 3 was changed after it was written"),
    "an entry of the ledger": (
        lambda s, h: s.execute(text("DELETE FROM ledger WHERE shard = 'group:M/W6' AND sequence = 3")), {"Z7", "Z8"}, "entry 3 is missing"),
    "an entry that is no entry": (
        lambda s, h: s.execute(update(LedgerEntry).where(LedgerEntry.shard == "group:M/W6", LedgerEntry.sequence == 3).values(entry="{")),
        {"Z7", "Z8"}, "the ledger cannot be replayed"),
    "an entry without what its kind needs": (
        lambda s, h: s.execute(update(LedgerEntry).where(LedgerEntry.sequence == 3).values(entry='{"kind":"mark"}')),
        {"Z7", "Z8"}, "the ledger cannot be replayed"),
    "a key in the definition": (_change_key, {"Z7"}, "the table holds none with that hash"),
    "the end of a chain": (
        lambda s, h: s.execute(text("DELETE FROM ledger WHERE shard = 'group:M/W7' AND sequence > 5")), {"Z7", "Z8"}, "its head says"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_law_that_was_broken_names_it(everywhere: Hall, case: str) -> None:
    change, laws, words = CASES[case]
    found = tamper(everywhere, change)
    assert set(found) == laws
    assert words in " ".join(law.detail.en for law in found.values())
    assert all(law.detail.zh != law.detail.en for law in found.values())


def test_an_untouched_exam_breaks_none(everywhere: Hall) -> None:
    laws = verify(everywhere.site, everywhere.exam.id)
    assert [law.detail.en for law in laws if not law.holds] == []
    assert [law.law for law in laws] == ["Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7", "Z8"]
    assert all(law.checked for law in laws)
