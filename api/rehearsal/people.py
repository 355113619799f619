"""The rehearsal's accounts: all rows at once, with one password, since five hundred slow hashes are not what is rehearsed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import select

from api.passwords import hashed
from api.rehearsal.exam import Person
from core.bulk import insert_rows
from core.site import Site
from core.tables import Role, User


def add_people(site: Site, exam_id: int, people: Sequence[Person]) -> str:
    """Whoever is not there yet; the password of all of them, made anew by each run."""
    password = secrets.token_urlsafe(12)
    kept, now = hashed(password), site.now()
    with site.database.write() as session:
        known = set(session.scalars(select(User.login)))
        fresh = [p for p in people if p.login not in known]
        rows = [{"login": p.login, "name": p.login, "password_hash": kept, "affiliation": p.school, "made_at": now} for p in fresh]
        insert_rows(session, User, rows)
        ids = dict(session.execute(select(User.login, User.id)).all())
        insert_rows(session, Role, [{"user_id": ids[p.login], "role": p.role, "exam_id": exam_id, "scope": p.scope} for p in fresh])
        for user in session.scalars(select(User)):
            user.password_hash = kept
    return password


def ids_of(site: Site) -> dict[str, int]:
    with site.database.read() as session:
        return dict(session.execute(select(User.login, User.id)).all())
