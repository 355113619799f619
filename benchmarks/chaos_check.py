"""What must be true when everything is up again and the work has ended, each looked for where it would show.

Every question is put to the tables, the store's own files and the stations' own journals, not to the code that moved the
frames. An answer is a list of sentences; an empty one is what is hoped for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.chaos_paper import ChaosPaper, SentFrame
from benchmarks.chaos_run import Found
from core.loading import exam_by_code
from core.orphans import Tally, check_store
from core.site import Site
from core.states import AttemptState, BatchState, CaseState, PageState, ReceiptState
from core.tables import AnswerRow, Attempt, Batch, DeskCase, Exam, Page, Picture, Receipt, Script, Sheet
from scanner import intake
from scoring import verify_ledger, verify_paper

Frames = Sequence[SentFrame]


def check_round(site: Site, exam_code: str, paper: ChaosPaper, sent: Frames, folders: Path) -> tuple[Found, Counter[str]]:
    """The faults, and what was left lying about without harm."""
    found = Found()
    with site.database.read() as session:
        exam = exam_by_code(session, exam_code)
        questions: dict[str, Callable[[], Iterator[str]]] = {
            "receipts": lambda: _receipts(session, exam, sent),
            "pages": lambda: _pages(session, exam, paper, sent),
            "answers": lambda: _answers(session, exam, paper),
            "cases": lambda: _cases(session, exam),
            "laws": lambda: _laws(session, exam),
            "attempts": lambda: _attempts(session, exam),
            "stations": lambda: _stations(session, exam, folders, sent),
        }
        for name, ask in questions.items():
            found.add(name, ask())
        losses, listed = _pictures(site)
        left = set(orphans(session, Path(site.settings.store_url.removeprefix("file://"))))
        found.add("pictures", losses)
        found.add("orphans", sorted(left - listed))
    return found, Counter(orphans=len(left))


def _receipts(session: Session, exam: Exam, sent: Frames) -> Iterator[str]:
    """Receipts are what the stations sent: each place once, the very bytes, and nothing else."""
    query = select(Batch.station, Batch.name, Receipt.sequence, Receipt.face, Receipt.sha256).join(Batch, Batch.id == Receipt.batch_id)
    here: dict[tuple[str, str, int, int], list[str]] = {}
    for station, batch, sequence, face, sha256 in session.execute(query.where(Receipt.exam_id == exam.id)):
        here.setdefault((station, batch, sequence, face), []).append(sha256)
    for frame in sent:
        got = here.pop(frame.place, [])
        if got != [frame.sha256]:
            yield f"{frame.place}: {frame.sha256[:12]} was sent, {[g[:12] for g in got]} are here"
    yield from (f"{place}: nobody sent it" for place in here)
    declared = Counter(frame.place[:2] for frame in sent)
    for row in session.scalars(select(Batch).where(Batch.exam_id == exam.id)):
        wanted = declared.pop((row.station, row.name), 0)
        if row.state is not BatchState.COMPLETE or row.declared != wanted:
            yield f"batch {row.station}/{row.name} is {row.state} with {row.declared} frames, {wanted} were sent"
    yield from (f"batch {place} never came" for place in declared)


def _pages(session: Session, exam: Exam, paper: ChaosPaper, sent: Frames) -> Iterator[str]:
    """One standing page a side, read from the frame that shows it; and no second reading beside it."""
    truth = {frame.place: (frame.sheet, frame.side) for frame in sent}
    query = (
        select(
            Batch.station, Batch.name, Receipt.sequence, Receipt.face, Receipt.state, Receipt.reason, Sheet.serial, Page.side, Page.state
        )
        .join(Batch, Batch.id == Receipt.batch_id)
        .outerjoin(Page, Page.receipt_id == Receipt.id)
        .outerjoin(Sheet, Sheet.id == Page.sheet_id)
        .where(Receipt.exam_id == exam.id)
    )
    readings: Counter[tuple[str, str, int, int]] = Counter()
    for station, batch, sequence, face, state, reason, serial, side, standing in session.execute(query):
        place = (station, batch, sequence, face)
        readings[place] += 1
        if state is not ReceiptState.READ or standing is not PageState.READ:
            yield f"{place} is {state} ({reason}), its page {standing}"
        elif (serial, side) != truth.get(place):
            yield f"{place} was read as {serial} side {side}, it is {truth.get(place)}"
    yield from (f"{place} was read {count} times" for place, count in readings.items() if count > 1)
    sides = Counter((frame.sheet, frame.side) for frame in sent)
    stands = select(Sheet.serial, Page.side, func.count()).join(Page, Page.sheet_id == Sheet.id)
    stands = stands.where(Page.exam_id == exam.id, Page.state != PageState.SUPERSEDED).group_by(Sheet.serial, Page.side)
    standing_pages = {(serial, side): count for serial, side, count in session.execute(stands)}
    yield from (f"sheet {side} has {standing_pages.get(side, 0)} standing pages" for side in sides if standing_pages.get(side) != 1)


def _answers(session: Session, exam: Exam, paper: ChaosPaper) -> Iterator[str]:
    """Every objective answer once, as the ink says."""
    query = (
        select(Sheet.serial, AnswerRow.item, AnswerRow.value)
        .join(Script, Script.id == AnswerRow.script_id)
        .join(Sheet, Sheet.script_id == Script.id)
        .where(AnswerRow.exam_id == exam.id, AnswerRow.current)
    )
    said = [((serial, item), value) for serial, item, value in session.execute(query)]
    twice = [place for place, count in Counter(place for place, _ in said).items() if count > 1]
    yield from (f"{place} has several current answers" for place in twice)
    wanted = {place: value for place, value in paper.truth.items() if place[1].startswith("Q")}
    wrong = {place for place, value in said if wanted.get(place) != value}
    yield from (f"{place} is {dict(said)[place]!r}, the paper says {wanted.get(place)!r}" for place in sorted(wrong))
    yield from (f"{place} has no answer" for place in sorted(set(wanted) - {place for place, _ in said}))


def _cases(session: Session, exam: Exam) -> Iterator[str]:
    """Nothing was wrong with the paper, so nobody is asked anything."""
    query = select(DeskCase.kind, func.count()).where(DeskCase.exam_id == exam.id, DeskCase.state == CaseState.OPEN).group_by(DeskCase.kind)
    for kind, count in session.execute(query):
        yield from (f"a person is asked about {kind}" for _ in range(count))


def _laws(session: Session, exam: Exam) -> Iterator[str]:
    for law in (verify_paper.frames, verify_paper.sheets, verify_paper.identity, verify_paper.answers, verify_ledger.ledger_whole):
        result = law(session, exam)
        if not result.holds:
            yield f"{result.law} does not hold: {result.detail.en}"
    kept = intake.conservation(session, exam.id)
    yield from kept.faults


def _attempts(session: Session, exam: Exam) -> Iterator[str]:
    live = (AttemptState.QUEUED, AttemptState.RUNNING)
    for attempt in session.scalars(select(Attempt).where(Attempt.exam_id == exam.id, Attempt.state.in_(live))):
        frames = session.scalar(select(func.count()).where(Receipt.attempt_id == attempt.id, Receipt.state == ReceiptState.QUEUED))
        yield f"attempt {attempt.id} is still {attempt.state}, with {frames} frames"


def _stations(session: Session, exam: Exam, folders: Path, sent: Frames) -> Iterator[str]:
    """What a station wrote down as acknowledged is here with that number and hash; what it has put away is all it had."""
    here = {
        (b.station, b.name, r.sequence, r.face): (r.id, r.sha256)
        for r, b in session.execute(select(Receipt, Batch).join(Batch, Batch.id == Receipt.batch_id).where(Receipt.exam_id == exam.id))
    }
    by_batch: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for frame in sent:
        by_batch.setdefault(frame.place[:2], set()).add(frame.place[2:])
    for (station, batch), places in by_batch.items():
        folder = folders / station / "done" / batch  # where a station puts a batch that it has compared with the server
        if not folder.is_dir():
            yield f"{station}/{batch}: the station has not put it away"
            continue
        noted = set()
        for line in (folder / ".markhall-journal").read_bytes().splitlines():
            entry = json.loads(line)
            if "sent" in entry:
                place = (station, batch, *entry["sent"])
                noted.add(tuple(entry["sent"]))
                if here.get(place) != (entry["receipt"], entry["sha256"]):
                    yield f"{place}: the journal says {entry}, the server {here.get(place)}"
        yield from (f"{station}/{batch}: the journal lacks {place}" for place in sorted(places - noted))
        left = [f.name for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")]
        left += [f"refused/{f.name}" for f in folder.glob("refused/*")]
        put_away = [f for f in (folder / "done").iterdir() if f.is_file()] if (folder / "done").is_dir() else []
        if left or len(put_away) != len(places):
            yield f"{station}/{batch}: {len(put_away)} of {len(places)} files are in done, {left} are not"


def _pictures(site: Site) -> tuple[list[str], set[str]]:
    """Every picture row has its bytes, whole; and what `markhall store check` lists of files that no row names."""
    losses, listed = [], set()
    for finding in check_store(site, Tally(), deep=True):
        listed.add(finding.path)
        if finding.is_loss:
            losses.append(f"{finding.kind} {finding.path}: {finding.detail}")
    return losses, listed


def orphans(session: Session, root: Path) -> Iterator[str]:
    """Files of the store that no row names: what was written when its process died before the commit."""
    files, packs = set(), set()
    for sha256, place in session.execute(select(Picture.sha256, Picture.place)):
        if place:
            packs.add(place.rsplit(":", 2)[0])
        else:
            files.add(sha256)
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        if name not in packs and path.name not in files:
            yield name
