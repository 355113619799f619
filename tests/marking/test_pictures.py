"""Pictures are for whoever holds their task or has marked it, however many ask at once."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select

from core.errors import NotFound, NotSignedIn
from core.ids import new_token
from core.signed_in import digest
from core.tables import ResponsePicture, Session, Task
from marking.pictures import Glimpse, Shown, behind
from marking.submit import submit
from marking.work import next_tasks, release
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall


def signed_in(hall: Hall, *, hours: int = 1) -> tuple[int, str]:
    user, token = hall.person("marker"), new_token()
    now = hall.site.now()
    with hall.site.database.write() as session:
        session.add(Session(token_hash=digest(token), user_id=user, made_at=now, expires_at=now + timedelta(hours=hours)))
    return user, digest(token)


def test_a_picture_is_for_who_holds_its_task_or_has_marked_it(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    (user, mine), (_, another) = signed_in(hall), signed_in(hall)
    (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
    (picture,) = task.pictures
    (found,) = behind(hall.site, [Glimpse(mine, picture.token)])
    assert isinstance(found, Shown)
    assert len(found.sha256) == 64
    for wrong in (picture.token[:-1] + "2", task.task, "-1", picture.token + "9999999999999999999999", task.task + "-²", ""):
        assert isinstance(behind(hall.site, [Glimpse(mine, wrong)])[0], NotFound)
    assert isinstance(behind(hall.site, [Glimpse(another, picture.token)])[0], NotFound)
    submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": 1})
    assert behind(hall.site, [Glimpse(mine, picture.token)]) == [found]
    assert isinstance(behind(hall.site, [Glimpse(another, picture.token)])[0], NotFound)


def test_what_was_given_back_is_not_shown_any_more(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    user, mine = signed_in(hall)
    (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
    release(hall.site, hall.exam_id, user)
    assert isinstance(behind(hall.site, [Glimpse(mine, task.pictures[0].token)])[0], NotFound)


def test_many_who_ask_at_once_each_get_their_own_and_nothing_else(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=6)
    people = [signed_in(hall) for _ in range(4)]
    ended = signed_in(hall, hours=-1)
    tasks = {user: next_tasks(hall.site, hall.exam_id, user, hold=2).tasks for user, _ in [*people, ended]}
    with hall.site.database.write() as session:
        for row in session.scalars(select(ResponsePicture)):
            row.sha256 = f"{row.response_id:064x}"
        responses = dict(session.execute(select(Task.token, Task.response_id)).all())
    asked, wanted = list[Glimpse](), list[object]()
    for user, key in [*people, ended, (0, digest("nobody"))]:
        for other, theirs in tasks.items():
            for task in theirs:
                asked.append(Glimpse(key, task.pictures[0].token))
                mine = Shown(f"{responses[task.task]:064x}", "") if other == user else NotFound
                wanted.append(NotSignedIn if key in (ended[1], digest("nobody")) else mine)
    answers = behind(hall.site, asked)
    assert [answer if isinstance(answer, Shown) else type(answer) for answer in answers] == wanted
    assert len({answer for answer in answers if isinstance(answer, Shown)}) > 3
