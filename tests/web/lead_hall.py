"""An exam under marking for the quality room: people at work, seeds, an answer that could not be marked, pictures to look at."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from api.auth import add_user, grant_role
from core.tables import ResponsePicture, User
from marking import intake, problems, seeds
from tests.marking.exams import Hall, open_hall, read_all
from tests.marking.watching_room import ask, watched, work
from tests.web.conftest import PASSWORD
from tests.web.hall import handwriting

RULES = "{rounds: {trial: {responses: 1}}, seeds: {first_of_day: true, stop_after: 3}, back_reading: {share: 0.5}}"
STEPS = '[{id: "23", marks: 16, steps: [{id: "23a", marks: 6, title: First part}, {id: "23b", marks: 10, title: Second part}]}]'
PLACE = ("M", "W21")
MARKERS = (("chen", "陈晓明"), ("zhou", "Zhou Min"), ("hu", "Hu Jing"))


def groups() -> str:
    titled = watched(RULES, "'1'").replace("title: Question", "title: {zh: 第21题, en: Question 21}")
    return titled + f"      - {{id: W23, title: {{zh: 第23题, en: Question 23}}, items: {STEPS}, scheme: '1'}}\n"


def lead_hall(home: Path, database_url: str, redis_url: str, *, scripts: int = 22) -> Hall:
    """Li leads, Zhang agrees definitive marks, three have marked: 6, 5 and 4 answers, the trial among them."""
    hall = open_hall(home, database_url, redis_url, groups(), scripts=scripts, schools=("S1",), durable=False)
    read_all(hall)
    intake.sweep(hall.site, hall.exam_id)
    _draw(hall)
    people = (
        ("li", "Li Na", "leader", "M"),
        ("zhang", "张伟", "arbiter", ""),
        *((login, name, "marker", "M/W21") for login, name in MARKERS),
    )
    for login, name, role, scope in people:
        add_user(hall.site, login, name, PASSWORD)
        grant_role(hall.site, login, role, "T", scope)
    chief = person(hall, "zhang")
    for use, value in (("trial", "5"), ("live", "6")):
        agree(hall, chief, use, value)
    for (login, _), count, value in zip(MARKERS, (6, 5, 4), ("5", "6", "9"), strict=True):
        work(hall, person(hall, login), count, value)
    for reason, note in (("wrong_place", "It goes on in the margin of page 2."), ("illegible", "")):
        task = ask(hall, person(hall, "hu"))
        assert task is not None
        problems.problem(hall.site, hall.exam_id, person(hall, "hu"), task.task, f"a key of {reason}", reason, note)
    return hall


def person(hall: Hall, login: str) -> int:
    with hall.site.database.read() as session:
        return session.scalars(select(User.id).where(User.login == login)).one()


def agree(hall: Hall, chief: int, use: str, value: str) -> None:
    (one,) = seeds.candidates(hall.site, hall.exam_id, chief, *PLACE, 1)
    seeds.propose(hall.site, hall.exam_id, chief, one.response, use, {"21": value}, "Two of three steps are there.")


def _draw(hall: Hall) -> None:
    with hall.site.database.write() as session:
        for n, row in enumerate(session.scalars(select(ResponsePicture).order_by(ResponsePicture.id))):
            row.sha256, row.width, row.height = hall.site.store.put(handwriting(n % 9)), 1400, 560
