"""What the scores say about the paper and its items. Floats are fine here: nothing of this decides a score.

numpy is loaded by the functions that need it, so that importing this module stays cheap for the web process.
Formulas: docs/how-a-score-is-composed.md; the tests compare them with published tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.exam import Paper
from scoring.compose import full_marks
from scoring.records import ScoreRecord

if TYPE_CHECKING:
    import numpy as np

    Column = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

TAIL = 0.27  # the top and bottom share that discrimination compares
Rating = Literal["very good", "good", "revise", "reject"]


@dataclass(frozen=True, slots=True)
class Rates:
    """四率: the shares of the full marks, in percent, from which a score is excellent, good or passed, and below which low."""

    excellent: int = 85
    good: int = 75
    passed: int = 60
    low: int = 40


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    item: str
    objective: bool
    full: int  # hundredths
    n: int  # candidates whom it was asked of
    mean: float  # marks
    sd: float
    facility: float  # mean / full, known as p
    discrimination: float | None  # (high - low) / full on the top and bottom 27 %
    rest: float | None  # correlation with the rest of the paper
    alpha_without: float | None
    options: Mapping[str, int]  # how often each option was marked; "" is a blank
    key: str

    @property
    def rating(self) -> Rating | None:
        d = self.discrimination
        if d is None:
            return None
        return "very good" if d >= 0.40 else "good" if d >= 0.30 else "revise" if d >= 0.20 else "reject"


@dataclass(frozen=True, slots=True)
class Band:
    """One row of the 一分一段表."""

    marks: int  # whole marks: from this, below the next
    count: int
    above: int  # this band and all higher ones


@dataclass(frozen=True, slots=True)
class PaperStatistics:
    paper: str
    full: int
    statuses: Mapping[str, int]
    n: int  # candidates with a published score
    mean: float
    sd: float
    maximum: float
    minimum: float
    median: float
    alpha: float | None
    rates: Mapping[str, float]
    bands: tuple[Band, ...]
    items: tuple[ItemStatistics, ...]


def paper_statistics(paper: Paper, records: Sequence[ScoreRecord], rates: Rates | None = None) -> PaperStatistics:
    """All figures of a paper; candidates without a published score count in `statuses` only."""
    import numpy as np

    scored = [r for r in records if r.published is not None]
    full = full_marks(paper)
    published = np.array([r.published for r in scored], dtype=np.int64)
    totals = np.array([r.numerator / r.denominator / 100 for r in scored], dtype=np.float64)
    columns = _columns(paper, scored)
    components = _components(paper, columns, len(scored))
    marks = published / 100
    n = len(scored)
    return PaperStatistics(
        paper=paper.code,
        full=full,
        statuses=dict(Counter(r.status for r in records)),
        n=n,
        mean=float(marks.mean()) if n else 0.0,
        sd=_sd(marks),
        maximum=float(marks.max()) if n else 0.0,
        minimum=float(marks.min()) if n else 0.0,
        median=float(np.median(marks)) if n else 0.0,
        alpha=alpha(list(components.values())),
        rates=_rates(published, full, rates or Rates()),
        bands=_bands(published),
        items=tuple(_items(paper, scored, totals, columns, components)),
    )


def _columns(paper: Paper, scored: Sequence[ScoreRecord]) -> dict[str, Column]:
    """Each item's marks; not a number where the item was not asked of a candidate."""
    import numpy as np

    names = [i.id for i in paper.objective] + [i.id for g in paper.written for i in g.items]
    found: dict[str, Column] = {}
    for name in names:
        column = np.full(len(scored), np.nan)
        for row, record in enumerate(scored):
            value = record.items.get(name)
            if value is not None:
                column[row] = value[0] / value[1] / 100
        if not np.isnan(column).all():
            found[name] = column
    return found


def _components(paper: Paper, columns: Mapping[str, Column], n: int) -> dict[str, Column]:
    """What everyone answered: items by themselves, and each choice as the one component that its groups make together."""
    import numpy as np

    inside = {i.id: c.id for c in paper.choices for g in c.among for i in paper.group(g).items}
    found: dict[str, Column] = {}
    for name, column in columns.items():
        place = inside.get(name, name)
        found[place] = found.get(place, np.zeros(n)) + np.nan_to_num(column)
    return found


def _items(
    paper: Paper, scored: Sequence[ScoreRecord], totals: Column, columns: Mapping[str, Column], components: Mapping[str, Column]
) -> list[ItemStatistics]:
    keys = {i.id: " / ".join(_key_text(alternatives) for alternatives in i.key.values()) for i in paper.objective}
    full = {i.id: i.marks for i in paper.objective} | {i.id: i.marks for g in paper.written for i in g.items}
    without = _alphas_without(components)
    found = []
    for name, column in columns.items():
        asked = column == column  # what was not asked is not a number
        marks, total = column[asked], totals[asked]
        mean, d = float(marks.mean()), discrimination(marks, total)
        found.append(
            ItemStatistics(
                item=name,
                objective=name in keys,
                full=full[name],
                n=len(marks),
                mean=mean,
                sd=_sd(marks),
                facility=mean * 100 / full[name],
                discrimination=None if d is None else d * 100 / full[name],
                rest=correlation(marks, total - marks),
                alpha_without=without.get(name),
                options=_options(scored, name) if name in keys else {},
                key=keys.get(name, ""),
            )
        )
    return found


def _key_text(alternatives: Sequence[frozenset[str]]) -> str:
    return ", ".join("".join(sorted(answer)) for answer in alternatives)


def _options(scored: Sequence[ScoreRecord], item: str) -> dict[str, int]:
    marked: Counter[str] = Counter()
    for record in scored:
        value = record.items.get(item)
        if value is not None and len(value) > 2:
            marked.update(value[2].split("|"))
    return dict(sorted(marked.items()))


def alpha(components: Sequence[Column]) -> float | None:
    """Cronbach's alpha, from sample variances; None below two components or two candidates, or without any spread."""
    k = len(components)
    if k < 2 or len(components[0]) < 2:
        return None
    whole = float(sum(components).var(ddof=1))  # type: ignore[union-attr]  # the sum of arrays is an array
    if whole <= 0:
        return None
    return k / (k - 1) * (1 - sum(float(c.var(ddof=1)) for c in components) / whole)


def _alphas_without(components: Mapping[str, Column]) -> dict[str, float | None]:
    """Alpha if the component is left out, each in one pass: var(T - X) from T's variance and their covariance."""
    k = len(components) - 1
    if k < 2 or len(next(iter(components.values()))) < 2:
        return {}
    total = sum(components.values())
    variances = {name: float(c.var(ddof=1)) for name, c in components.items()}
    apart = sum(variances.values())
    found: dict[str, float | None] = {}
    for name, column in components.items():
        whole = float((total - column).var(ddof=1))
        found[name] = k / (k - 1) * (1 - (apart - variances[name]) / whole) if whole > 0 else None
    return found


def correlation(a: Column, b: Column) -> float | None:
    if len(a) < 2:
        return None
    x, y = a - a.mean(), b - b.mean()
    spread = float((x @ x) * (y @ y)) ** 0.5
    return float(x @ y) / spread if spread > 1e-12 else None


def discrimination(marks: Column, totals: Column) -> float | None:
    """The mean of the top 27 % less that of the bottom 27 %. Who ties at a border counts in part, so order does not matter."""
    n = len(marks)
    if n < 4:
        return None
    k = max(1, int(TAIL * n + 0.5))
    return _tail_mean(marks, totals, k) - _tail_mean(marks, -totals, k)


def _tail_mean(marks: Column, order: Column, k: int) -> float:
    import numpy as np

    border = np.partition(order, len(order) - k)[len(order) - k]
    above, at = order > border, order == border
    share = (k - int(above.sum())) / int(at.sum())
    return float((marks[above].sum() + share * marks[at].sum()) / k)


def _sd(marks: Column) -> float:
    return float(marks.std(ddof=1)) if len(marks) > 1 else 0.0


def _rates(published: np.ndarray[tuple[int, ...], np.dtype[np.int64]], full: int, rates: Rates) -> dict[str, float]:
    n = len(published) or 1
    at_least = {"excellent": rates.excellent, "good": rates.good, "passed": rates.passed}
    found = {name: int((published * 100 >= full * share).sum()) / n for name, share in at_least.items()}
    return found | {"low": int((published * 100 < full * rates.low).sum()) / n}


def _bands(published: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> tuple[Band, ...]:
    counts = Counter((published // 100).tolist())
    if not counts:
        return ()
    bands, above = [], 0
    for marks in range(max(counts), min(counts) - 1, -1):
        above += counts[marks]
        bands.append(Band(marks, counts[marks], above))
    return tuple(bands)
