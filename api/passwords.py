"""Passwords as they are kept: argon2id, computed for a few people at a time, and made anew where they are of another form.

The form is OWASP's least for argon2id: 19 MiB, two passes, one lane. No more, since hundreds of markers sign in within the
same minutes at a server whose cores serve those who mark already. Who guesses over HTTP is slowed down a login by `api.guesses`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")
AT_ONCE = max(1, (os.cpu_count() or 1) // 2)  # a process; the other cores are left to those who mark
BESIDE = 2  # sign-ins of a process that wait for the database meanwhile
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_turns = threading.BoundedSemaphore(AT_ONCE)


def hashed(password: str) -> str:
    with _turns:
        return _hasher.hash(password)


def form_of(kept: str) -> str:
    """What of a kept password says how it was computed: all before the salt."""
    return "$".join(kept.split("$")[:4])


# Looked at when a login does not exist, so that an answer's time does not tell who has an account.
_NOBODY = hashed("nobody")
FORM = form_of(_NOBODY)


def is_right(kept: str | None, password: str) -> bool:
    """None: there is no such login; it takes as long. So does what is no hash."""
    try:
        return _verified(kept or _NOBODY, password) and kept is not None
    except InvalidHashError:
        _verified(_NOBODY, password)
        return False


def is_old(kept: str) -> bool:
    return _hasher.check_needs_rehash(kept)


def spend(checked: str | None, others: Iterable[str], password: str) -> None:
    """What a refusal takes besides: once each form that is in use and that was not looked at.

    While some passwords are of an older form, which takes longer, it would else tell whose login there is.
    """
    examples = {form_of(kept): kept for kept in others if kept.startswith("$argon2")} | {FORM: _NOBODY}
    examples.pop(form_of(checked) if checked is not None and checked.startswith("$argon2") else FORM, None)
    for form in sorted(examples):
        _verified(_nobody_of(form, examples[form]), password)


def _verified(kept: str, password: str) -> bool:
    try:
        with _turns:
            return _hasher.verify(kept, password)
    except VerificationError:
        return False


_made: dict[str, str] = {FORM: _NOBODY}


def _nobody_of(form: str, example: str) -> str:
    """Nobody's password in the form of an example."""
    if form not in _made:
        with _turns:
            _made[form] = PasswordHasher.from_parameters(extract_parameters(example)).hash("nobody")
    return _made[form]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE + BESIDE, thread_name_prefix="passwords")


async def in_turn(call: Callable[[], T]) -> T:
    """In a thread of the few that passwords have; who waits for one holds none of those that other requests need."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), copy_context().run, call)
