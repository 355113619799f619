"""Path one: from the rows as they stand to a script's score, in exact fractions of hundredths.

`compose_script` is pure. `composed` reads the current rows and yields each script's score, script by script in
chunks, so that an exam of any size fits in memory. The second path, `scoring.recompose`, shares no code with this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.exam import ExamDefinition, Paper
from core.loading import definition_of
from core.states import AnswerState, ScoreStatus, ScriptState
from core.tables import AnswerRow, Candidate, Exam, FinalMark, Response, Script
from scoring.objective import marks_of

CHUNK = 500


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What is known of a script: its decided answers and its final marks, in hundredths."""

    secret: str
    paper: str
    candidate: str  # the candidate's pseudonym
    state: ScriptState
    paper_type: str | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    finals: Mapping[str, Fraction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComposedScore:
    """A script's score. `items` holds what counts towards the total; `missing` names the items that nothing decides yet."""

    secret: str
    paper: str
    candidate: str
    status: ScoreStatus
    items: Mapping[str, Fraction]
    answers: Mapping[str, str]
    total: Fraction
    published: int | None
    missing: tuple[str, ...]


class PaperScoring:
    """A paper's rules, prepared once: which items count for whom, what each answer is worth."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.choice_of = {group: choice.id for choice in paper.choices for group in choice.among}
        self._worth: dict[tuple[str, str, str | None], Fraction] = {}

    def compose(self, facts: ScriptFacts) -> ComposedScore:
        if facts.state in (ScriptState.ABSENT, ScriptState.EXPECTED):
            return ComposedScore(facts.secret, facts.paper, facts.candidate, ScoreStatus.ABSENT, {}, {}, Fraction(0), None, ())
        items: dict[str, Fraction] = {}
        missing: list[str] = []
        self._objective(facts, items, missing)
        self._written(facts, items, missing)
        total = sum(items.values(), Fraction(0))
        status = self._status(facts, items)
        published = None if status is ScoreStatus.WITHHELD else rounded(total, self.paper.rounding)
        return ComposedScore(facts.secret, facts.paper, facts.candidate, status, items, facts.answers, total, published, tuple(missing))

    def _objective(self, facts: ScriptFacts, items: dict[str, Fraction], missing: list[str]) -> None:
        for item in self.paper.objective:
            if item.treatment == "voided":
                continue
            value = facts.answers.get(item.id)
            if value is None:
                missing.append(item.id)
            if item.treatment == "given":
                items[item.id] = Fraction(item.marks)
                continue
            known = (item.id, value or "", facts.paper_type)
            if known not in self._worth:
                self._worth[known] = marks_of(item, value or "", facts.paper_type)
            items[item.id] = self._worth[known]

    def _written(self, facts: ScriptFacts, items: dict[str, Fraction], missing: list[str]) -> None:
        missing.extend(c.id for c in self.paper.choices if c.id not in facts.chosen)
        for group in self.paper.written:
            choice = self.choice_of.get(group.id)
            if choice is not None and facts.chosen.get(choice) != group.id:
                continue
            for item in group.items:
                if item.treatment == "voided":
                    continue
                final = facts.finals.get(item.id)
                if final is None:
                    missing.append(item.id)
                items[item.id] = Fraction(item.marks) if item.treatment == "given" else (final or Fraction(0))

    def _status(self, facts: ScriptFacts, items: Mapping[str, Fraction]) -> ScoreStatus:
        if facts.state is ScriptState.WITHHELD:
            return ScoreStatus.WITHHELD
        # A script without objective items is never called blank: nothing in its marks tells a zero from an empty page.
        empty = bool(facts.answers) and not any(facts.answers.values()) and not any(facts.finals.values())
        return ScoreStatus.BLANK if empty else ScoreStatus.PRESENT


def rounded(total: Fraction, step: int) -> int:
    """To a whole number of steps, once, half up."""
    return int((total / step + Fraction(1, 2)) // 1) * step


def full_marks(paper: Paper) -> int:
    """In hundredths: a voided item counts for nobody; of optional groups the dearest counts."""
    worth = {g.id: sum(i.marks for i in g.items if i.treatment != "voided") for g in paper.written}
    optional = {g for c in paper.choices for g in c.among}
    objective = sum(i.marks for i in paper.objective if i.treatment != "voided")
    return objective + sum(n for g, n in worth.items() if g not in optional) + sum(max(worth[g] for g in c.among) for c in paper.choices)


def composed(session: Session, exam: Exam, definition: ExamDefinition | None = None) -> Iterator[ComposedScore]:
    """Every script's score, paper by paper in the definition's order, candidates in the roster's order."""
    for paper in (definition or definition_of(session, exam)).papers:
        scoring = PaperScoring(paper)
        for facts in _facts_of(session, exam.id, paper.code):
            yield scoring.compose(facts)


def _facts_of(session: Session, exam_id: int, paper: str) -> Iterator[ScriptFacts]:
    query = (
        select(Script.id, Script.secret, Candidate.pseudonym, Script.state, Script.paper_type, Script.chosen)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(Script.exam_id == exam_id, Script.paper == paper)
        .order_by(Candidate.row, Script.id)
    )
    scripts = session.execute(query).all()
    for start in range(0, len(scripts), CHUNK):
        chunk = scripts[start : start + CHUNK]
        ids = [s.id for s in chunk]
        answers, finals = _answers(session, ids), _finals(session, ids)
        for s in chunk:
            yield ScriptFacts(
                s.secret, paper, s.pseudonym, s.state, s.paper_type, s.chosen or {}, answers.get(s.id, {}), finals.get(s.id, {})
            )


def _answers(session: Session, scripts: Sequence[int]) -> dict[int, dict[str, str]]:
    query = select(AnswerRow.script_id, AnswerRow.item, AnswerRow.value, AnswerRow.state).where(
        AnswerRow.script_id.in_(scripts), AnswerRow.current, AnswerRow.state != AnswerState.DOUBTFUL
    )
    found: dict[int, dict[str, str]] = {}
    for script, item, value, state in session.execute(query):
        found.setdefault(script, {})[item] = "" if state is AnswerState.VOIDED else value
    return found


def _finals(session: Session, scripts: Sequence[int]) -> dict[int, dict[str, Fraction]]:
    query = (
        select(Response.script_id, FinalMark.item, FinalMark.numerator, FinalMark.denominator)
        .join(Response, Response.id == FinalMark.response_id)
        .where(Response.script_id.in_(scripts), Response.current, FinalMark.current)
    )
    found: dict[int, dict[str, Fraction]] = {}
    for script, item, numerator, denominator in session.execute(query):
        found.setdefault(script, {})[item] = Fraction(numerator, denominator)
    return found
