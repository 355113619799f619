"""What a person may mark in an exam: at which level, in which item groups, and whose scripts never."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from core.errors import Forbidden
from core.questions import Among, Asked, Question, Rows, ask
from core.states import TaskLevel
from core.tables import Conflict, Role, User

LEVELS = {str(level): level for level in TaskLevel}  # a role's name is its level's


@dataclass(frozen=True, slots=True)
class Reach:
    user_id: int
    roles: frozenset[tuple[TaskLevel, str]]  # the scope is "" (the exam), "M" (a paper) or "M/W21" (an item group)
    schools: frozenset[str]  # excluded: the person's own, and declared conflicts

    def may(self, level: TaskLevel, paper: str, group: str) -> bool:
        return any((level, scope) in self.roles for scope in ("", paper, f"{paper}/{group}"))

    @property
    def leads(self) -> bool:
        return any(level is not TaskLevel.MARKER for level, _ in self.roles)

    def require(self, level: TaskLevel, paper: str, group: str) -> None:
        if not self.may(level, paper, group):
            raise Forbidden(f"you may not mark {paper}/{group} as {level}.", where="task")

    def require_lead(self, paper: str, group: str) -> None:
        if not (self.may(TaskLevel.LEADER, paper, group) or self.may(TaskLevel.ARBITER, paper, group)):
            raise Forbidden(f"only a leader or arbiter of {paper}/{group} may do this.", where="response")


def reach_of(session: Session, exam_id: int, user_id: int) -> Reach:
    """Forbidden for somebody who is not active or may mark nothing in this exam."""
    found = reaches_of(session, exam_id, [user_id]).get(user_id)
    if found is None:
        raise nobody()
    return found


def nobody() -> Forbidden:
    return Forbidden("you are no marker of this exam.", where="role")


def reaches_of(session: Session, exam_id: int, user_ids: Sequence[int]) -> dict[int, Reach]:
    """In one statement; without those who are not active or may mark nothing in this exam."""
    (rows,) = ask(session, reaching(exam_id, user_ids))
    return reaches_from(rows)


def _people(among: Among) -> Select[*tuple[Any, ...]]:
    # Of each table by itself: before a database has counted its new markers it would join all of them.
    return (
        select(User.id, User.affiliation, Role.role, Role.scope, Conflict.school_code)
        .join(Role, and_(Role.user_id == User.id, or_(Role.exam_id == bindparam("exam"), Role.exam_id.is_(None))))
        .outerjoin(Conflict, and_(Conflict.user_id == User.id, among(Conflict.user_id, "people")))
        .where(among(User.id, "people"), among(Role.user_id, "people"), among(Role.role, "roles"), User.active)
    )


_PEOPLE = Question(_people)
_LOCKED = Question(lambda among: _people(among).with_for_update(read=True, key_share=True, of=User))


def reaching(exam_id: int, user_ids: Sequence[int], *, lock: bool = False) -> Asked:
    """`lock`: nobody of them can be stopped before this transaction has ended. It is the lock that each of their marks takes."""
    return (_LOCKED if lock else _PEOPLE)(exam=exam_id, people=list(user_ids), roles=list(LEVELS))


def reaches_from(rows: Rows) -> dict[int, Reach]:
    """What the answer to `reaching` says."""
    roles, schools = defaultdict[int, set[tuple[TaskLevel, str]]](set), defaultdict[int, set[str]](set)
    for user_id, affiliation, role, scope, school in rows:
        roles[user_id].add((LEVELS[role], scope))
        schools[user_id].update(name for name in (affiliation, school) if name)
    return {user_id: Reach(user_id, frozenset(held), frozenset(schools[user_id])) for user_id, held in roles.items()}
