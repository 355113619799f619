"""Who is asking: users with passwords and roles, sessions with random tokens, stations with tokens of their own.

The writer of users, roles, conflicts and sessions. Only hashes of tokens and passwords are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from api import passwords
from core.errors import BadInput, Forbidden, NotFound, NotSignedIn
from core.errors import Conflict as StateConflict
from core.ids import new_token
from core.signed_in import digest, ended
from core.site import Site
from core.tables import Conflict, Exam, Role, Session, User

ROLES = ("office", "chief", "clerk", "marker", "leader", "arbiter", "auditor")
SESSION_HOURS = 16
SHORTEST_PASSWORD = 8
log = logging.getLogger("markhall.api")


@dataclass(frozen=True, slots=True)
class Grant:
    role: str
    exam_id: int | None  # None: every exam
    scope: str


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    login: str
    name: str
    grants: tuple[Grant, ...]

    @property
    def actor(self) -> str:
        """How the ledger names this person."""
        return f"user:{self.id}"

    def may(self, exam_id: int, *roles: str) -> bool:
        return any(g.role in roles and g.exam_id in (None, exam_id) for g in self.grants)

    def require(self, exam_id: int, *roles: str) -> None:
        if not self.may(exam_id, *roles):
            raise Forbidden(f"this needs the role {' or '.join(roles)}.", where=self.login, remedy="Ask the exam office for it.")


def add_user(site: Site, login: str, name: str, password: str, *, affiliation: str = "", conflicts: Sequence[str] = ()) -> int:
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput(f"the password has fewer than {SHORTEST_PASSWORD} characters.", where=login, remedy="Choose a longer one.")
    kept = passwords.hashed(password)
    with site.database.write() as session:
        if session.scalar(select(User.id).where(User.login == login)) is not None:
            raise StateConflict(f"there is a user {login} already.", where="login")
        user = User(login=login, name=name, password_hash=kept, affiliation=affiliation, made_at=site.now())
        session.add(user)
        session.flush()
        session.add_all(Conflict(user_id=user.id, school_code=school) for school in conflicts)
        return user.id


def grant_role(site: Site, login: str, role: str, exam: str | None, scope: str = "") -> None:
    if role not in ROLES:
        raise NotFound(f"there is no role {role}.", where="role", remedy=f"One of: {', '.join(ROLES)}.")
    with site.database.write() as session:
        user_id = session.scalar(select(User.id).where(User.login == login))
        if user_id is None:
            raise NotFound(f"there is no user {login}.", where="login")
        exam_id = None
        if exam is not None:
            exam_id = session.scalar(select(Exam.id).where(Exam.code == exam))
            if exam_id is None:
                raise NotFound(f"there is no exam {exam}.", where="exam")
        same = select(Role.id).where(Role.user_id == user_id, Role.role == role, Role.exam_id == exam_id, Role.scope == scope)
        if session.scalar(same) is None:
            session.add(Role(user_id=user_id, role=role, exam_id=exam_id, scope=scope))


def check_password(site: Site, login: str, password: str) -> int:
    """The id of the user with this login and password, or NotSignedIn."""
    with site.database.read() as session:
        user = session.scalar(select(User).where(User.login == login, User.active))
    kept = user.password_hash if user else None
    if not passwords.is_right(kept, password) or user is None:
        passwords.spend(kept, _of_other_forms(site), password)
        raise NotSignedIn("login or password is wrong.", remedy="Try again, or ask the exam office.")
    if passwords.is_old(user.password_hash):
        _hash_anew(site, user, password)
    return user.id


def _of_other_forms(site: Site) -> Sequence[str]:
    query = select(User.password_hash).where(User.active, ~User.password_hash.startswith(passwords.FORM, autoescape=True))
    with site.database.read() as session:
        return session.scalars(query).all()


def _hash_anew(site: Site, user: User, password: str) -> None:
    """Keep a password that was right in the form that is used now. Whatever hinders it, its owner is let in."""
    kept = passwords.hashed(password)
    try:
        with site.database.write() as session:
            same = User.id == user.id, User.password_hash == user.password_hash
            session.execute(update(User).where(*same).values(password_hash=kept))
    except SQLAlchemyError:
        log.warning("the password of user %d stays in its older form; the next sign-in tries again", user.id, exc_info=True)


def sign_in(site: Site, login: str, password: str) -> tuple[str, Person]:
    user_id = check_password(site, login, password)
    token, now = new_token() + new_token(), site.now()
    with site.database.write() as session:
        session.execute(delete(Session).where(Session.expires_at < now))
        session.add(Session(token_hash=digest(token), user_id=user_id, made_at=now, expires_at=now + timedelta(hours=SESSION_HOURS)))
    return token, person_of(site, token)


def sign_out(site: Site, token: str) -> None:
    with site.database.write() as session:
        session.execute(delete(Session).where(Session.token_hash == digest(token)))


def person_of(site: Site, token: str) -> Person:
    """Whose session a token is; NotSignedIn when it is nobody's or has ended."""
    query = (
        select(User.id, User.login, User.name, Session.expires_at, Role.role, Role.exam_id, Role.scope)
        .join(Session, Session.user_id == User.id)
        .outerjoin(Role, Role.user_id == User.id)
        .where(Session.token_hash == digest(token), User.active)
        .order_by(Role.id)
    )
    with site.database.glance() as session:
        rows = session.execute(query).all()
    if not rows or rows[0].expires_at < site.now():
        raise ended()
    grants = tuple(Grant(r.role, r.exam_id, r.scope) for r in rows if r.role is not None)
    return Person(rows[0].id, rows[0].login, rows[0].name, grants)
