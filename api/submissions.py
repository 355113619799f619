"""Where marks are handed in: what comes while a transaction is under way waits, and is kept together by the next one.

One thread of the web process keeps marks and serves tasks; the event loop only reads requests and writes answers. So a
hundred markers who submit in the same moment cost the database little more than one, and none is answered before the
commit that holds his mark.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Response
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from api.problems import refusal
from api.rounds import Rounds, sentence
from core.errors import MarkhallError
from core.questions import ask
from core.signed_in import alive, digest, ended
from core.site import Site
from marking import stopping
from marking.batch import Outcome, People, Saved, Sent, submit_all
from marking.handout import tell
from marking.serving import TaskView, Wish, Work, serve

MOST_TOGETHER = 128
MOST_KNOWN = 100_000  # sessions
LEAST_SECONDS = 0.04  # that every answer takes: a quick one waits. Far from what a person notices, and pages ask ahead
TRIES = 2  # of a transaction that the database broke off, such as one of two that waited for each other
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


class Submissions:
    """One thread keeps marks and serves tasks, so that marks that come together share a transaction."""

    def __init__(self, site: Site) -> None:
        known = Known()
        self._rounds = Rounds[HandIn, bytes](
            "submissions", lambda asked: _Together(site, known, asked).answers(), most=MOST_TOGETHER, threads=1
        )

    async def hand_in(self, what: HandIn) -> Response:
        """Answered when the mark is kept for good, or refused."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        answer = await self._rounds.ask(what)
        # What follows from a mark (a seed that is held against its definitive one) takes a moment, which nobody shall see.
        await asyncio.sleep(LEAST_SECONDS - (clock() - begun))
        return refusal(answer) if isinstance(answer, MarkhallError) else Response(answer, media_type="application/json")


class Known:
    """Whose session a token was when it was last asked. A token is one person's for ever, so what is kept can be out of date
    in one way only: the session may have ended. Whoever keeps a mark asks that again."""

    def __init__(self) -> None:
        self._users: dict[str, tuple[str, int]] = {}

    def of(self, token: str) -> tuple[str, int] | None:
        """The digest and the user."""
        return self._users.get(token)

    def look_up(self, site: Site, tokens: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Those of them that are alive, each with its digest and user; what they say is kept."""
        digests = {digest(token): token for token in tokens}
        with site.database.glance() as session:
            (found,) = ask(session, alive(digests, site.now()))
        if len(self._users) > MOST_KNOWN:
            self._users.clear()
        alive_now = {digests[key]: (key, user_id) for key, user_id in found}
        self._users |= alive_now
        return alive_now


class _Together:
    """The requests of one round."""

    def __init__(self, site: Site, known: Known, asked: Sequence[HandIn]) -> None:
        self._site = site
        self._known = known
        self._asked = asked
        self._users: dict[str, tuple[str, int]] = {}  # by token: the digest and the user, of those who are let in
        self._answers: dict[int, Answer] = {}

    def answers(self) -> list[Answer]:
        # Where a mark is kept, the transaction that keeps it asks whether the session is alive; all others are asked here.
        known = {one.token: user for one in self._asked if (user := self._known.of(one.token)) is not None}
        new = {one.token for one in self._asked if not one.has_mark or one.token not in known}
        self._users = {token: user for token, user in known.items() if token not in new}
        if new:
            self._users |= self._known.look_up(self._site, sorted(new))
        by_exam: dict[int, list[int]] = defaultdict(list)
        for n, one in enumerate(self._asked):
            if one.token in self._users:
                by_exam[one.exam_id].append(n)
            else:
                self._answers[n] = ended()
        for exam_id, numbers in by_exam.items():
            self._exam(exam_id, numbers)
        return [self._answers[n] for n in range(len(self._asked))]

    def _sent(self, one: HandIn) -> Sent:
        key, user = self._users[one.token]
        return Sent(user, one.task, one.key, one.marks, one.seconds, session=key)

    def _exam(self, exam_id: int, numbers: Sequence[int]) -> None:
        asked = self._asked
        with_marks = [n for n in numbers if asked[n].has_mark]
        sent = [self._sent(asked[n]) for n in with_marks]
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
        for n, work in zip(wishing, self._served(exam_id, wishing, known), strict=True):
            self._answers[n] = _reply(saved.get(n), work)

    def _served(self, exam_id: int, wishing: Sequence[int], known: People | None) -> Sequence[Work | MarkhallError]:
        wishes = [Wish(self._users[self._asked[n].token][1], self._asked[n].group, self._asked[n].hold) for n in wishing]
        if not wishes:
            return []
        try:
            return serve(self._site, exam_id, wishes, known)
        except (RedisError, OperationalError, MarkhallError) as e:
            return [sentence(e)] * len(wishes)


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
