"""Law Z7: two paths, one from the rows and one from the ledger alone, give the same score item by item."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import ledger
from core.errors import NotProven
from core.exam import ExamDefinition
from core.tables import Definition, Exam
from scoring.compose import ComposedScore, composed
from scoring.law import Findings, LawResult
from scoring.recompose import RecomposedScore, Recomposition
from scoring.replay import Replay, replay


def replayed(session: Session, exam: Exam) -> Replay:
    """The ledger's state; NotProven where an entry cannot be read at all."""
    try:
        return replay(ledger.entries(session, exam.id))
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise NotProven(
            f"the ledger cannot be replayed: an entry is not what its kind says ({type(e).__name__}: {e}).",
            where="ledger",
            remedy="Restore the ledger from a backup.",
        ) from e


def totals(session: Session, exam: Exam, state: Replay | None = None) -> LawResult:
    """Z7: the score of every script, item by item, from the rows and from the ledger alone."""
    found = Findings("Z7")
    state = state or replayed(session, exam)
    second = Recomposition(state, stated_definition(session, exam, state))
    seen: set[str] = set()
    parts = 0
    for one in composed(session, exam):
        seen.add(one.secret)
        parts += len(one.items)
        two = second.score(one.secret)
        if two is None:
            found.fault(zh=f"账本里没有答卷 {one.secret}", en=f"the ledger does not know script {one.secret}")
        else:
            for what in differences(one, two):
                found.fault(zh=f"答卷 {one.secret}：{what}", en=f"script {one.secret}: {what}")
    for secret in sorted(set(state.scripts) - seen):
        found.fault(zh=f"数据库里没有答卷 {secret}", en=f"the database does not know script {secret}")
    return found.result(
        len(seen), zh=f"{len(seen)} 份答卷、{parts} 个小题分，两路相差 0", en=f"{len(seen)} scripts, {parts} item scores by two paths"
    )


def differences(one: ComposedScore, two: RecomposedScore) -> Iterator[str]:
    if (str(one.status), one.paper, one.candidate) != (two.status, two.paper, two.candidate):
        yield f"{one.paper} {one.status} / {two.paper} {two.status}"
    for item in sorted(set(one.items) | set(two.items)):
        first, other = one.items.get(item), two.items.get(item)
        if first is None or other is None or first.numerator * other[1] != other[0] * first.denominator:
            shown = "-" if other is None else f"{other[0]}/{other[1]}"
            yield f"{item} {first if first is not None else '-'} / {shown}"
    if one.total.numerator * two.total[1] != two.total[0] * one.total.denominator or one.published != two.published:
        yield f"total {one.total} -> {one.published} / {two.total[0]}/{two.total[1]} -> {two.published}"


def stated_definition(session: Session, exam: Exam, state: Replay) -> ExamDefinition:
    """The definition that the ledger names, by version and by hash."""
    version, sha256 = state.definition
    body = session.scalar(select(Definition.body).where(Definition.exam_id == exam.id, Definition.version == version))
    if body is None or hashlib.sha256(ledger.canonical(body)).hexdigest() != sha256:
        raise NotProven(
            f"the ledger names version {version} of the exam definition, and the table holds none with that hash.",
            where="definition",
            remedy="Restore the definition from a backup.",
        )
    return ExamDefinition.model_validate(body)
