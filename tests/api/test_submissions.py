"""What is handed in together is answered one by one, each after its commit, and one that fails costs the others nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import Response
from redis.exceptions import RedisError
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError

from api import submissions
from api.submissions import LEAST_SECONDS, HandIn, Submissions
from core.ids import new_token
from core.signed_in import digest
from core.tables import Mark, Session
from marking import handout, intake
from marking.batch import submit_all
from tests.marking.exams import Hall, one_group, open_hall, read_all
from tests.marking.laws import check_rows


@pytest.fixture
def hall(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Hall]:
    opened = open_hall(tmp_path, database_url, redis_url, one_group(), scripts=30, durable=False)
    read_all(opened)
    intake.sweep(opened.site, opened.exam_id)
    yield opened
    opened.site.close()


def signed_in(hall: Hall, role: str = "marker") -> str:
    user, token = hall.person(role), new_token()
    now = hall.site.now()
    with hall.site.database.write() as session:
        session.add(Session(token_hash=digest(token), user_id=user, made_at=now, expires_at=now + timedelta(hours=1)))
    return token


def hand_in(hall: Hall, *asked: HandIn) -> list[Response]:
    async def all_at_once() -> Sequence[Response]:
        return await asyncio.gather(*map(desk.hand_in, asked))

    desk = Submissions(hall.site)
    return list(asyncio.run(all_at_once()))


def said(response: Response) -> Any:
    return json.loads(bytes(response.body))


def first_task(hall: Hall, token: str) -> str:
    (reply,) = hand_in(hall, HandIn(token, hall.exam_id, None, 1))
    return str(said(reply)["tasks"][0]["task"])


def mark(hall: Hall, token: str, task: str, value: object = 3) -> HandIn:
    return HandIn(token, hall.exam_id, None, 1, task, str(uuid4()), {"21": value}, 5.0)


def test_everybody_gets_the_answer_to_what_he_handed_in(hall: Hall) -> None:
    tokens = [signed_in(hall) for _ in range(20)]
    tasks = [first_task(hall, token) for token in tokens]
    replies = hand_in(hall, *(mark(hall, token, task) for token, task in zip(tokens, tasks, strict=True)))
    assert [said(reply)["saved"]["task"] for reply in replies] == tasks
    following = [said(reply)["tasks"][0]["task"] for reply in replies]
    assert len({*tasks, *following}) == 40
    check_rows(hall)


def test_who_is_refused_is_so_alone(hall: Hall) -> None:
    good, wrong, clerk = signed_in(hall), signed_in(hall), signed_in(hall, "clerk")
    first, second = first_task(hall, good), first_task(hall, wrong)
    asked = (mark(hall, wrong, second, 99), mark(hall, good, first), mark(hall, clerk, second), mark(hall, "nobody's token", second))
    assert [reply.status_code for reply in hand_in(hall, *asked)] == [422, 200, 403, 401]
    with hall.site.database.read() as session:
        assert len(session.scalars(select(Mark.id)).all()) == 1


def test_a_session_that_ended_is_over_at_once(hall: Hall) -> None:
    """Also where the process has served it before; and others, who come in the same moment, are served."""
    token, other = signed_in(hall), signed_in(hall)

    async def one_after_the_other() -> list[Response]:
        desk = Submissions(hall.site)
        first = [await desk.hand_in(HandIn(one, hall.exam_id, None, 1)) for one in (token, other)]
        (task,), (theirs,) = (said(reply)["tasks"] for reply in first)
        with hall.site.database.write() as session:
            session.execute(delete(Session).where(Session.token_hash == digest(token)))
        marks = mark(hall, token, task["task"]), mark(hall, other, theirs["task"])
        return [*await asyncio.gather(*map(desk.hand_in, marks)), await desk.hand_in(HandIn(token, hall.exam_id, None, 1))]

    assert [reply.status_code for reply in asyncio.run(one_after_the_other())] == [401, 200, 401]
    with hall.site.database.read() as session:
        assert len(session.scalars(select(Mark.id)).all()) == 1


def test_nobody_is_put_out_when_what_is_known_of_sessions_is_forgotten(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody new comes in the same round as a mark of somebody whose session was known."""
    monkeypatch.setattr(submissions, "MOST_KNOWN", 0)
    old, new = signed_in(hall), signed_in(hall)

    async def together() -> list[Response]:
        desk = Submissions(hall.site)
        (task,) = said(await desk.hand_in(HandIn(old, hall.exam_id, None, 1)))["tasks"]
        both = mark(hall, old, task["task"]), HandIn(new, hall.exam_id, None, 1)
        return list(await asyncio.gather(*map(desk.hand_in, both)))

    assert [reply.status_code for reply in asyncio.run(together())] == [200, 200]


def test_what_nobody_foresaw_spoils_one_answer_and_no_other(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = signed_in(hall), signed_in(hall)
    asked = (mark(hall, one, first_task(hall, one), 1), mark(hall, other, first_task(hall, other), 2))
    real = submit_all

    def fail(site: Any, exam_id: int, sent: Sequence[Any]) -> Any:
        if any(s.values == {"21": 1} for s in sent):
            raise RuntimeError("a defect")
        return real(site, exam_id, sent)

    monkeypatch.setattr(submissions, "submit_all", fail)
    assert [reply.status_code for reply in hand_in(hall, *asked)] == [500, 200]


def test_a_transaction_that_the_database_broke_off_is_tried_again(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed_in(hall)
    asked, real, tries = mark(hall, token, first_task(hall, token)), submit_all, [0]

    def break_off_once(*how: Any) -> Any:
        tries[0] += 1
        if tries[0] == 1:
            raise OperationalError("COMMIT", {}, Exception("two waited for each other"))
        return real(*how)

    monkeypatch.setattr(submissions, "submit_all", break_off_once)
    assert [reply.status_code for reply in hand_in(hall, asked)] == [200]
    assert tries == [2]


def test_a_mark_is_kept_and_answered_though_the_queue_server_is_away(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed_in(hall)
    task = first_task(hall, token)

    def away(*how: Any) -> Any:
        raise RedisError("nobody answers")

    monkeypatch.setattr(handout, "_run", away)
    (reply,) = hand_in(hall, mark(hall, token, task))
    assert (reply.status_code, said(reply)["tasks"]) == (200, [])


def test_no_answer_is_so_quick_that_its_time_could_tell(hall: Hall) -> None:
    token, took = signed_in(hall), []

    async def timed() -> None:
        desk = Submissions(hall.site)
        for _ in range(3):
            begun = asyncio.get_running_loop().time()
            await desk.hand_in(HandIn(token, hall.exam_id, None, 1))
            took.append(asyncio.get_running_loop().time() - begun)

    asyncio.run(timed())
    assert min(took) > LEAST_SECONDS - 0.002
