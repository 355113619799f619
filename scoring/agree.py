"""Whether published records are what the ledger comes to: each one recomposed and compared, none left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scoring.recompose import RecomposedScore, Recomposition
from scoring.records import WHOLE, ScoreRecord


def disagreements(second: Recomposition, records: Iterable[ScoreRecord]) -> Iterator[str]:
    """One sentence for each record that differs, is missing or is too many."""
    places = {(s.candidate, s.paper): secret for secret, s in second.replay.scripts.items()}
    candidates: dict[str, dict[str, RecomposedScore]] = {}
    seen: set[tuple[str, str]] = set()
    wholes: list[ScoreRecord] = []
    for record in records:
        seen.add((record.candidate, record.paper))
        if record.paper == WHOLE:
            wholes.append(record)
            continue
        score = second.score(places.get((record.candidate, record.paper), ""))
        if score is None:
            yield f"candidate {record.candidate} has no script in paper {record.paper}"
            continue
        candidates.setdefault(record.candidate, {})[record.paper] = score
        if not _same(record, score):
            yield f"candidate {record.candidate}, paper {record.paper}: {record.published} is published, the ledger gives {score.published}"
    for place in sorted(set(places) - seen):
        yield f"candidate {place[0]} has no score in paper {place[1]}"
    for record in wholes:
        papers = candidates.get(record.candidate, {})
        summed = sum(s.published or 0 for s in papers.values())
        if (record.numerator, record.denominator) != (summed, 1) or record.status != _standing(papers):
            yield f"candidate {record.candidate}, whole exam: {record.numerator} is published, the papers sum to {summed}"


def _same(record: ScoreRecord, score: RecomposedScore) -> bool:
    if (record.status, record.published) != (score.status, score.published) or set(record.items) != set(score.items):
        return False
    if record.numerator * score.total[1] != score.total[0] * record.denominator:
        return False
    for item, (n, d) in score.items.items():
        told = record.items[item]
        if told[0] * d != n * told[1] or (told[2] if len(told) > 2 else None) != score.answers.get(item):
            return False
    return True


def _standing(papers: dict[str, RecomposedScore]) -> str:
    met = {s.status for s in papers.values()}
    for status in ("withheld", "present", "blank"):
        if status in met:
            return status
    return "absent"
