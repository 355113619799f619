"""The candidates' pages, put in as if readers had read them: receipts, pictures, pages, answers. No sheet is printed or scanned.

What a reader would say of a clean page is made up; everything after that is the engine's own: pictures go to the store,
the chunk is filed as any chunk, and the batch is closed as a station closes it. A chunk is whole or not there, so a run
that was cut off goes on where it was.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import groupby
from typing import Any

from sqlalchemy import func, select

from api.rehearsal.exam import PAPER
from api.rehearsal.markers import ESSAY, definitive
from core.bulk import insert_rows
from core.exam import Paper
from core.ids import PageCode, new_token
from core.loading import definition_of, template_of
from core.pictures import keep_rows
from core.serials import serial_of
from core.site import Site
from core.states import AttemptState, ReceiptState
from core.tables import Attempt, Batch, Candidate, CandidateDetails, Exam, Receipt
from core.template import Region
from omr.desk.work import READERS, begin_work
from omr.filing import FrameResult, file_chunk
from scanner.intake import close_batch, open_batch, take_turn
from scanner.intake.attempts import LEASE

STATION = "rehearsal"
BATCH = 1000  # cards
CHUNK = 100
WIDTH = 480  # pixels of a picture: small, so that an exam office has room on its disk for a rehearsal
HANDS = 6  # how many pictures are drawn of each space; the candidates share them
BLANK = 0.005
NAME = "rehearsal"


@dataclass(frozen=True, slots=True)
class Card:
    """A candidate's card: `row` counts from 1, and is the number of this candidate's responses among the simulated ones."""

    row: int
    number: str


def cards_of(site: Site, exam_id: int) -> list[Card]:
    query = select(Candidate.row, CandidateDetails.number).join(CandidateDetails, CandidateDetails.candidate_id == Candidate.id)
    with site.database.read() as session:
        return [Card(row, number) for row, number in session.execute(query.where(Candidate.exam_id == exam_id).order_by(Candidate.row))]


def put_in(site: Site, exam_id: int, cards: Sequence[Card], seed: int) -> Iterator[int]:
    """Put in every card that is not there yet; yields how many are."""
    for number, batch in groupby(cards, key=lambda card: (card.row - 1) // BATCH):
        name, held = f"{number + 1:04d}", list(batch)
        open_batch(site, exam_id, STATION, name, {"operator": NAME})
        there = _frames_of(site, exam_id, name)
        for start in range(there, len(held), CHUNK):
            _read_chunk(site, exam_id, name, held[start : start + CHUNK], start, seed)
            yield held[min(start + CHUNK, len(held)) - 1].row
        close_batch(site, exam_id, STATION, name, len(held))
    yield len(cards)


def _frames_of(site: Site, exam_id: int, batch: str) -> int:
    query = select(func.count(Receipt.id)).join(Batch, Batch.id == Receipt.batch_id)
    with site.database.read() as session:
        return session.scalar(query.where(Batch.exam_id == exam_id, Batch.station == STATION, Batch.name == batch)) or 0


def _read_chunk(site: Site, exam_id: int, batch: str, cards: Sequence[Card], sent: int, seed: int) -> None:
    """One chunk, in the two steps that a reader takes: pictures to the disk, then all rows in one transaction."""
    with site.database.read() as session:
        exam = session.get_one(Exam, exam_id)
        paper = definition_of(session, exam).paper(PAPER)
        template_id, template = template_of(session, exam, PAPER)
    regions = template.side(1).regions
    kept = site.store.put_pack([_numbered(region, card.row) for card in cards for region in regions])
    hashes = iter(one.sha256 for one in kept)
    attempt, now = new_token(), site.now()
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        keep_rows(session, kept, "image/jpeg", now)
        batch_id = session.scalars(select(Batch.id).where(Batch.exam_id == exam_id, Batch.station == STATION, Batch.name == batch)).one()
        row = {"id": attempt, "exam_id": exam_id, "state": AttemptState.DONE, "frames": len(cards), "worker": NAME}
        insert_rows(session, Attempt, [row | {"queued_at": now, "lease_until": now + LEASE, "ended_at": now}])
        insert_rows(session, Receipt, [_receipt(exam_id, batch_id, attempt, sent + i, card, now) for i, card in enumerate(cards, 1)])
        receipts = session.scalars(select(Receipt.id).where(Receipt.attempt_id == attempt).order_by(Receipt.sequence)).all()
        results = [
            _result(exam, paper, template_id, receipt, card, [_region(r, next(hashes)) for r in regions], seed)
            for receipt, card in zip(receipts, cards, strict=True)
        ]
        file_chunk(begin_work(session, exam, READERS, now), attempt, results)


def _receipt(exam_id: int, batch_id: int, attempt: str, sequence: int, card: Card, now: Any) -> dict[str, Any]:
    return {
        "exam_id": exam_id,
        "batch_id": batch_id,
        "sequence": sequence,
        "face": 1,
        "sha256": hashlib.sha256(f"{NAME} {card.row}".encode()).hexdigest(),  # of a frame that was never scanned
        "size": 0,
        "name": f"{sequence:05d}-1.jpg",
        "state": ReceiptState.QUEUED,
        "attempt_id": attempt,
        "received_at": now,
    }


def _result(exam: Exam, paper: Paper, template_id: int, receipt: int, card: Card, regions: list[dict[str, Any]], seed: int) -> FrameResult:
    said = {"barcode": card.number, **_answers(paper, card.row, seed)}
    return FrameResult(
        receipt_id=receipt,
        code=PageCode(exam.code, paper.code, paper.edition, serial_of(0, card.row - 1, 0), 1),
        paper=paper.code,
        template_id=template_id,
        side=1,
        fields={name: _field(value) for name, value in said.items()},
        regions=regions,
        evidence={"reader": NAME},
    )


def _answers(paper: Paper, row: int, seed: int) -> Mapping[str, str]:
    """A candidate who writes better essays knows more, too."""
    draw = random.Random(f"answers {seed} {row}")
    knows = 0.3 + 0.6 * int(definitive(seed, [row], ESSAY)[0]) / ESSAY.full
    said = {}
    for item in paper.objective:
        right = min(item.key_for(None)[0])
        chosen = right if draw.random() < knows else draw.choice(item.options)
        said[item.id] = "" if draw.random() < BLANK else chosen
    return said


def _field(value: str) -> dict[str, Any]:
    return {"value": value, "first": value, "second": value, "doubt": False, "p_wrong": 1e-6, "why": ""}


def _region(region: Region, sha256: str) -> dict[str, Any]:
    return {"name": region.name, "group": region.group, "sha256": sha256, "width": WIDTH, "height": _height(region), "ink": 0.05}


def _height(region: Region) -> int:
    return max(24, round(WIDTH * region.box[3] / region.box[2]))


def _numbered(region: Region, row: int) -> bytes:
    """A picture that is this candidate's own: one of the drawn ones, with a comment in it that no other has."""
    drawn = _drawn(region.name, _height(region))[row % HANDS]
    comment = f"{NAME} {region.name} {row}".encode()
    first = 4 + int.from_bytes(drawn[4:6], "big")  # the file's own head comes before any comment
    return drawn[:first] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + drawn[first:]


@cache
def _drawn(name: str, height: int) -> tuple[bytes, ...]:
    """Lines of something like writing, as JPEG."""
    from PIL import Image, ImageDraw

    found = []
    for hand in range(HANDS):
        draw = random.Random(f"{name} {hand}")
        image = Image.new("L", (WIDTH, height), 250)
        pen = ImageDraw.Draw(image)
        for line in range(16, height - 4, 20):
            x = 10.0
            while x < WIDTH - 30 - 200 * draw.random():
                step = draw.uniform(4, 11)
                pen.line([(x, line + draw.uniform(-8, 4)), (x + step, line + draw.uniform(-8, 4))], fill=40, width=2)
                x += step + (12 if draw.random() < 0.15 else 0)
        out = BytesIO()
        image.save(out, "JPEG", quality=30)
        found.append(out.getvalue())
    return tuple(found)
