"""Seeds, self re-marks, looks and stops leave the laws of the marks whole, and both ways to a score agree."""

from sqlalchemy import select, update

from core import ledger
from core.states import MarkState, TaskPurpose
from core.tables import Exam, FinalMark, Mark, Response, Task
from marking import backreading, stopping
from marking.put_back import PERSON
from scoring import verify_marks
from scoring.derive import derived_finals
from scoring.recompose import counted_marks
from scoring.replay import replay
from tests.marking.conftest import OpenHall, open_anywhere, open_exam  # noqa: F401  # fixtures
from tests.marking.exams import Hall
from tests.marking.laws import check_rows
from tests.marking.watching_room import make_seeds, watched, work

RULES = "{seeds: {first_of_day: true, one_in: 3, stop_after: null}, self_marks: {one_in: 3, after_marks: 1, after_minutes: 0}}"


def watched_hall(opened: OpenHall) -> tuple[Hall, int]:
    """All is marked: among it seeds, own responses again, a correction, a mark that was sent back, a stopped marker's work."""
    hall = opened(watched(RULES), scripts=20)
    make_seeds(hall, hall.person("arbiter"), "live", 6)
    first, second, third, leader = hall.person("marker"), hall.person("marker"), hall.person("marker"), hall.person("leader")
    work(hall, first, 60)
    work(hall, second, 60, "6")
    place = (hall.site, hall.exam_id, leader)
    for outcome in ("confirm", "correct", "send_back"):
        look = backreading.next_look(*place, "M", "W21", first)
        assert look is not None
        if outcome == "confirm":
            backreading.confirm(*place, look.mark)
        elif outcome == "correct":
            backreading.correct(*place, look.mark, "key of the correction", {"21": "9"})
        else:
            backreading.send_back(*place, look.mark)
    stopping.stop(hall.site, hall.exam_id, second, "M", "W21", rule=PERSON, reason="x", by=f"user:{leader}")
    work(hall, third, 60)
    work(hall, hall.person("marker"), 60)
    return hall, first


def test_z5_and_z6_hold_and_the_ledger_gives_the_same_marks(open_anywhere: OpenHall) -> None:  # noqa: F811
    hall, _ = watched_hall(open_anywhere)
    check_rows(hall)
    with hall.site.database.read() as session:
        exam = session.get_one(Exam, hall.exam_id)
        purposes = set(session.scalars(select(Mark.purpose)))
        states = set(session.scalars(select(Mark.state)))
        assert {TaskPurpose.SEED, TaskPurpose.SELF, TaskPurpose.LIVE} <= purposes
        assert {MarkState.VOID, MarkState.SURPLUS, MarkState.COUNTED} <= states
        for law in (verify_marks.marks, verify_marks.blind):
            found = law(session, exam)
            assert found.holds, found.detail.en
        state = replay(ledger.entries(session, hall.exam_id))
        group = hall.definition.paper("M").group("W21")
        again = {
            (number, item): n / d
            for number, response in state.responses.items()
            for item, (n, d) in derived_finals(group, counted_marks(response), response.objective).items()
        }
        finals = session.scalars(select(FinalMark).where(FinalMark.current)).all()
        assert {(f.response_id, f.item): f.numerator / f.denominator for f in finals} == again
        assert len(again) == len(session.scalars(select(Response.id).where(Response.current)).all()) == 20


def test_a_blind_mark_by_somebody_who_had_looked_is_a_fault(open_exam: OpenHall) -> None:  # noqa: F811
    hall, first = watched_hall(open_exam)
    with hall.site.database.write() as session:
        mark = session.scalars(
            select(Mark).where(Mark.marker_id == first, Mark.purpose == TaskPurpose.LIVE, Mark.state == MarkState.COUNTED)
        ).first()
        assert mark is not None
        looked = session.scalars(select(Task).where(Task.purpose == TaskPurpose.BACK)).first()
        assert looked is not None
        session.execute(
            update(Task).where(Task.id == looked.id).values(response_id=mark.response_id, marker_id=first, ordinal=first, done_at=mark.at)
        )
    with hall.site.database.read() as session:
        found = verify_marks.blind(session, session.get_one(Exam, hall.exam_id))
    assert not found.holds
    assert "had met response" in found.detail.en
