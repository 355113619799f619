"""A paper read again beside the first reading: real sheets, a template that was wrong, the list, and what is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.errors import Conflict, NotFound, TemplateInvalid
from core.loading import load_exam
from core.pictures import picture_bytes
from core.states import PageState, ReceiptState, ReleaseState, RereadingState, RereadState
from core.tables import Exam, Page, Picture, Receipt, Release, Rereading, RereadPage, TemplateVersion
from core.template import Template
from omr import desk
from omr.desk import rereading, rereading_accept, rereading_list
from omr.reread_jobs import read_chunk
from scanner.intake import take_turn
from scoring import verify_paper
from tests.omr.rereading_room import COLUMN, NUMBERS, TOLD, Cards, Room, column_off, open_room, print_and_scan, region_moved, truth

WRONG = dict.fromkeys(COLUMN, "D")  # what a clerk says who sees something else than is marked


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    return print_and_scan(tmp_path_factory.mktemp("cards"))


@pytest.fixture
def room(cards: Cards, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Room]:
    """The paper was read by a template whose first column is 3 mm off."""
    yield from read_by_the_wrong_template(cards, sqlite_url, redis_url, tmp_path)


@pytest.fixture
def either_room(cards: Cards, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Room]:
    """The same on each kind of database."""
    yield from read_by_the_wrong_template(cards, database_url, redis_url, tmp_path)


def read_by_the_wrong_template(cards: Cards, database_url: str, redis_url: str, folder: Path) -> Iterator[Room]:
    opened = open_room(cards, column_off(cards.template, 3.0), folder, database_url, redis_url)
    opened.read(cards.frames)
    yield opened
    opened.site.close()


def laws(room: Room) -> list[str]:
    """What Z1 to Z4 find wrong."""
    with room.site.database.read() as session:
        exam = session.get_one(Exam, room.exam_id)
        found = [check(session, exam) for check in (verify_paper.frames, verify_paper.sheets, verify_paper.identity, verify_paper.answers)]
    return [law.law for law in found if not law.holds]


def test_a_corrected_template_is_run_and_accepted_and_what_a_clerk_decided_stays(either_room: Room, cards: Cards) -> None:
    assert [c.kind for c in either_room.cases()] == ["doubt"] * 3
    either_room.decide(NUMBERS[0], WRONG)
    before = either_room.answers()
    number = either_room.reread(cards.template)
    assert either_room.counts(number) == {"differs": 3, "same": 3}
    assert either_room.answers() == before
    listed = either_room.differences(number)
    assert [set(d.differs) for d in listed] == [set(COLUMN)] * 3
    assert [d.differs["Q2"][1] for d in listed] == [{"value": TOLD[n]["Q2"], "doubt": False} for n in NUMBERS]
    assert [d.kept for d in listed] == [{item: {"value": "D", "by": "user:7"} for item in COLUMN}, {}, {}]
    assert rereading_list.fields_that_differ(either_room.site, either_room.exam_id, number) == dict.fromkeys(COLUMN, 3)
    either_room.accept(number, 3)
    assert either_room.answers() == truth(n20260000=WRONG)
    assert either_room.cases() == []
    assert laws(either_room) == []
    entries = [e for e in either_room.entries("rereading") if e["action"] == "accept"]
    assert [(e["by"], e["reason"], e["kept"]) for e in entries] == [
        ("user:9", "seen", COLUMN),
        ("user:9", "seen", []),
        ("user:9", "seen", []),
    ]


def test_what_was_accepted_is_taken_back_and_decisions_made_meanwhile_stay(either_room: Room, cards: Cards) -> None:
    either_room.decide(NUMBERS[0], WRONG)
    before = either_room.answers()
    number = either_room.reread(cards.template)
    either_room.accept(number, 3)
    either_room.take_back(number, 3)
    assert either_room.answers() == before
    assert sorted(c.candidate or "" for c in either_room.cases()) == list(NUMBERS[1:])
    assert either_room.counts(number) == {"differs": 3, "same": 3}
    either_room.decide(NUMBERS[1], WRONG)
    either_room.accept(number, 3)
    assert either_room.answers() == truth(n20260000=WRONG, n20260001=WRONG)
    assert laws(either_room) == []


def test_a_clerk_may_still_take_back_a_decision_after_the_second_reading_was_accepted(room: Room, cards: Cards) -> None:
    case = room.decide(NUMBERS[0], WRONG)
    number = room.reread(cards.template)
    room.accept(number, 3)
    desk.undo(room.site, room.exam_id, "user:7", case.id)
    assert room.answers() == truth()


def test_answers_that_were_read_wrongly_and_surely_are_on_the_list(cards: Cards, sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    room = open_room(cards, column_off(cards.template, 6.0), tmp_path, sqlite_url, redis_url)
    room.read(cards.frames)
    before = room.answers()
    assert before != truth()
    number = room.reread(cards.template)
    sure = {(d.sheet, f) for d in room.differences(number) for f, (first, _) in d.differs.items() if not first["doubt"]}
    assert len(sure) >= 3 * len(COLUMN) - 3
    wrong = {(n, item) for n in NUMBERS for item, (value, _) in before[n].items() if value != TOLD[n][item]}
    assert len(wrong) >= len(COLUMN)
    room.accept(number, 3)
    assert room.answers() == truth()
    room.site.close()


def test_the_same_reader_and_template_find_nothing_and_keep_no_picture(room: Room) -> None:
    with room.site.database.read() as session:
        pictures = session.scalar(select(func.count()).select_from(Picture))
    number = room.reread()
    assert room.counts(number) == {"same": 6}
    with room.site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Picture)) == pictures
        assert session.get_one(Rereading, number).state is RereadingState.DONE


def test_both_pictures_of_a_difference_can_be_seen_and_they_differ(room: Room, cards: Cards) -> None:
    number = room.reread(cards.template)
    one = room.differences(number)[0]
    assert one.pictures["Q1"] == ["first", "second"]
    both = [rereading_list.difference_picture(room.site, room.exam_id, number, one.id, "Q1", which)[0] for which in ("first", "second")]
    assert both[0][:2] == both[1][:2] == b"\xff\xd8"
    assert both[0] != both[1]
    with pytest.raises(NotFound, match="no picture of Q20"):
        rereading_list.difference_picture(room.site, room.exam_id, number, one.id, "Q20", "first")


def test_of_two_people_who_accept_the_second_is_told(room: Room, cards: Cards) -> None:
    number = room.reread(cards.template)
    first = room.differences(number)[0]
    assert room.accept(number, 1, pages=(first.id,)).pages == 1
    with pytest.raises(Conflict, match="2 pages are chosen now, not 3"):
        room.accept(number, 3)
    assert room.keep(number, 2).pages == 2
    assert room.counts(number) == {"accepted": 1, "kept": 2, "same": 3}


def test_by_field_only_pages_that_differ_in_nothing_else_are_accepted(either_room: Room, cards: Cards) -> None:
    number = either_room.reread(region_moved(cards.template, "W1", 8.0))
    pages = either_room.differences(number)
    assert [set(d.differs) for d in pages] == [{*COLUMN, "region:W1"}] * 3
    with pytest.raises(Conflict, match="0 pages are chosen now"):
        either_room.accept(number, 3, fields=tuple(COLUMN))
    assert either_room.accept(number, 3, fields=(*COLUMN, "region:W1")).pages == 3


def test_regions_that_lie_elsewhere_are_cut_anew_and_others_are_kept(room: Room, cards: Cards) -> None:
    with room.site.database.read() as session:
        before = {(p.receipt_id, r["name"]): r["sha256"] for p in session.scalars(select(Page)) for r in p.regions}
    room.accept(room.reread(cards.template), 3)
    with room.site.database.read() as session:
        pages = session.scalars(select(Page).where(Page.state != PageState.SUPERSEDED)).all()
        assert {(p.receipt_id, r["name"]): r["sha256"] for p in pages for r in p.regions} == before
        assert sorted(p.cut_from is not None for p in pages) == [False] * 3 + [True] * 3
    room.accept(room.reread(region_moved(cards.template, "W1", 8.0)), 3)
    with room.site.database.read() as session:
        pages = session.scalars(select(Page).where(Page.state != PageState.SUPERSEDED)).all()
        after = {(p.receipt_id, r["name"]): r["sha256"] for p in pages for r in p.regions}
    changed = {name for (receipt, name), sha in after.items() if before[receipt, name] != sha}
    assert changed == {"W1"}
    assert all(picture_bytes(room.site, sha)[:2] == b"\xff\xd8" for sha in after.values())


def test_a_page_that_does_not_stand_any_more_is_overtaken(room: Room, cards: Cards) -> None:
    view = rereading.start(room.site, room.exam_id, "user:9", "P", template=cards.template)
    first, second, third = _fronts(room)
    _supersede(room, first)
    for chunk in room.chunks(view.id):
        read_chunk(room.site, view.id, *chunk)
    assert room.counts(view.id) == {"differs": 2, "overtaken": 1, "same": 3}
    _supersede(room, second)
    settled = room.accept(view.id, 2)
    assert (settled.pages, settled.overtaken) == (2, 1)
    assert third not in _fronts(room)


def _fronts(room: Room) -> list[int]:
    with room.site.database.read() as session:
        return list(session.scalars(select(Page.id).where(Page.side == 1, Page.state != PageState.SUPERSEDED).order_by(Page.id)))


def _supersede(room: Room, page: int) -> None:
    with room.site.database.write() as session:
        session.get_one(Page, page).state = PageState.SUPERSEDED


def test_a_chunk_that_is_read_twice_counts_once(room: Room, cards: Cards) -> None:
    number = room.reread(cards.template)
    before = [d.id for d in room.differences(number)]
    assert read_chunk(room.site, number, *room.chunks(number)[0]) == {}
    assert [d.id for d in room.differences(number)] == before


def test_a_second_reading_that_cannot_place_the_page_has_failed_and_the_first_stands(room: Room, cards: Cards) -> None:
    before = room.answers()
    number = room.reread(_code_off(cards.template))
    assert room.counts(number) == {"failed": 6}
    assert all(d.reason for d in room.differences(number, RereadState.FAILED))
    assert room.answers() == before


def _code_off(template: Template) -> Template:
    """A template that looks for the page code where none is printed."""
    sides = []
    for side in template.sides:
        codes = tuple(c.model_copy(update={"box": (5.0, 120.0, 6.0, 6.0)}) if c.role == "page" else c for c in side.codes)
        sides.append(side.model_copy(update={"codes": codes}))
    return template.model_copy(update={"sides": tuple(sides)})


def test_a_template_of_other_sheets_is_refused_and_names_what_differs(room: Room, cards: Cards) -> None:
    front = cards.template.side(1)
    fewer = front.model_copy(update={"grids": tuple(g for g in front.grids if COLUMN[0] not in g.fields)})
    other = cards.template.model_copy(update={"sides": (fewer, *cards.template.sides[1:])})
    with pytest.raises(TemplateInvalid, match="the field Q1 of side 1 is another"):
        room.reread(other)
    with room.site.database.read() as session:
        assert len(session.scalars(select(TemplateVersion.id)).all()) == 1


def test_a_corrected_template_reads_new_frames_only_when_it_is_adopted(room: Room, cards: Cards) -> None:
    number = room.reread(cards.template)
    with room.site.database.read() as session:
        versions = session.execute(select(TemplateVersion.version, TemplateVersion.proposed).order_by(TemplateVersion.version)).all()
    assert versions == [(1, False), (2, True)]
    rereading_accept.adopt(room.site, room.exam_id, "user:9", number)
    assert room.reread() > number
    assert [v.template for v in rereading.list_rereadings(room.site, room.exam_id)] == [2, 3]
    with pytest.raises(Conflict, match="already"):
        rereading_accept.adopt(room.site, room.exam_id, "user:9", number)
    # Loading the exam again, with the template that was wrong, does not bring it back.
    load_exam(room.site, cards.definition, [], {"P": column_off(cards.template, 3.0)}, [], by="user:1")
    with room.site.database.read() as session:
        assert session.scalar(select(func.max(TemplateVersion.version))) == 3


def test_frames_that_no_reader_could_place_are_read_by_the_adopted_template(
    cards: Cards, sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    room = open_room(cards, _code_off(cards.template), tmp_path, sqlite_url, redis_url)
    room.read(cards.frames)
    assert len(room.cases()) == 6
    number = room.reread(cards.template)
    assert rereading.get_rereading(room.site, room.exam_id, number).state is RereadingState.DONE
    assert rereading_accept.adopt(room.site, room.exam_id, "user:9", number) == 6
    room.read_what_waits()
    with room.site.database.read() as session:
        assert set(session.scalars(select(Receipt.state))) == {ReceiptState.READ}
    assert room.answers() == truth()
    assert laws(room) == []
    room.site.close()


def test_after_a_signature_nothing_is_taken_back_and_a_closed_one_accepts_nothing(room: Room, cards: Cards) -> None:
    number = room.reread(cards.template)
    room.accept(number, 1, pages=(room.differences(number)[0].id,))
    rereading_accept.close(room.site, room.exam_id, "user:9", number)
    with pytest.raises(Conflict, match="closed"):
        room.accept(number, 2)
    with room.site.database.write() as session:
        signed = Release(
            exam_id=room.exam_id, number=1, state=ReleaseState.SIGNED, definition_version=1, laws=[], overrides=[], drafted_by="user:1",
            drafted_at=room.site.now(),
        )  # fmt: skip
        session.add(signed)
    with pytest.raises(Conflict, match="release 1 is signed"):
        room.take_back(number, 1)


def test_a_paper_is_read_again_by_one_run_at_a_time(room: Room, cards: Cards) -> None:
    view = rereading.start(room.site, room.exam_id, "user:9", "P", template=cards.template)
    with pytest.raises(Conflict, match="already"):
        rereading.start(room.site, room.exam_id, "user:9", "P")
    with pytest.raises(NotFound, match="no template"):
        rereading.start(room.site, room.exam_id, "user:9", "X")
    assert view.counts == {"waiting": 6}


def test_a_template_is_not_adopted_by_a_rereading_that_was_closed_before_its_end(room: Room, cards: Cards) -> None:
    number = rereading.start(room.site, room.exam_id, "user:9", "P", template=cards.template).id
    rereading_accept.close(room.site, room.exam_id, "user:9", number)
    with pytest.raises(Conflict, match="closed while 6 pages had not been read again"):
        rereading_accept.adopt(room.site, room.exam_id, "user:9", number)


def test_only_pages_that_were_settled_are_counted_as_settled(room: Room, cards: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    number, turns = room.reread(cards.template), list[int]()

    def turn(session: Session, exam_id: int) -> Exam:
        turns.append(exam_id)
        if len(turns) == 2:  # between two parts somebody else has kept the last page
            last = room.differences(number)[-1].id
            session.execute(update(RereadPage).where(RereadPage.id == last).values(state=RereadState.KEPT))
        return take_turn(session, exam_id)

    monkeypatch.setattr(rereading_accept, "AT_ONCE", 1)
    monkeypatch.setattr(rereading_accept, "take_turn", turn)
    settled = rereading_accept.keep(room.site, room.exam_id, "user:9", number, rereading_accept.Chosen(), expected=3)
    assert (settled.pages, settled.left, len(turns)) == (2, 0, 3)
