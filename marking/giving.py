"""Gives markers the seeds and own responses that are due. Once a second, beside the web's requests and never within one.

So neither the reply that a check comes with nor the one that made it due takes longer than others. Whatever died in between:
what is due stands in `standings` until it was given.
"""

from __future__ import annotations

from sqlalchemy import or_, select

from core.errors import NotFound
from core.exam import ExamDefinition
from core.site import Site
from core.states import StandingState
from core.tables import Standing
from marking import given, handout, standing
from marking.definitions import current_definition
from marking.handout import Steps
from marking.watching import After, give_own, give_seed

TOGETHER = 50  # markers in one transaction: their marks wait for it


def give(site: Site, exam_id: int) -> int:
    """How many tasks were given."""
    with site.database.read() as session:
        try:
            _, definition = current_definition(session, exam_id)
        except NotFound:
            return 0
        if not _watches(definition):
            return 0
        due = or_(Standing.until_seed == 0, Standing.until_self == 0)
        query = select(Standing.user_id).where(Standing.exam_id == exam_id, Standing.state == StandingState.LIVE, due)
        users = sorted(set(session.scalars(query)))
    return sum(_give(site, exam_id, definition, users[start : start + TOGETHER]) for start in range(0, len(users), TOGETHER))


def _watches(definition: ExamDefinition) -> bool:
    return definition.quality is not None or any(g.quality is not None for p in definition.papers for g in p.written)


def _give(site: Site, exam_id: int, definition: ExamDefinition, users: list[int]) -> int:
    after = After()
    with site.database.write() as session:
        standings = standing.load(session, exam_id, users, definition, site.now(), lock=True)
        for row in standings:
            rules = standings.rules(row.paper, row.group)
            if rules is None or row.state is not StandingState.LIVE:
                continue
            if row.until_seed == 0:
                give_seed(session, standings, rules, row, after)
            if row.until_self == 0:
                give_own(session, standings, rules, row, after)
        standings.save(session)
        offered = given.add_own_tasks(session, exam_id, after.tasks, standings.now)
    handout.tell(site, exam_id, Steps().offer(offered))
    return len(offered)
