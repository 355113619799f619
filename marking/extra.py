"""One more blind mark where it helps most: what a chief examiner sees before it is asked for, asking, and what came of it.

`marking.risk` says which responses of an item group; the scheme's `extra` says how many at most. `responses.extra` says how
often a response was asked for, so that nothing is asked twice; the ledger has it; `settle` reopens the response and adds its
slot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from core.errors import Conflict
from core.site import Site
from core.states import ResponseState, TaskLevel
from marking.extra_odds import Standing, chances_now, odds_of
from marking.extra_rows import load, told
from marking.handout import tell
from marking.record import Record, emit, lock_responses, save
from marking.risk import plan
from marking.scatter import Ints
from marking.settle import settle

CHUNK = 200  # responses in a transaction
PARTS = 10_000  # what a probability is written in, so that the ledger holds whole numbers


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be asked, and what it is expected to come to. Marks are definitive with these chances, counted over items."""

    paper: str
    group: str
    responses: int
    undecided: int  # still open, or with a leader
    allowed: int  # extra marks by the scheme's share
    asked: int  # of those, that were asked for before
    chosen: int  # responses that one more would be asked for now
    items: int  # decided items that the chances are of
    now: float  # definitive final marks, expected
    after: float  # the same after the chosen ones were marked again
    other_now: float  # the same by the other measure: exact, or within the tolerance
    exact: bool  # which of the two `now` and `after` are
    marks: float  # that it is expected to take, experts' included
    measured: bool  # False: there are too few marks together, the usual error of the field is assumed


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all extra marks of a group: expected, and spent."""

    asked: int
    done: int
    marks: int  # given after they were asked for
    experts: int  # of those, by leaders and arbiters
    before: float  # definitive final marks among those done, as it was expected when it was asked
    expected: float  # ... after one more mark, as it was expected then
    now: float  # ... as it is estimated from the marks that came


def preview(site: Site, exam_id: int, paper: str, group: str, *, at_most: int | None = None) -> Preview:
    """Changes nothing."""
    with site.database.read() as session:
        return _planned(session, exam_id, paper, group, at_most)[0]


def ask(site: Site, exam_id: int, paper: str, group: str, by: str, *, at_most: int | None = None) -> Preview:
    """Ask for one more mark on the responses of the plan. Who was asked for meanwhile, or has changed, is left alone."""
    with site.database.read() as session:
        found, standing, chosen = _planned(session, exam_id, paper, group, at_most)
    asked = 0
    for start in range(0, len(chosen), CHUNK):
        places = {int(standing.responses[n]): n for n in chosen[start : start + CHUNK]}
        now = site.now()
        with site.database.write() as session:
            locked = lock_responses(session, exam_id, sorted(places), now).values()
            records = [r for r in locked if may_be_asked(r) and r.response.extra == standing.extra[places[r.response.id]]]
            for record in records:
                _ask(record, standing, places[record.response.id], by)
            save(session, exam_id, records, now)
            emit(session, exam_id, records, now)
        asked += len(records)
        for record in records:
            tell(site, exam_id, record.hints)
    return found if asked == found.chosen else _with(found, asked)


def report(site: Site, exam_id: int, paper: str, group: str) -> Report:
    """Expected and spent, over all responses of the group that were asked for."""
    with site.database.read() as session:
        rows = load(session, exam_id, paper, group)
        asked = told(session, exam_id, rows, paper)
    done = [one for one in asked if one.response in rows.decided]
    chances = chances_now(rows, [one.response for one in done])
    return Report(
        asked=len(asked),
        done=len(done),
        marks=sum(one.marks for one in asked),
        experts=sum(one.experts for one in asked),
        before=sum(one.before for one in done) / PARTS,
        expected=sum(one.expected for one in done) / PARTS,
        now=float(chances.sum()),
    )


def may_be_asked(record: Record) -> bool:
    """Agreed by markers alone, and not asked for as often as the scheme allows."""
    response, rule = record.response, record.group.scheme.extra
    by_markers = all(mark.level is TaskLevel.MARKER for mark in record.counted())
    return by_markers and response.current and response.state is ResponseState.AGREED and rule is not None and response.extra < rule.most


def _planned(session: Session, exam_id: int, paper: str, group: str, at_most: int | None) -> tuple[Preview, Standing, Ints]:
    rows = load(session, exam_id, paper, group)
    rule = rows.group.scheme.extra
    if rule is None:
        raise Conflict(
            f"the scheme of {paper}/{group} has no extra marks.", where="extra", remedy='Give it one, such as `extra: {share: "0.10"}`.'
        )
    allowed = rule.of(rows.responses)
    left = max(0, allowed - rows.asked)
    standing = odds_of(rows)
    may = np.array([r in rows.candidates for r in standing.responses.tolist()], np.bool_)
    gain = np.where(may, standing.odds.gain, 0.0)
    chosen = plan(gain, standing.odds.marks, float("inf"), at_most=left if at_most is None else min(left, at_most), seed=exam_id)
    found = Preview(
        paper=paper,
        group=group,
        responses=rows.responses,
        undecided=rows.responses - len(rows.decided),
        allowed=allowed,
        asked=rows.asked,
        chosen=len(chosen),
        items=len(standing.responses) * len(rows.group.items),
        now=float(standing.odds.now.sum()),
        after=float(standing.odds.now.sum() + standing.odds.gain[chosen].sum()),
        other_now=float(standing.other.sum()),
        exact=standing.exact,
        marks=float(standing.odds.marks[chosen].sum()),
        measured=standing.measured,
    )
    return found, standing, chosen


def _ask(record: Record, standing: Standing, place: int, by: str) -> None:
    record.response.extra += 1
    before, after = standing.odds.now[place], standing.odds.after[place]
    record.entries.append(
        {
            "kind": "extra",
            "response": record.response.id,
            "extra": record.response.extra,
            "before": round(float(before) * PARTS),
            "expected": round(float(after) * PARTS),
            "by": by,
        }
    )
    settle(record)


def _with(found: Preview, asked: int) -> Preview:
    """Fewer than were planned: the others changed between the plan and the asking."""
    share = asked / max(1, found.chosen)
    values = {name: getattr(found, name) for name in Preview.__slots__}
    values |= {"chosen": asked, "after": found.now + (found.after - found.now) * share, "marks": found.marks * share}
    return Preview(**values)
