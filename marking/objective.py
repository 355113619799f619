"""How a script did in its objective part, for the rule on outliers: a share of full marks, taken once, when it is asked for marking.

It is a measure, not a score: an item counts when exactly a right answer was given. Partial marks and later changes of the
key do not move it, so that an adjudication can be made again from what stood in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.exam import Paper
from core.tables import AnswerRow, Script


def share(paper: Paper, answers: Mapping[str, str], paper_type: str | None) -> Fraction | None:
    """The share of the objective items' full marks that was earned; None where no item counts."""
    items = [item for item in paper.objective if item.treatment == "counted"]
    full = sum(item.marks for item in items)
    if not full:
        return None
    earned = sum(item.marks for item in items if frozenset(filter(None, answers.get(item.id, "").split("|"))) in item.key_for(paper_type))
    return Fraction(earned, full)


def shares_of(session: Session, paper: Paper, script_ids: Sequence[int]) -> dict[int, str]:
    """Of each script its share as it is kept: `n/d`, or nothing where there is none."""
    types: dict[int, str | None] = dict(session.execute(select(Script.id, Script.paper_type).where(Script.id.in_(script_ids))).all())
    answers: dict[int, dict[str, str]] = {script: {} for script in script_ids}
    query = select(AnswerRow.script_id, AnswerRow.item, AnswerRow.value).where(AnswerRow.script_id.in_(script_ids), AnswerRow.current)
    for script, item, value in session.execute(query):
        answers[script][item] = value
    found = {script: share(paper, given, types[script]) for script, given in answers.items()}
    return {script: "" if one is None else f"{one.numerator}/{one.denominator}" for script, one in found.items()}


def kept(text: str) -> Fraction | None:
    return Fraction(text) if text else None
