"""What every route is spared: bodies without end, text that no database keeps, a queue server or database that is away.

A route whose class is `Guarded` meets only requests that its rooms can answer with a sentence; nothing here knows a rule
of the exam.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi.routing import APIRoute
from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, OperationalError
from starlette.types import Message, Receive

from core.errors import BadInput, Unavailable

LARGEST_JSON = 1024 * 1024
LARGEST_NUMBER = (1 << 63) - 1  # what a column of a database holds
Number = Annotated[int, Path(ge=0, le=LARGEST_NUMBER)]
AGAIN = "Try again in a moment; nothing that was saved is lost."
log = logging.getLogger("markhall.api")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Guarded(APIRoute):
    def get_route_handler(self) -> Handler:
        handle, reads_json = super().get_route_handler(), self.body_field is not None

        async def guarded(request: Request) -> Response:
            check([*request.path_params.values(), *(part for pair in request.query_params.multi_items() for part in pair)], "address")
            with spoken(request.scope["path"]):
                return await handle(await _read(request) if reads_json else request)

        return guarded


@contextmanager
def spoken(path: str) -> Iterator[None]:
    """What is away, or does not fit into a column, told in a sentence."""
    try:
        yield
    except RedisError as e:
        log.warning("the queue server did not answer: %s", e)
        raise Unavailable("the queue server does not answer.", remedy=AGAIN) from e
    except OperationalError as e:
        log.warning("the database did not answer: %s", e)
        raise Unavailable("the database does not answer.", remedy=AGAIN) from e
    except DataError as e:  # PostgreSQL's columns are narrower than the numbers of JSON
        raise BadInput("a number of the request is larger than any that is kept.", where=path, remedy="Look it up again.") from e


async def _read(request: Request) -> Request:
    """The request with its body read and looked at; malformed JSON is left to whoever parses it."""
    whole = Request(request.scope, _limited(request.receive, request.url.path))
    await whole.body()
    try:
        value = await whole.json()
    except (ValueError, RecursionError):
        return whole
    check(value, "body")
    return whole


def _limited(receive: Receive, where: str) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_JSON:
            raise BadInput(f"the request is larger than {LARGEST_JSON // 1024} KiB.", where=where)
        return message

    return limited


def check(value: object, where: str) -> None:
    """Refuse text with a NUL or half a surrogate pair, and whole numbers beyond 63 bits, however deep they lie."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and not _is_text(one):
            raise BadInput("a text holds characters that cannot be kept.", where=where, remedy="Leave out NUL and broken Unicode.")
        elif isinstance(one, int) and abs(one) > LARGEST_NUMBER:
            raise BadInput("a number is too large.", where=where)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
