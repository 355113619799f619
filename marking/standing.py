"""Where each marker stands in each item group, and whether he may mark there now. Writer of `standings`.

Rules stand in the exam definition (`core.quality`); where an item group has none, everybody is live, no row is made and
nothing is counted. A marker who was stopped is refused always, at every level. What follows from marks: `marking.watching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from core.bulk import among, insert_rows, update_rows
from core.errors import NotFound
from core.exam import ExamDefinition
from core.quality import Quality
from core.questions import Among, Asked, Question, Rows, ask
from core.states import StandingState, TaskLevel, TaskPurpose
from core.tables import Standing, User

IN_ROUNDS = frozenset({StandingState.TRIAL, StandingState.FIRST, StandingState.SECOND})
OUT = frozenset({StandingState.STOPPED, StandingState.SUSPENDED})
NONE = -1  # of a countdown: nothing is planned. 0: it is due
Place = tuple[int, str, str]  # user, paper, item group
COLUMNS = (  # in the order of a Stand's fields
    Standing.user_id, Standing.paper, Standing.group, Standing.state, Standing.at, Standing.id,
    Standing.day, Standing.today, Standing.marks, Standing.until_seed, Standing.until_self, Standing.failed,
)  # fmt: skip


@dataclass(slots=True)
class Stand:
    """One row. `id` 0: it is not written yet."""

    user_id: int
    paper: str
    group: str
    state: StandingState
    at: datetime  # since when in this state
    id: int = 0
    day: str = ""
    today: int = 0
    marks: int = 0
    until_seed: int = NONE
    until_self: int = NONE
    failed: int = 0
    changed: bool = False

    @property
    def place(self) -> Place:
        return self.user_id, self.paper, self.group

    def become(self, state: StandingState, now: datetime) -> None:
        self.state, self.at, self.failed, self.changed = state, now, 0, True


class Standings:
    """Of some markers, as they are in the transaction that loaded them."""

    def __init__(self, exam_id: int, definition: ExamDefinition, now: datetime, rows: Iterable[Stand] = ()) -> None:
        self.exam_id, self.definition, self.now = exam_id, definition, now
        local = now.astimezone(ZoneInfo(definition.time_zone))
        self.midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        self.day = local.date().isoformat()
        self._rows = {row.place: row for row in rows}
        self._rules: dict[tuple[str, str], Quality | None] = {}

    def __iter__(self) -> Iterator[Stand]:
        return iter(self._rows.values())

    def rules(self, paper: str, group: str) -> Quality | None:
        if (paper, group) not in self._rules:
            self._rules[paper, group] = self.definition.quality_of(paper, group)
        return self._rules[paper, group]

    def require_group(self, paper: str, group: str) -> None:
        if not any(p.code == paper and g.id == group for p in self.definition.papers for g in p.written):
            raise NotFound(f"there is no item group {paper}/{group}.", where="group", remedy="Name it as the exam definition does.")

    def known(self, user_id: int, paper: str, group: str) -> Stand | None:
        return self._rows.get((user_id, paper, group))

    def get(self, user_id: int, paper: str, group: str) -> Stand:
        """The marker's row; a new one, which `save` writes, where there is none."""
        place = (user_id, paper, group)
        if place not in self._rows:
            rules = self.rules(paper, group)
            state = StandingState(rules.first_state) if rules else StandingState.LIVE
            self._rows[place] = Stand(user_id, paper, group, state, self.now, changed=True)
        return self._rows[place]

    def state(self, user_id: int, paper: str, group: str) -> StandingState:
        rules, row = self.rules(paper, group), self.known(user_id, paper, group)
        if row is None:
            return StandingState(rules.first_state) if rules else StandingState.LIVE
        if row.state in OUT:
            return row.state
        asked = rules is not None and (row.state not in IN_ROUNDS or rules.rounds.of(row.state.value) is not None)
        return row.state if asked else StandingState.LIVE

    def is_out(self, user_id: int, paper: str, group: str) -> bool:
        """Stopped, by a person or a rule."""
        row = self.known(user_id, paper, group)
        return row is not None and row.state in OUT

    def refusal(
        self,
        user_id: int,
        paper: str,
        group: str,
        purpose: TaskPurpose = TaskPurpose.LIVE,
        level: TaskLevel = TaskLevel.MARKER,
        *,
        seconds: float | None = None,
    ) -> str:
        """Why not, in a sentence; empty: this person may. `seconds` of a mark that comes in; None: a task is to be given out."""
        state, name = self.state(user_id, paper, group), f"{paper}/{group}"
        if state in OUT:
            return f"your marking of {name} has been stopped; your leader will speak with you."
        if level is not TaskLevel.MARKER:
            return ""
        if state is StandingState.FAILED:
            return f"you have not been admitted to {name}; your leader knows of it."
        if state in IN_ROUNDS and purpose is not TaskPurpose.TRIAL:
            return f"{name} opens to you after the responses of the {WORDS[state]} that you are given first."
        rules = self.rules(paper, group)
        if rules is None:
            return ""
        if seconds is None:
            return self._at_limit(user_id, paper, group, rules) if purpose is not TaskPurpose.TRIAL else ""
        least = rules.limits.refuse_faster_than
        if least is not None and seconds < least:
            return f"this mark came after {seconds:g} seconds; an answer of {name} takes at least {least:g} to read."
        return ""

    def _at_limit(self, user_id: int, paper: str, group: str, rules: Quality) -> str:
        row = self.known(user_id, paper, group)
        if row is None:
            return ""
        a_day, in_all = rules.limits.a_day, rules.limits.in_all
        if in_all is not None and row.marks >= in_all:
            return f"you have marked your {in_all} of {paper}/{group}; thank you."
        if a_day is not None and row.day == self.day and row.today >= a_day:
            return f"you have reached today's {a_day} of {paper}/{group}; thank you."
        return ""

    def is_due(self, user_id: int, paper: str, group: str) -> bool:
        """Whether `marking.watching.on_next` has something to do before this marker is given work of this group at level marker."""
        rules = self.rules(paper, group)
        if rules is None:
            return False
        row = self.known(user_id, paper, group)
        if row is None:
            return True
        state = self.state(user_id, paper, group)
        return state in IN_ROUNDS or (state is StandingState.LIVE and row.day != self.day)

    def take_over(self, others: Standings) -> None:
        """What another transaction has found or made anew of the same exam."""
        self._rows |= others._rows

    def save(self, session: Session) -> None:
        """Write what changed: two statements at most."""
        changed = [row for row in self._rows.values() if row.changed]
        insert_rows(session, Standing, [self._columns(row) for row in changed if not row.id], unless_there=True)
        update_rows(session, Standing, [{"id": row.id, **self._columns(row)} for row in changed if row.id])
        for row in changed:
            row.changed = False

    def _columns(self, row: Stand) -> dict[str, object]:
        return {"exam_id": self.exam_id, **{column.key: getattr(row, column.key) for column in COLUMNS if column.key != "id"}}


WORDS = {StandingState.TRIAL: "trial", StandingState.FIRST: "first round", StandingState.SECOND: "second round"}


def load(
    session: Session,
    exam_id: int,
    user_ids: Sequence[int],
    definition: ExamDefinition,
    now: datetime,
    *,
    lock: bool = False,
    only: bool = False,
) -> Standings:
    """Locked by whoever writes marks or standings, in the order of their numbers and before any response is.

    Where nobody is watched there is no row to lock, so the people themselves are, as a new mark locks them anyhow: who stops
    somebody (`only`) waits for the marks that are under way, and later ones see the stop.
    """
    if lock:
        people = select(User.id).where(among(session, User.id, user_ids)).order_by(User.id)
        session.execute(people.with_for_update() if only else people.with_for_update(read=True, key_share=True)).all()
    (rows,) = ask(session, standing_of(exam_id, user_ids, lock=lock))
    return Standings(exam_id, definition, now, stands_from(rows))


def _stands(among: Among) -> Select[*tuple[Any, ...]]:
    return select(*COLUMNS).where(Standing.exam_id == bindparam("exam"), among(Standing.user_id, "people")).order_by(Standing.id)


_STANDS = Question(_stands)
_LOCKED = Question(lambda among: _stands(among).with_for_update())


def standing_of(exam_id: int, user_ids: Sequence[int], *, lock: bool = False) -> Asked:
    """`lock` is for whoever has locked these people before."""
    return (_LOCKED if lock else _STANDS)(exam=exam_id, people=list(user_ids))


def stands_from(rows: Rows) -> list[Stand]:
    """What the answer to `standing_of` says."""
    return [Stand(*row) for row in rows]
