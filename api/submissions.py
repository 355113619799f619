"""Where marks are handed in: what comes while a transaction is under way waits, and is kept together by the next one.

One thread of the web process keeps marks and serves tasks; the event loop only reads requests and writes answers. So a
hundred markers who submit in the same moment cost the database little more than one, and none is answered before the
commit that holds his mark.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Response
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from api.auth import ended, users_of
from api.problems import refusal
from api.routes.guarded import spoken
from core.errors import MarkhallError
from core.site import Site
from marking import stopping
from marking.batch import Outcome, People, Saved, Sent, submit_all
from marking.handout import tell
from marking.serving import TaskView, Wish, Work, serve

MOST_TOGETHER = 128
LEAST_SECONDS = 0.04  # that every answer takes: a quick one waits. Far from what a person notices, and pages ask ahead
TRIES = 2  # of a transaction that the database broke off, such as one of two that waited for each other
log = logging.getLogger("markhall.api")
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class HandIn:
    """One request: a mark, if there is one, and how many tasks to be given."""

    token: str  # of the session
    exam_id: int
    group: str | None
    hold: int
    task: str = ""
    key: str = ""
    marks: object = None
    seconds: float = 0.0

    @property
    def has_mark(self) -> bool:
        return bool(self.task)


Answer = bytes | MarkhallError


@dataclass(frozen=True, slots=True)
class _Waiting:
    what: HandIn
    answer: asyncio.Future[Answer]


class Submissions:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._waiting: list[_Waiting] = []
        self._some = threading.Condition()
        self._thread: threading.Thread | None = None

    async def hand_in(self, what: HandIn) -> Response:
        """Answered when the mark is kept for good, or refused."""
        one = _Waiting(what, asyncio.get_running_loop().create_future())
        with self._some:
            self._waiting.append(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="submissions", daemon=True)
                self._thread.start()
            self._some.notify()
        begun = one.answer.get_loop().time()
        answer = await one.answer
        # What follows from a mark (a seed that is held against its definitive one) takes a moment, which nobody shall see.
        await asyncio.sleep(LEAST_SECONDS - (one.answer.get_loop().time() - begun))
        return refusal(answer) if isinstance(answer, MarkhallError) else Response(answer, media_type="application/json")

    def _run(self) -> None:
        while True:
            with self._some:
                while not self._waiting:
                    self._some.wait()
                together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            answers = self._answers([one.what for one in together])
            loops: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Answer]]] = defaultdict(list)
            for one, answer in zip(together, answers, strict=True):
                loops[one.answer.get_loop()].append((one, answer))
            for loop, pairs in loops.items():
                try:
                    loop.call_soon_threadsafe(_deliver, pairs)
                except RuntimeError:
                    log.warning("nobody is there any more to be answered; what was saved is saved")

    def _answers(self, asked: Sequence[HandIn]) -> list[Answer]:
        """Whatever happens, an answer to each."""
        try:
            return _Together(self._site, asked).answers()
        except (RedisError, OperationalError) as e:
            return [_sentence(e)] * len(asked)
        except Exception as e:
            if len(asked) > 1:  # one of them may be at fault: each by itself, so that the others are served
                return [answer for one in asked for answer in self._answers([one])]
            return [_sentence(e)]


def _deliver(pairs: Sequence[tuple[_Waiting, Answer]]) -> None:
    for one, answer in pairs:
        if not one.answer.done():
            one.answer.set_result(answer)


def _sentence(error: Exception) -> MarkhallError:
    try:
        with spoken("the request"):
            raise error
    except MarkhallError as e:
        return e
    except Exception as e:
        log.error("marks could not be kept", exc_info=e)
        return MarkhallError("something went wrong here.", remedy="Try again, and tell whoever runs the server if it stays so.")


class _Together:
    """The requests of one round."""

    def __init__(self, site: Site, asked: Sequence[HandIn]) -> None:
        self._site = site
        self._asked = asked
        self._answers: dict[int, Answer] = {}

    def answers(self) -> list[Answer]:
        with self._site.database.glance() as session:
            users = users_of(session, sorted({one.token for one in self._asked}), self._site.now())
        by_exam: dict[int, list[int]] = defaultdict(list)
        for n, one in enumerate(self._asked):
            if one.token in users:
                by_exam[one.exam_id].append(n)
            else:
                self._answers[n] = ended()
        for exam_id, numbers in by_exam.items():
            self._exam(exam_id, numbers, users)
        return [self._answers[n] for n in range(len(self._asked))]

    def _exam(self, exam_id: int, numbers: Sequence[int], users: dict[str, int]) -> None:
        asked = self._asked
        with_marks = [n for n in numbers if asked[n].has_mark]
        sent = [Sent(users[asked[n].token], asked[n].task, asked[n].key, asked[n].marks, asked[n].seconds) for n in with_marks]
        saved: dict[int, Saved] = {}
        kept = _again(lambda: submit_all(self._site, exam_id, sent)) if sent else Outcome()
        for n, answer in zip(with_marks, kept.answers, strict=True):
            if isinstance(answer, Saved):
                saved[n] = answer
            else:
                self._answers[n] = answer
        tell(self._site, exam_id, kept.steps)
        stopping.finish(self._site, exam_id, kept.stops)
        known = kept.people if not kept.stops else None  # a stop has changed where somebody stands
        wishing = [n for n in numbers if n in saved or not asked[n].has_mark]
        for n, work in zip(wishing, self._served(exam_id, wishing, users, known), strict=True):
            self._answers[n] = _reply(saved.get(n), work)

    def _served(self, exam_id: int, wishing: Sequence[int], users: dict[str, int], known: People | None) -> Sequence[Work | MarkhallError]:
        wishes = [Wish(users[self._asked[n].token], self._asked[n].group, self._asked[n].hold) for n in wishing]
        if not wishes:
            return []
        try:
            return serve(self._site, exam_id, wishes, known)
        except (RedisError, OperationalError, MarkhallError) as e:
            return [_sentence(e)] * len(wishes)


T = TypeVar("T")


def _again(attempt: Callable[[], T]) -> T:
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except OperationalError:
            continue
    return attempt()


def _reply(saved: Saved | None, work: Work | MarkhallError) -> Answer:
    """After something was saved a reply that said no would have it sent again, or taken for lost."""
    if isinstance(work, MarkhallError):
        if saved is None:
            return work
        work = Work((), 0)
    said = f'"saved":{{"task":{_dumps(saved.task)},"outcome":"{saved.outcome}"}},' if saved is not None else ""
    return work_json(work, said)


def work_json(work: Work, said: str = "") -> bytes:
    tasks = ",".join(task_json(view) for view in work.tasks)
    return f'{{{said}"tasks":[{tasks}],"open":{work.open}}}'.encode()


def task_json(view: TaskView) -> str:
    face = view.face
    pictures = ",".join(f'{{"url":"/api/marking/pictures/{p.token}","width":{p.width},"height":{p.height}}}' for p in view.pictures)
    shown = "" if view.shown is None else f',"shown":{_dumps([{"marks": one.marks} for one in view.shown])}'
    return (
        f'{{"task":"{view.task}","paper":{_dumps(face.paper)},"group":{_dumps(face.group)},"title":{face.title_json},"pictures":[{pictures}],'
        f'"items":{face.items_json},"lease_seconds":{view.lease_seconds},"level":"{view.level}"{shown}}}'
    )
