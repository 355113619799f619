"""What people are called, beside what the ledger calls them: for the pages of the exam office and of clerks.

A record says `user:7`, since names may be corrected and erased. A marker's page never asks here: whose mark it is stays unsaid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.site import Site
from core.tables import User

_USER = re.compile(r"user:(\d{1,18})")


def names_of(session: Session, actors: Iterable[str]) -> Callable[[str], str]:
    """How each of these actors is called, asked once for all of them. Several people are `user:7+user:9`."""
    ids = {int(number) for actor in actors for number in _USER.findall(actor)}
    found: dict[int, str] = {}
    if ids:
        for user_id, name, login in session.execute(select(User.id, User.name, User.login).where(User.id.in_(ids))):
            found[user_id] = name or login
    return lambda actor: _USER.sub(lambda m: found.get(int(m[1]), m[0]), actor.replace("+user:", ", user:"))


def give_names(site: Site, entries: Iterable[dict[str, Any]], key: str = "by") -> None:
    """Put `by_name` beside every `by`."""
    told = [entry for entry in entries if key in entry]
    if not told:
        return
    with site.database.read() as session:
        name = names_of(session, (entry[key] for entry in told))
    for entry in told:
        entry[f"{key}_name"] = name(entry[key])
