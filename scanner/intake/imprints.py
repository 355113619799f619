"""The numbers that a scanner prints on the cards it scans: which are missing, which were given twice.

A number is a series (what stands around its last digits) and a running part; both faces of a card have the same one.
A missing number is a card that went through the scanner and was not sent, or two that went through as one. Nothing here
decides anything: it tells people where to look. Batches are kept as runs of numbers; one that is complete never changes
and is looked at once a process.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from core.states import BatchState
from core.tables import Batch, Receipt

_NUMBER = re.compile(r"(.*?)(\d{1,18})(\D*)", re.DOTALL)
_AT_ONCE = 200  # batches in one query

Kind = Literal["gap", "repeat", "two_numbers"]


@dataclass(frozen=True, slots=True)
class ImprintFault:
    kind: Kind
    station: str
    batch: str
    first: str  # the first missing number, or the first that several cards have
    last: str
    cards: int  # how many numbers these are
    places: tuple[str, ...]  # the cards around a gap, or that have the number: BATCH/00012
    sentence: str


class Card(NamedTuple):
    """A card and its number."""

    series: tuple[str, str]  # what stands before and after the running part
    number: int
    width: int
    place: str

    def text(self, number: int) -> str:
        return f"{self.series[0]}{number:0{self.width}d}{self.series[1]}"


class Run(NamedTuple):
    """Cards of one batch whose numbers follow one another."""

    first: Card
    last: Card
    station: str
    batch: str
    scanner: str  # empty: the manifest names none

    @property
    def key(self) -> tuple[str, str, tuple[str, str]]:
        """Runs of one scanner and series continue one another; where no scanner is named, those of one batch."""
        return self.station, f"scanner {self.scanner}" if self.scanner else f"batch {self.batch}", self.first.series


class Summary(NamedTuple):
    runs: tuple[Run, ...]
    faults: tuple[ImprintFault, ...]  # that no other batch can explain


_complete: WeakKeyDictionary[Engine, dict[int, Summary]] = WeakKeyDictionary()


def imprint_gaps(session: Session, exam_id: int) -> list[ImprintFault]:
    """What is wrong with the numbers of an exam: in each batch, between the batches of one scanner, across all."""
    summaries = _summaries(session, exam_id)
    runs = [run for one in summaries for run in one.runs]
    return [fault for one in summaries for fault in one.faults] + gaps(runs) + repeats(runs)


def batch_imprints(session: Session, batch: Batch) -> list[ImprintFault]:
    """What is wrong with the numbers of one batch, looked at alone."""
    (summary,) = _summarised(session, [batch])
    return [*summary.faults, *gaps(summary.runs)]


def gaps(runs: Iterable[Run]) -> list[ImprintFault]:
    """Numbers between the smallest and the largest of a series that no card of the scanner has."""
    found = []
    for _, alike in groupby(sorted(runs, key=lambda r: (r.key, r.first.number, r.last.number)), key=lambda r: r.key):
        reached: Run | None = None
        for run in alike:
            if reached is not None and run.first.number > reached.last.number + 1:
                places = reached.last.place, run.first.place
                found.append(_gap(run, run.first, reached.last.number + 1, run.first.number - 1, places))
            if reached is None or run.last.number > reached.last.number:
                reached = run
    return found


def repeats(runs: Iterable[Run]) -> list[ImprintFault]:
    """Numbers that cards of several batches have, whichever scanner printed them."""
    found = []
    for _, alike in groupby(sorted(runs, key=lambda r: (r.first.series, r.first.number)), key=lambda r: r.first.series):
        reached: Run | None = None
        for run in alike:
            if reached is not None and run.first.number <= reached.last.number:
                last = min(run.last.number, reached.last.number)
                found.append(_repeat(run, run.first.number, last, (f"{reached.batch}/*", run.first.place)))
            if reached is None or run.last.number > reached.last.number:
                reached = run
    return found


def card_of(imprint: str, place: str) -> Card | None:
    found = _NUMBER.fullmatch(imprint)
    return Card((found[1], found[3]), int(found[2]), len(found[2]), place) if found else None


def summary_of(station: str, batch: str, manifest: Mapping[str, Any], cards: Mapping[int, Sequence[str]]) -> Summary:
    """`cards`: the numbers on the faces of each card, by sequence."""
    faults, numbered, scanner = list[ImprintFault](), list[Card](), str(manifest.get("scanner") or "")
    for sequence, imprints in sorted(cards.items()):
        place = f"{batch}/{sequence:05d}"
        if len(set(imprints)) > 1:
            sentence = f"station {station}, batch {batch}: the faces of card {place} have the numbers {imprints[0]} and {imprints[-1]}."
            faults.append(ImprintFault("two_numbers", station, batch, imprints[0], imprints[-1], 1, (place,), sentence))
        card = card_of(imprints[0], place)
        if card is not None:
            numbered.append(card)
    runs = list[Run]()
    for card in sorted(numbered):
        before = runs[-1].last if runs else None
        if before is not None and card[:2] == before[:2]:
            faults.append(_repeat(runs[-1], card.number, card.number, (before.place, card.place)))
        elif before is not None and card[:2] == (before.series, before.number + 1):
            runs[-1] = runs[-1]._replace(last=card)
        else:
            runs.append(Run(card, card, station, batch, scanner))
    return Summary(tuple(runs), (*faults, *_beyond(runs, manifest)))


def _beyond(runs: Sequence[Run], manifest: Mapping[str, Any]) -> list[ImprintFault]:
    """Numbers that the manifest names as first or last, before or after all that came."""
    found = []
    for key in ("first_imprint", "last_imprint"):
        said = card_of(str(manifest.get(key) or ""), f"manifest {key}")
        alike = [run for run in runs if said is not None and run.first.series == said.series]
        if said is None or not alike:
            continue
        first, last = alike[0].first, alike[-1].last
        if said.number < first.number:
            found.append(_gap(alike[0], first, said.number, first.number - 1, (said.place, first.place)))
        if said.number > last.number:
            found.append(_gap(alike[-1], last, last.number + 1, said.number, (last.place, said.place)))
    return found


def _gap(run: Run, card: Card, first: int, last: int, places: tuple[str, ...]) -> ImprintFault:
    return _fault("gap", "missing: look between", run, card, first, last, places)


def _repeat(run: Run, first: int, last: int, places: tuple[str, ...]) -> ImprintFault:
    return _fault("repeat", "there twice: look at", run, run.first, first, last, places)


def _fault(kind: Kind, what: str, run: Run, card: Card, first: int, last: int, places: tuple[str, ...]) -> ImprintFault:
    numbers = f"number {card.text(first)} is" if first == last else f"numbers {card.text(first)} to {card.text(last)} are"
    sentence = f"station {run.station}, batch {run.batch}: {numbers} {what} {' and '.join(places)}."
    return ImprintFault(kind, run.station, run.batch, card.text(first), card.text(last), last - first + 1, places, sentence)


def _summaries(session: Session, exam_id: int) -> list[Summary]:
    known = _complete.setdefault(session.get_bind().engine, {})
    states = {
        row.id: row.state for row in session.execute(select(Batch.id, Batch.state).where(Batch.exam_id == exam_id).order_by(Batch.id))
    }
    new, fresh = [batch for batch in states if batch not in known], dict[int, Summary]()
    for n in range(0, len(new), _AT_ONCE):
        batches = session.scalars(select(Batch).where(Batch.id.in_(new[n : n + _AT_ONCE])).order_by(Batch.id)).all()
        for batch, summary in zip(batches, _summarised(session, batches), strict=True):
            # Its state as it was before its frames were looked at: what came between is seen the next time.
            (known if states[batch.id] is BatchState.COMPLETE else fresh)[batch.id] = summary
    return [known.get(batch) or fresh[batch] for batch in states]


def _summarised(session: Session, batches: Sequence[Batch]) -> list[Summary]:
    query = select(Receipt.batch_id, Receipt.sequence, Receipt.imprint).where(Receipt.batch_id.in_([b.id for b in batches]))
    query = query.where(Receipt.imprint != "").order_by(Receipt.batch_id, Receipt.sequence, Receipt.face)
    cards: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for batch_id, sequence, imprint in session.execute(query):
        cards[batch_id][sequence].append(imprint)
    return [summary_of(batch.station, batch.name, batch.manifest, cards[batch.id]) for batch in batches]
