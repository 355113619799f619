"""The reader's job on real paper: printed sheets, simulated scans, bad files, the fence, the queue and a worker."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest
from PIL import Image
from sqlalchemy import select

from core import queue
from core.db import migrate
from core.definition import RosterRow
from core.exam import ExamDefinition
from core.loading import ExpectedSheet, load_exam
from core.pictures import picture_bytes
from core.settings import Settings
from core.site import Site, open_site
from core.states import AttemptState, ReceiptState, ScriptState
from core.tables import AnswerRow, Attempt, Page, Picture, Receipt, Script
from core.template import load_template
from omr import desk, jobs
from omr.desk.forms import Forms
from omr.frames import Frame, Read, read_frame
from omr.print import print_sheets
from scanner import intake
from scanner.decode import decode
from scanner.simulator.run import simulate
from tests.omr.bad_files import huge_png, locked_pdf
from tests.omr.hall import EXAM

NUMBERS = ("20260000", "20260001")
TOLD = {"20260000": {"Q1": "A", "Q2": "D"}, "20260001": {"Q1": "C", "Q2": ""}}


@dataclass(frozen=True)
class Scans:
    definition: ExamDefinition
    roster: list[RosterRow]
    template: Path
    sheets: list[ExpectedSheet]
    files: dict[tuple[str, int], bytes]  # by serial and side


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Scans:
    folder = tmp_path_factory.mktemp("scans")
    definition = ExamDefinition.model_validate(EXAM)
    roster = [RosterRow(n, f"Name {n}", "School", "S", "1", "R1", str(i)) for i, n in enumerate(NUMBERS)]
    (paper,) = print_sheets(definition, roster, folder / "s.pdf").papers
    rows = _rows(paper.list)
    with (folder / "a.csv").open("w", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("sheet", "field", "value"))
        for serial, number in sorted({(r["sheet"], r["candidate"]) for r in rows}):
            out.writerows((serial, f, v) for f, v in {"number": number, "W1": 0.5, "W2": 0.5, **TOLD[number]}.items())
    simulate(paper.pdf, folder / "a.csv", folder / "sim", trouble="none", seed=3)
    frames = _rows(folder / "sim" / "frames.csv")
    files = {(f["sheet"], int(f["side"])): (folder / "sim" / f["file"]).read_bytes() for f in frames}
    owners = {r["sheet"]: r["candidate"] for r in rows}
    return Scans(definition, roster, paper.template, [ExpectedSheet(s, "P", 0, n) for s, n in owners.items()], files)


@dataclass
class Room:
    site: Site
    exam_id: int

    def send(self, *frames: bytes) -> list[int]:
        intake.open_batch(self.site, self.exam_id, "A", "b1", {})
        receipts = [
            intake.receive(self.site, self.exam_id, "A", "b1", 1 + i // 2, 1 + i % 2, data, name=f"{i}").receipt
            for i, data in enumerate(frames)
        ]
        intake.close_batch(self.site, self.exam_id, "A", "b1", len(frames))
        intake.dispatch(self.site, self.exam_id)
        return receipts

    def queued(self) -> list[str]:
        with self.site.database.read() as session:
            return list(session.scalars(select(Attempt.id).where(Attempt.state == AttemptState.QUEUED)))

    def states(self) -> list[ReceiptState]:
        with self.site.database.read() as session:
            return list(session.scalars(select(Receipt.state).order_by(Receipt.id)))


@pytest.fixture
def room(scans: Scans, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Room]:
    site = open_site(Settings.at(tmp_path, database_url=sqlite_url, redis_url=redis_url))
    exam = load_exam(site, scans.definition, scans.roster, {"P": load_template(scans.template)}, scans.sheets, by="user:1")
    yield Room(site, exam.id)
    site.close()


def test_a_chunk_of_real_scans_is_filed_whole(room: Room, scans: Scans) -> None:
    room.send(*(data for _, data in sorted(scans.files.items())))
    (attempt,) = room.queued()
    assert jobs.read_attempt(room.site, attempt) == {"read": 4}
    with room.site.database.read() as session:
        assert set(session.scalars(select(Script.state))) == {ScriptState.COMPLETE}
        rows = session.execute(select(AnswerRow.script_id, AnswerRow.item, AnswerRow.value).order_by(AnswerRow.script_id, AnswerRow.item))
        assert [value for _, _, value in rows] == ["A", "D", "C", ""]
        pages = session.scalars(select(Page)).all()
        cut = {r["name"]: r for p in pages for r in p.regions}
        assert set(cut) == {"W1", "W2"}
        assert all(r["ink"] > 0.004 and r["width"] > 100 and session.get(Picture, r["sha256"]) for r in cut.values())
    assert picture_bytes(room.site, cut["W1"]["sha256"])[:2] == b"\xff\xd8"


def test_bad_files_are_set_aside_each_with_its_sentence_and_the_others_are_read(room: Room, scans: Scans) -> None:
    good = scans.files[scans.sheets[0].serial, 1]
    empty, text, short = b"", b"this is no picture", good[: len(good) // 2]
    blank = cv2.imencode(".jpg", np.full((1600, 1130), 250, np.uint8))[1].tobytes()
    room.send(good, empty, text, short, blank, scans.files[scans.sheets[0].serial, 2])
    (attempt,) = room.queued()
    assert jobs.read_attempt(room.site, attempt) == {"read": 2, "waiting": 4}
    said = {c.frame.name: (c.kind, c.evidence["reason"]) for c in desk.list_cases(room.site, room.exam_id) if c.frame}
    assert said["1"] == ("unreadable", "the file is empty (0 bytes). Scan or export this page again.")
    assert said["2"][1].startswith("this is not a picture")
    assert "breaks off" in said["3"][1]
    assert said["4"][0] == "blank"
    with room.site.database.read() as session:
        assert intake.conservation(session, room.exam_id).faults == ()


def test_what_no_reader_can_read_waits_with_a_sentence_and_the_page_of_another_exam_as_foreign(
    room: Room, scans: Scans, tmp_path: Path
) -> None:
    other = ExamDefinition.model_validate(EXAM | {"exam": "T9"})
    (paper,) = print_sheets(other, scans.roster[:1], tmp_path / "other.pdf").papers
    pages = pypdfium2.PdfDocument(paper.pdf)
    strange = io.BytesIO()
    pages[0].render(scale=200 / 72, grayscale=True).to_pil().save(strange, "JPEG", quality=85)
    pages.close()
    both = io.BytesIO()
    Image.new("L", (1200, 1700), 250).save(both, "TIFF", save_all=True, append_images=[Image.new("L", (1200, 1700), 250)])
    good = scans.files[scans.sheets[0].serial, 1]
    room.send(locked_pdf(), huge_png(), both.getvalue(), strange.getvalue(), good)
    (attempt,) = room.queued()
    assert jobs.read_attempt(room.site, attempt) == {"read": 1, "waiting": 4}
    cases = desk.list_cases(room.site, room.exam_id)
    assert {c.frame.name: (c.kind, c.evidence["reason"]) for c in cases if c.frame} == {
        "0": ("unreadable", "the PDF needs a password. Save it without one and send it again."),
        "1": ("unreadable", "the picture is 60000 x 60000 pixels; at most 120 million of this kind are read. Scan at 150 to 300 dpi."),
        "2": ("unreadable", "the file holds 2 pages. Send each page as a frame of its own."),
        "3": ("foreign", "the page belongs to another form (exam T9, paper P, edition 1, side 1)"),
    }
    with room.site.database.read() as session:
        assert intake.conservation(session, room.exam_id).faults == ()


def test_an_error_of_the_reader_itself_costs_one_frame_and_no_other(room: Room, scans: Scans, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes, frame: Frame, forms: Forms) -> Read:
        if data == b"trap":
            raise ZeroDivisionError
        return read_frame(data, frame, forms)

    monkeypatch.setattr(jobs, "read_frame", broken)
    room.send(scans.files[scans.sheets[0].serial, 1], b"trap")
    (attempt,) = room.queued()
    assert jobs.read_attempt(room.site, attempt) == {"read": 1, "waiting": 1}
    (case,) = desk.list_cases(room.site, room.exam_id)
    assert case.evidence["error"] == "ZeroDivisionError"


def test_an_attempt_is_read_by_one_worker_only(room: Room, scans: Scans) -> None:
    room.send(scans.files[scans.sheets[0].serial, 1])
    (attempt,) = room.queued()
    with room.site.database.write() as session:
        row = session.get_one(Attempt, attempt)
        row.state, row.worker = AttemptState.RUNNING, "another"
    assert jobs.read_attempt(room.site, attempt) == {}
    assert room.states() == [ReceiptState.QUEUED]


def test_a_reader_that_was_given_up_while_it_read_files_nothing(room: Room, scans: Scans, monkeypatch: pytest.MonkeyPatch) -> None:
    room.send(scans.files[scans.sheets[0].serial, 1])
    (attempt,) = room.queued()

    def slow(data: bytes, frame: Frame, forms: Forms) -> Read:
        assert intake.give_back_running(room.site, room.exam_id) == 1
        intake.dispatch(room.site, room.exam_id)
        return read_frame(data, frame, forms)

    monkeypatch.setattr(jobs, "read_frame", slow)
    assert jobs.read_attempt(room.site, attempt) == {}
    assert room.states() == [ReceiptState.QUEUED]
    with room.site.database.read() as session:
        assert session.get_one(Attempt, attempt).state is AttemptState.LOST
    monkeypatch.undo()
    (later,) = room.queued()
    assert jobs.read_attempt(room.site, later) == {"read": 1}


def test_a_chunk_that_cannot_be_filed_is_given_back_whole_and_at_once(room: Room, scans: Scans, monkeypatch: pytest.MonkeyPatch) -> None:
    room.send(*(data for _, data in sorted(scans.files.items())))
    (attempt,) = room.queued()

    def half(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("omr.filing.finish", half)
    with pytest.raises(RuntimeError):
        jobs.read_attempt(room.site, attempt)
    monkeypatch.undo()
    assert room.states() == [ReceiptState.RECEIVED] * 4
    with room.site.database.read() as session:
        assert session.scalars(select(Page)).all() == []
    intake.sweep(room.site, room.exam_id)
    assert [n for a in room.queued() for n in jobs.read_attempt(room.site, a).values()] == [4]


@pytest.mark.parametrize("side", [1, 2])  # the second has neither bubbles nor a barcode
def test_a_damaged_page_code_is_read_again_when_a_person_says_what_it_is(room: Room, scans: Scans, side: int) -> None:
    serial = scans.sheets[0].serial
    damaged = decode(scans.files[serial, side], where="a test").pixels.copy()
    template = load_template(scans.template)
    (code,) = [c for c in template.side(side).codes if c.role == "page"]
    x, y, w, h = (round(v * damaged.shape[1] / template.width) for v in code.box)
    damaged[y : y + h, x : x + w] = 120
    files = {1: scans.files[serial, 1], 2: scans.files[serial, 2]} | {side: cv2.imencode(".jpg", damaged)[1].tobytes()}
    room.send(files[1], files[2])
    (attempt,) = room.queued()
    jobs.read_attempt(room.site, attempt)
    (case,) = desk.list_cases(room.site, room.exam_id)
    assert (case.kind, case.evidence["likely"]) == ("code_unknown", {"sheet": serial, "side": side})
    decision = desk.Decision("set_page", sheet=serial, side=side)
    desk.resolve(room.site, room.exam_id, "user:7", case.id, decision, version=case.version)
    intake.sweep(room.site, room.exam_id)
    (again,) = room.queued()
    assert jobs.read_attempt(room.site, again) == {"read": 1}
    assert desk.list_cases(room.site, room.exam_id) == []
    desk.undo(room.site, room.exam_id, "user:7", case.id)
    assert room.states()[side - 1] is ReceiptState.WAITING
    assert room.states()[2 - side] is ReceiptState.READ
    assert [c.kind for c in desk.list_cases(room.site, room.exam_id)] == ["code_unknown"]


def test_a_worker_takes_the_job_by_its_name(room: Room, scans: Scans, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in room.site.settings.as_environment().items():
        monkeypatch.setitem(os.environ, name, value)
    jobs.warm_site.cache_clear()
    room.send(*(data for _, data in sorted(scans.files.items())))
    try:
        queue.work(room.site.redis, burst=True)
        assert set(room.states()) == {ReceiptState.READ}
    finally:
        jobs.warm_site().close()
        jobs.warm_site.cache_clear()


def test_a_real_scan_on_postgresql(scans: Scans, postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    migrate(postgres_url)
    site = open_site(Settings.at(tmp_path, database_url=postgres_url, redis_url=redis_url))
    exam = load_exam(site, scans.definition, scans.roster, {"P": load_template(scans.template)}, scans.sheets, by="user:1")
    room = Room(site, exam.id)
    room.send(*(data for _, data in sorted(scans.files.items())))
    (attempt,) = room.queued()
    assert jobs.read_attempt(site, attempt) == {"read": 4}
    site.close()
