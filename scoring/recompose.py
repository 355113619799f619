"""Path two: scores from the ledger alone, in whole numbers over a common denominator.

It takes nothing that path one computed: answers come from the entries, final marks are derived again from the `mark`
entries through the scheme's truth table, keys are compared as bit patterns, and no fraction is ever added. With
`scoring.compose` it shares no code and must agree with it to the last digit (Z7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd, lcm

from core.exam import ExamDefinition, ItemGroup, ObjectiveItem, Paper
from scoring.derive import CountedMark, Ratio, derived_finals
from scoring.replay import Replay, ReplayedResponse, ReplayedScript


@dataclass(frozen=True, slots=True)
class RecomposedScore:
    secret: str
    paper: str
    candidate: str
    status: str
    items: Mapping[str, Ratio]
    answers: Mapping[str, str]
    total: Ratio  # in lowest terms
    published: int | None
    missing: tuple[str, ...]


class Recomposition:
    """The scores that a replayed ledger comes to, each made when it is asked for."""

    def __init__(self, replay: Replay, definition: ExamDefinition) -> None:
        self.replay = replay
        self._rules = {paper.code: _Rules(paper) for paper in definition.papers}

    def score(self, secret: str) -> RecomposedScore | None:
        script = self.replay.scripts.get(secret)
        if script is None or script.paper not in self._rules:
            return None
        return self._rules[script.paper].score(self.replay, secret, script)

    def __iter__(self) -> Iterator[RecomposedScore]:
        return (score for score in map(self.score, self.replay.scripts) if score is not None)


class _Key:
    """An item's accepted answers as bit patterns over its options, for each paper type."""

    def __init__(self, item: ObjectiveItem) -> None:
        self.item = item
        self.bit = {option: 1 << n for n, option in enumerate(item.options)}
        self.patterns = {kind: [sum(self.bit[o] for o in answer) for answer in answers] for kind, answers in item.key.items()}

    def earned(self, value: str, kind: str | None) -> Ratio:
        marked = 0
        for option in value.split("|") if value else ():
            marked |= self.bit.get(option, 1 << len(self.bit))
        best = (0, 1)
        for pattern in self.patterns.get(kind or "*", self.patterns.get("*", [])):
            worth = self._worth(marked, pattern)
            if worth[0] * best[1] > best[0] * worth[1]:
                best = worth
        return best

    def _worth(self, marked: int, pattern: int) -> Ratio:
        if marked == pattern:
            return self.item.marks, 1
        if not marked or marked & ~pattern or self.item.type != "multiple":
            return 0, 1
        hits, credit = marked.bit_count(), self.item.partial
        match credit.rule:
            case "fixed":
                return credit.marks or 0, 1
            case "each":
                return self.item.marks * hits, pattern.bit_count()
            case "table":
                return credit.table.get(hits, 0), 1
            case _:
                return 0, 1


class _Rules:
    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.keys = [_Key(item) for item in paper.objective if item.treatment != "voided"]
        self.asked_by = {group: choice.id for choice in paper.choices for group in choice.among}

    def score(self, replay: Replay, secret: str, script: ReplayedScript) -> RecomposedScore:
        if script.state in ("absent", "expected"):
            return RecomposedScore(secret, script.paper, script.candidate, "absent", {}, {}, (0, 1), None, ())
        answers = {item: value for item, (_, value) in script.answers.items() if value is not None}
        finals = self._finals(replay, secret)
        parts: dict[str, Ratio] = {}
        missing: list[str] = []
        for key in self.keys:
            if key.item.id not in answers:
                missing.append(key.item.id)
            given = key.item.treatment == "given"
            parts[key.item.id] = (key.item.marks, 1) if given else key.earned(answers.get(key.item.id, ""), script.paper_type)
        missing += [choice.id for choice in self.paper.choices if choice.id not in script.chosen]
        for group in self._counted(script):
            for item in group.items:
                if item.treatment == "voided":
                    continue
                if item.id not in finals:
                    missing.append(item.id)
                parts[item.id] = (item.marks, 1) if item.treatment == "given" else finals.get(item.id, (0, 1))
        status = "present"
        if script.state == "withheld":
            status = "withheld"
        elif answers and all(v == "" for v in answers.values()) and all(n == 0 for n, _ in finals.values()):
            status = "blank"
        total = add_up(list(parts.values()))
        published = None if status == "withheld" else half_up(total, self.paper.rounding)
        return RecomposedScore(secret, script.paper, script.candidate, status, parts, answers, total, published, tuple(missing))

    def _counted(self, script: ReplayedScript) -> Iterator[ItemGroup]:
        for group in self.paper.written:
            asked = self.asked_by.get(group.id)
            if asked is None or script.chosen.get(asked) == group.id:
                yield group

    def _finals(self, replay: Replay, secret: str) -> dict[str, Ratio]:
        found: dict[str, Ratio] = {}
        for group in self.paper.written:
            number = replay.current.get((secret, group.id))
            if number is not None:
                response = replay.responses[number]
                found |= derived_finals(group, counted_marks(response), response.objective, response.extra)
        return found


def counted_marks(response: ReplayedResponse) -> list[CountedMark]:
    return [
        CountedMark(m.mark, m.level, m.ordinal, m.values) for m in response.marks.values() if m.state == "counted" and m.purpose == "live"
    ]


def add_up(parts: list[Ratio]) -> Ratio:
    common = lcm(*(d for _, d in parts)) if parts else 1
    total = sum(n * (common // d) for n, d in parts)
    shared = gcd(total, common)
    return total // shared, common // shared


def half_up(total: Ratio, step: int) -> int:
    numerator, denominator = total
    return (2 * numerator + step * denominator) // (2 * step * denominator) * step
