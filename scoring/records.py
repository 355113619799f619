"""A published score as a record: what its row, its line in a release and the digest of all lines are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import ledger
from core.states import ScoreStatus
from core.tables import Candidate, Score
from scoring.compose import ComposedScore

WHOLE = ""  # the paper of a candidate's score in the whole exam
CHUNK = 500


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """`items` holds [numerator, denominator] in hundredths, and the answer behind them for an objective item."""

    candidate: str
    paper: str
    status: str
    numerator: int
    denominator: int
    published: int | None
    items: Mapping[str, Sequence[Any]]

    def line(self) -> bytes:
        body = {
            "candidate": self.candidate,
            "paper": self.paper,
            "status": self.status,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "published": self.published,
            "items": {item: list(value) for item, value in self.items.items()},
        }
        return ledger.canonical(body) + b"\n"


def record_of(score: ComposedScore) -> ScoreRecord:
    items: dict[str, list[Any]] = {}
    for item, marks in score.items.items():
        items[item] = [marks.numerator, marks.denominator]
        if item in score.answers:
            items[item].append(score.answers[item])
    total = score.total
    return ScoreRecord(score.candidate, score.paper, str(score.status), total.numerator, total.denominator, score.published, items)


@dataclass(slots=True)
class WholeExam:
    """A candidate's score over all papers: the sum of what each paper published, so nothing is rounded twice."""

    candidate: str
    papers: dict[str, tuple[str, int | None]] = field(default_factory=dict)

    def record(self) -> ScoreRecord:
        statuses = [status for status, _ in self.papers.values()]
        total = sum(published or 0 for _, published in self.papers.values())
        status = next((s for s in (ScoreStatus.WITHHELD, ScoreStatus.PRESENT, ScoreStatus.BLANK) if s in statuses), ScoreStatus.ABSENT)
        published = None if status in (ScoreStatus.WITHHELD, ScoreStatus.ABSENT) else total
        items = {paper: [marks, 1] for paper, (_, marks) in self.papers.items() if marks is not None}
        return ScoreRecord(self.candidate, WHOLE, str(status), total, 1, published, items)


def with_whole(scores: Iterable[ComposedScore], papers: int) -> Iterator[ScoreRecord]:
    """Each script's record, then, where there are several papers, each candidate's record of the whole exam."""
    wholes: dict[str, WholeExam] = {}
    for score in scores:
        if papers > 1:
            whole = wholes.setdefault(score.candidate, WholeExam(score.candidate))
            whole.papers[score.paper] = (str(score.status), score.published)
        yield record_of(score)
    for whole in wholes.values():
        yield whole.record()


def kept(session: Session, release_id: int) -> Iterator[ScoreRecord]:
    """A release's records in the order of its digest: by pseudonym, then paper, by code point."""
    query = select(Candidate.pseudonym, Score.paper, Score.id).join(Candidate, Candidate.id == Score.candidate_id)
    order = sorted(session.execute(query.where(Score.release_id == release_id)))
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        query_rows = select(Score.id, Score.status, Score.numerator, Score.denominator, Score.published, Score.items).where(
            Score.id.in_([id for _, _, id in chunk])
        )
        rows = {row.id: row for row in session.execute(query_rows)}
        for candidate, paper, id in chunk:
            row = rows[id]
            yield ScoreRecord(candidate, paper, str(row.status), row.numerator, row.denominator, row.published, row.items)


def digest_of(records: Iterable[ScoreRecord]) -> str:
    digest = hashlib.sha256()
    for record in records:
        digest.update(record.line())
    return digest.hexdigest()
