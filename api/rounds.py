"""What many ask in the same moment, answered in rounds: what comes while a round is under way waits for the next.

Threads of the web process answer; the event loop only reads requests and writes answers. So a hundred who ask at once cost
the database little more than one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from api.routes.guarded import spoken
from core.errors import MarkhallError

Question = TypeVar("Question")
Reply = TypeVar("Reply")
log = logging.getLogger("markhall.api")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Question, Reply]):
    what: Question
    answer: asyncio.Future[Reply | MarkhallError]


class Rounds(Generic[Question, Reply]):
    """`answers` gives one for each question of a round, in order. Where it fails as a whole each question is asked by itself."""

    def __init__(
        self, name: str, answers: Callable[[Sequence[Question]], Sequence[Reply | MarkhallError]], *, most: int, threads: int
    ) -> None:
        self._name = name
        self._answers_to = answers
        self._most = most
        self._threads = threads
        self._waiting: list[_Waiting[Question, Reply]] = []
        self._some = threading.Condition()
        self._idle = 0
        self._running = 0

    async def ask(self, what: Question) -> Reply | MarkhallError:
        one: _Waiting[Question, Reply] = _Waiting(what, asyncio.get_running_loop().create_future())
        with self._some:
            self._waiting.append(one)
            if not self._idle and self._running < self._threads:
                self._running += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            self._some.notify()
        return await one.answer

    def _run(self) -> None:
        while True:
            with self._some:
                self._idle += 1
                while not self._waiting:
                    self._some.wait()
                self._idle -= 1
                together, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            answers = self._answers([one.what for one in together])
            loops = defaultdict[asyncio.AbstractEventLoop, list[tuple[_Waiting[Question, Reply], Reply | MarkhallError]]](list)
            for one, answer in zip(together, answers, strict=True):
                loops[one.answer.get_loop()].append((one, answer))
            for loop, pairs in loops.items():
                try:
                    loop.call_soon_threadsafe(_deliver, pairs)
                except RuntimeError:
                    log.warning("nobody is there any more to be answered; what was saved is saved")

    def _answers(self, asked: Sequence[Question]) -> Sequence[Reply | MarkhallError]:
        """Whatever happens, an answer to each."""
        try:
            return self._answers_to(asked)
        except (RedisError, OperationalError) as e:
            return [sentence(e)] * len(asked)
        except Exception as e:
            if len(asked) > 1:  # one of them may be at fault: each by itself, so that the others are served
                return [answer for one in asked for answer in self._answers([one])]
            return [sentence(e)]


def _deliver(pairs: Sequence[tuple[_Waiting[Question, Reply], Reply | MarkhallError]]) -> None:
    for one, answer in pairs:
        if not one.answer.done():
            one.answer.set_result(answer)


def sentence(error: Exception) -> MarkhallError:
    """What whoever asked is told of it."""
    try:
        with spoken("the request"):
            raise error
    except MarkhallError as e:
        return e
    except Exception as e:
        log.error("a round could not be answered", exc_info=e)
        return MarkhallError("something went wrong here.", remedy="Try again, and tell whoever runs the server if it stays so.")
