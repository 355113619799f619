"""What the marks on an item come to: an exact mark, or one more person to ask. Pure; the tables stand in `marking.schemes`.

Marks are taken in the order of their slots. An item is agreed by the first marks that suffice: later ones, given
because another item of the response was still open, are recorded and not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.exam import Scheme, WrittenItem
from core.scheme_words import LEADER, MARKERS, Condition, Take, Term
from core.states import TaskLevel
from marking.schemes import Ask, Last, Review, Row, Special, experts, extra_table, is_blind, review_table, rows_of

Values = Mapping[str, int | Mapping[str, int]]  # hundredths: {item: n} or {item: {step: n}}
ZEROS_NEEDED = 4


@dataclass(frozen=True, slots=True)
class Given:
    """One counted mark on one item: who gave it, and the hundredths of its steps (a plain item is one step)."""

    level: TaskLevel
    steps: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.steps)


@dataclass(frozen=True, slots=True)
class Agreed:
    mark: Fraction  # of hundredths, exact
    rule: str
    used: tuple[int, ...]  # which of the marks so far, by place


@dataclass(frozen=True, slots=True)
class OneMore:
    level: TaskLevel
    blind: bool


Verdict = Agreed | OneMore


@dataclass(frozen=True, slots=True)
class ResponseMark:
    """One counted mark on a whole response, as it is kept."""

    id: int
    level: TaskLevel
    values: Values


@dataclass(frozen=True, slots=True)
class ResponseVerdict:
    """Each item's own verdict (`used` holds mark ids here), and whom to ask when one of them is still open."""

    items: dict[str, Verdict]
    next: OneMore | None


def adjudicate_response(
    scheme: Scheme, items: Sequence[WrittenItem], marks: Sequence[ResponseMark], *, objective: Fraction | None = None, extra: int = 0
) -> ResponseVerdict:
    """Adjudicate every item by itself. While any is open one more person marks the response: a marker before a leader
    before an arbiter, so that nobody who must be blind comes after a decision."""
    verdicts: dict[str, Verdict] = {}
    for item in items:
        given = [Given(m.level, steps_of(item, m.values)) for m in marks]
        verdict = adjudicate(scheme, item, given, objective=objective, extra=extra)
        if isinstance(verdict, Agreed):
            verdict = Agreed(verdict.mark, verdict.rule, tuple(marks[i].id for i in verdict.used))
        verdicts[item.id] = verdict
    order = (TaskLevel.MARKER, TaskLevel.LEADER, TaskLevel.ARBITER)
    asked = sorted((v for v in verdicts.values() if isinstance(v, OneMore)), key=lambda v: order.index(v.level))
    return ResponseVerdict(verdicts, asked[0] if asked else None)


def steps_of(item: WrittenItem, values: Values) -> tuple[int, ...]:
    value = values[item.id]
    return (value,) if isinstance(value, int) else tuple(value[step.id] for step in item.steps)


def adjudicate(scheme: Scheme, item: WrittenItem, marks: Sequence[Given], *, objective: Fraction | None = None, extra: int = 0) -> Verdict:
    """The verdict on one item after these marks, in the order of their slots.

    `objective` is the share of full marks that the script earned in its objective part, for the rule on outliers; None: there
    is none. `extra` is how many marks were asked for beyond the scheme's. When the scheme's table agrees, the first rule that
    the mark falls under (zero, full marks, outlier) goes on; a mark under none of them gets the extra ones, and what they
    come to is looked at again.
    """
    verdict, count = _first_agreed(rows_of(scheme), scheme, item, marks, 0)
    for _ in range(extra):
        if scheme.extra is None or not isinstance(verdict, Agreed) or not _may_be_surer(scheme, item, marks, verdict, objective):
            break
        rows = extra_table(TaskLevel(scheme.extra.to))
        verdict, count = _first_agreed(rows, scheme, item, marks, count, verdict.used)
    review = _review(scheme, item, verdict, objective)
    if review is not None:
        verdict, _ = _first_agreed(review_table(review, experts(scheme)[review]), scheme, item, marks, count)
    if isinstance(verdict, OneMore):
        return OneMore(verdict.level, is_blind(scheme, verdict.level))
    return verdict


def _first_agreed(
    rows: Sequence[Row], scheme: Scheme, item: WrittenItem, marks: Sequence[Given], start: int, used: tuple[int, ...] = ()
) -> tuple[Verdict, int]:
    """The verdict on the fewest marks, `start` or more, that agree; else on all. And how many marks that was."""
    for count in range(start, len(marks)):
        verdict = _read(rows, _Seen(scheme, item, marks[:count], start, used))
        if isinstance(verdict, Agreed):
            return verdict, count
    return _read(rows, _Seen(scheme, item, marks, start, used)), len(marks)


def _may_be_surer(scheme: Scheme, item: WrittenItem, marks: Sequence[Given], agreed: Agreed, objective: Fraction | None) -> bool:
    """Whether an extra mark changes anything: nobody but markers has decided, and no rule sends the mark to somebody anyhow."""
    by_markers = all(marks[place].level is TaskLevel.MARKER for place in agreed.used)
    return by_markers and _review(scheme, item, agreed, objective) is None


def _review(scheme: Scheme, item: WrittenItem, verdict: Verdict, objective: Fraction | None) -> Review | None:
    """Why an agreed mark is not final yet. An arbiter's is."""
    if not isinstance(verdict, Agreed) or verdict.rule == "arbiter":
        return None
    if scheme.zeros and verdict.mark == 0:
        return Review.ZERO
    if scheme.full != "none" and verdict.mark == item.marks:
        return Review.FULL
    if scheme.outliers is not None and objective is not None and abs(verdict.mark / item.marks - objective) >= scheme.outliers.limit:
        return Review.OUTLIER
    return None


def within(scheme: Scheme, item: WrittenItem, a: Given, b: Given) -> bool:
    """Whether two marks may stand together. Equal marks always may, also where the tolerance is zero and exclusive."""
    tolerance = scheme.tolerance
    if tolerance.scope == "item" or not item.steps:
        pairs = [(abs(a.total - b.total), item.marks)]
    else:
        pairs = [(abs(x - y), step.marks) for x, y, step in zip(a.steps, b.steps, item.steps, strict=True)]
    limits = [(difference, tolerance.of(full)) for difference, full in pairs]
    return all(d == 0 or (d <= t if tolerance.inclusive else d < t) for d, t in limits)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The marks that a row's condition looks at."""

    scheme: Scheme
    item: WrittenItem
    marks: Sequence[Given]
    start: int  # how many marks had agreed before this table was read: where zeros are counted from, and an extra mark stands
    used: tuple[int, ...] = ()  # which of them were used; read by the extra table only

    def places(self, level: TaskLevel) -> list[int]:
        return [i for i, mark in enumerate(self.marks) if mark.level == level]

    def place(self, name: str) -> int | None:
        """Where the mark of this name is; None: it is not there yet."""
        level, number = (TaskLevel.LEADER, 0) if name == LEADER else (TaskLevel.MARKER, MARKERS.index(name))
        places = self.places(level)
        return places[number] if number < len(places) else None

    def sure_place(self, name: str) -> int:
        place = self.place(name)
        assert place is not None, f"a table takes {name} where it may not be there"
        return place

    def near(self, i: int, j: int) -> bool:
        return within(self.scheme, self.item, self.marks[i], self.marks[j])

    def distance(self, i: int, j: int) -> int:
        a, b = self.marks[i], self.marks[j]
        if self.scheme.tolerance.scope == "step":
            return sum(abs(x - y) for x, y in zip(a.steps, b.steps, strict=True))
        return abs(a.total - b.total)

    def mean(self, i: int, j: int) -> Fraction:
        return Fraction(self.marks[i].total + self.marks[j].total, 2)

    @property
    def extra(self) -> int | None:
        """Where the extra mark is: the first marker's after those that agreed."""
        return next((place for place in self.places(TaskLevel.MARKER) if place >= self.start), None)

    @property
    def zeros(self) -> list[int]:
        return [i for i, mark in enumerate(self.marks) if mark.total == 0]


def _read(rows: Sequence[Row], seen: _Seen) -> Verdict:
    row = next(row for row in rows if _holds(row.when, seen))
    if isinstance(row.then, Ask):
        return OneMore(row.then.level, row.then.blind)
    return _take(row.then, row.rule, seen)


def _holds(when: Condition | Special, seen: _Seen) -> bool:
    match when:
        case Special.ARBITER:
            return bool(seen.places(TaskLevel.ARBITER))
        case Special.OTHER_THAN_ZERO:
            return any(mark.total != 0 for mark in seen.marks[seen.start :])
        case Special.FOUR_ZEROS:
            return len(seen.zeros) >= ZEROS_NEEDED
        case Special.NO_EXTRA:
            return seen.extra is None
        case Special.EXTRA_NEAR:
            return seen.extra is not None and any(seen.near(seen.extra, place) for place in seen.used)
        case Condition(terms, any_of):
            return not terms or (any if any_of else all)(_is_so(term, seen) for term in terms)


def _is_so(term: Term, seen: _Seen) -> bool:
    """A term about a mark that is not there is false, but for `no`."""
    places = [seen.place(name) for name in term.marks]
    if term.kind == "no":
        return places[0] is None
    there = [place for place in places if place is not None]
    if len(there) < len(places):
        return False
    match term.kind:
        case "near":
            return seen.near(there[0], there[1])
        case "zero":
            return seen.marks[there[0]].total == 0
        case "full":
            return seen.marks[there[0]].total == seen.item.marks
        case _:
            return True


def _take(taken: Take | Last, rule: str, seen: _Seen) -> Agreed:
    if taken is Last.ARBITER:
        return _single(seen, seen.places(TaskLevel.ARBITER)[0], rule)
    if taken is Last.ZERO:
        return Agreed(Fraction(0), rule, tuple(seen.zeros))
    if taken is Last.WITH_EXTRA:
        assert seen.extra is not None, "the table takes the extra mark where it may not be there"
        with_it = (*seen.used, seen.extra)
        return Agreed(Fraction(sum(seen.marks[place].total for place in with_it), len(with_it)), rule, with_it)
    assert isinstance(taken, Take)
    places = tuple(seen.sure_place(name) for name in taken.marks)
    totals = sorted((seen.marks[place].total, place) for place in places)
    match taken.how:
        case "only":
            return _single(seen, places[0], rule)
        case "nearest":
            return _nearest(seen, places[1], places[2], places[0], rule)
        case "mean":
            return Agreed(Fraction(sum(total for total, _ in totals), len(totals)), rule, tuple(sorted(places)))
        case "median":
            return _single(seen, totals[len(totals) // 2][1], rule)
        case "highest":
            return _single(seen, totals[-1][1], rule)
        case "lowest":
            return _single(seen, totals[0][1], rule)


def _single(seen: _Seen, place: int, rule: str) -> Agreed:
    return Agreed(Fraction(seen.marks[place].total), rule, (place,))


def _nearest(seen: _Seen, a: int, b: int, c: int, rule: str) -> Agreed:
    to_a, to_b = seen.distance(a, c), seen.distance(b, c)
    if to_a != to_b:
        near = a if to_a < to_b else b
        return Agreed(seen.mean(near, c), rule, (near, c))
    tie = seen.scheme.tie
    if tie == "mean":
        return Agreed((seen.mean(a, c) + seen.mean(b, c)) / 2, f"{rule}, tie: mean", (a, b, c))
    first = max if tie == "higher" else min
    near = first((a, b), key=lambda i: seen.marks[i].total)
    return Agreed(seen.mean(near, c), f"{rule}, tie: {tie}", (near, c))
