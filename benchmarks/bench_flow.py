"""From station folders to rows: two stations, one web process, database, queue and two readers on this machine, beside
two bare readers with the same pages in the same run.

The bare reader reads, cuts and keeps what the engine keeps of a page, and has neither station, nor web process, nor
database. The rate counts from the first frame that is safe to the last that is filed.
MARKHALL_FLOW_CARDS says how many cards of two faces; MARKHALL_FLOW_ROUNDS how often.
"""

from __future__ import annotations

import hashlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import func, select

from api.cli.exam import laid_out
from benchmarks.flow_pages import KEPT, FlowSet, flow_set
from benchmarks.harness import Row
from benchmarks.installation import Installation, cpu_seconds, installation, wait_for
from core.definition import load_definition, load_roster
from core.loading import load_exam
from core.states import ReceiptState
from core.tables import Receipt
from omr.warm import warm_up
from scanner.intake import register_station
from web import build_client

SHARE = 0.85
STATIONS = ("one", "two")
CHUNK = 50
SAMPLE = 100  # frames
Kinds = dict[str, float]
Run = Callable[[Sequence[Path]], object]


@dataclass(frozen=True)
class Flow:
    rate: float  # pages a second, from the first safe frame to the last filed one
    cpu: Kinds  # ms a page by kind of process, without their start


@dataclass(frozen=True)
class Bare:
    rate: float
    cpu: float  # ms a page


def rows() -> list[Row]:
    build_client.build()  # the web process refuses to start without its pages
    warm_up(print)
    cards = int(os.environ.get("MARKHALL_FLOW_CARDS", "1000"))
    rounds = int(os.environ.get("MARKHALL_FLOW_ROUNDS", "3"))
    return [row for dpi, some in ((200, cards), (300, cards // 2)) for row in _rows(flow_set(dpi, some), dpi, rounds)]


def _rows(pages: FlowSet, dpi: int, rounds: int) -> list[Row]:
    measured = [(bare(pages, "plain"), bare(pages, "stored"), flow(pages)) for _ in range(rounds)]
    plain, stored, flows = zip(*measured, strict=True)
    ratio = statistics.median(f.rate / s.rate for _, s, f in measured)
    kinds = {kind: statistics.median(f.cpu[kind] for f in flows) for kind in flows[0].cpu}
    bound = statistics.median(s.cpu / sum(f.cpu.values()) for _, s, f in measured)
    least = statistics.median(taking(pages.files()[:SAMPLE]) for _ in range(rounds))
    middle = statistics.median(s.cpu for s in stored)
    return [
        Row.judged(f"from folders to rows, {dpi} dpi, over two bare readers", ratio, "above", SHARE, "times"),
        Row.told("... the same by CPU time: what a machine that does nothing else allows", bound, "times"),
        Row.told("... with nothing but the bytes' way: two hashes, a connection, a file", middle / (middle + least), "times"),
        Row.told("... over `markhall read`, which keeps no pictures", statistics.median(f.rate / p.rate for p, _, f in measured), "times"),
        Row.told("... from folders to rows", statistics.median(f.rate for f in flows), "pages/s"),
        Row.told("... two bare readers that keep what is cut", statistics.median(s.rate for s in stored), "pages/s"),
        Row.told("... two `markhall read`", statistics.median(p.rate for p in plain), "pages/s"),
        Row.told("... bare reader that keeps what is cut", middle, "ms CPU a page"),
        Row.told("... the bytes' way alone", least, "ms CPU a page"),
        Row.told("... `markhall read`", statistics.median(p.cpu for p in plain), "ms CPU a page"),
        *(Row.told(f"... {kind}", value, "ms CPU a page") for kind, value in kinds.items()),
    ]


def flow(pages: FlowSet, *, postgres: bool = True) -> Flow:
    """One exam from two stations' folders to rows."""
    with installation(postgres=postgres) as house, tempfile.TemporaryDirectory(dir=KEPT) as scratch:
        definition, roster = load_definition(pages.definition), load_roster(pages.roster)
        templates, sheets = laid_out(definition, roster)
        exam = load_exam(house.site, definition, roster, templates, sheets, by="benchmark")
        folders = [_fill(Path(scratch) / name, pages.batches[i :: len(STATIONS)]) for i, name in enumerate(STATIONS)]
        tokens = [register_station(house.site, exam.id, name) for name in STATIONS]
        house.open(readers=2)
        before = house.cpu()
        for name, folder, token in zip(STATIONS, folders, tokens, strict=True):
            arguments = ("station", str(folder), "--url", house.url, "--exam", exam.code, "--name", name, "--batch", f"of-{name}")
            house.start("station", *arguments, environment={"MARKHALL_STATION_TOKEN": token})
        total = len(pages.files())
        wait_for(lambda: _settled(house)[0] > 0, every=0.01)
        begun, at_start = time.perf_counter(), _settled(house)[0]
        wait_for(lambda: _settled(house) == (total, total), seconds=600, every=0.1)
        seconds = time.perf_counter() - begun
        used = {kind: value - before.get(kind, 0.0) for kind, value in house.cpu().items()}
    used["station"] -= _idle_station() * len(STATIONS)
    return Flow((total - at_start) / seconds, {kind: 1000 * value / total for kind, value in used.items()})


def _settled(house: Installation) -> tuple[int, int]:
    """Frames that are here, and those of them that no reader has to read any more."""
    busy = Receipt.state.in_((ReceiptState.RECEIVED, ReceiptState.QUEUED))
    with house.site.database.read() as session:
        here, waiting = session.execute(select(func.count(), func.count().filter(busy)).select_from(Receipt)).one()
    return here, here - waiting


def taking(files: Sequence[Path]) -> float:
    """CPU ms a page that no intake is without: a hash at each end, a connection between them, the bytes in a file.

    The bare readers do none of it: they read the station's own files.
    """
    frames = [file.read_bytes() for file in files]
    with tempfile.TemporaryFile(dir=KEPT) as kept, socket.create_server(("127.0.0.1", 0)) as door:
        sender = socket.create_connection(door.getsockname())
        receiver = door.accept()[0]
        with sender, receiver:
            begun = time.process_time()
            for frame in frames:
                hashlib.sha256(frame).digest()
                thread = threading.Thread(target=sender.sendall, args=(frame,))
                thread.start()
                came = bytearray(len(frame))
                left = memoryview(came)
                while left:
                    left = left[receiver.recv_into(left) :]
                thread.join()
                hashlib.sha256(came).digest()
                kept.write(came)
            return 1000 * (time.process_time() - begun) / len(frames)


def _idle_station() -> float:
    """What a station's program takes to start and to say that it has nothing to do."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "api.cli", "station", "--help"], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _fill(folder: Path, batches: Sequence[Path]) -> Path:
    """The cards of several batches as one: links, so that a station may move them away."""
    folder.mkdir()
    card = 0
    for batch in batches:
        sequences = sorted({file.stem.split("-")[0] for file in batch.iterdir()})
        number = {sequence: card + i for i, sequence in enumerate(sequences, 1)}
        for file in sorted(batch.iterdir()):
            sequence, face = file.stem.split("-")
            os.link(file, folder / f"{number[sequence]:05d}-{face}{file.suffix}")
        card += len(sequences)
    return folder


def bare(pages: FlowSet, task: str) -> Bare:
    """Two processes, warm, each with half the pages: `plain` as `markhall read` does, `stored` with what is kept of a page."""
    files = pages.files()
    halves = [[file for at, file in enumerate(files) if at // 2 % 2 == i] for i in range(2)]  # both faces of a card together
    with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
        pipes, processes = [], []
        for i in range(2):
            here, there = get_context("spawn").Pipe()
            process = get_context("spawn").Process(target=_read, args=(there, pages, halves[i], task, Path(scratch) / str(i)), daemon=True)
            process.start()
            pipes.append(here)
            processes.append(process)
        for pipe in pipes:
            assert pipe.recv() == "warm"
        before = sum(cpu_seconds(p.pid or 0) for p in processes)
        begun = time.perf_counter()
        for pipe in pipes:
            pipe.send("go")
        for pipe in pipes:
            assert pipe.recv() == "done"
        seconds = time.perf_counter() - begun
        used = sum(cpu_seconds(p.pid or 0) for p in processes) - before
        for pipe, process in zip(pipes, processes, strict=True):
            pipe.send("end")
            process.join(10)
    return Bare(len(files) / seconds, 1000 * used / len(files))


def _read(pipe: Connection[str, str], pages: FlowSet, files: Sequence[Path], task: str, folder: Path) -> None:
    run = _plain(pages) if task == "plain" else _stored(pages, folder)
    run(files[:2])
    pipe.send("warm")
    pipe.recv()
    for i in range(0, len(files), CHUNK):
        run(files[i : i + CHUNK])
    pipe.send("done")
    pipe.recv()


def _plain(pages: FlowSet) -> Run:
    from core.template import load_template
    from omr.files import read_file
    from omr.reading import Reader

    reader = Reader([load_template(pages.template)])
    return lambda files: [read_file(reader, file) for file in files]


def _stored(pages: FlowSet, folder: Path) -> Run:
    from core.errors import FrameUnreadable
    from core.store import FolderStore
    from core.template import load_template
    from omr.desk.forms import Forms
    from omr.frames import Frame, read_frame

    definition = load_definition(pages.definition)
    forms = Forms(definition, {definition.papers[0].code: (1, load_template(pages.template))})
    store = FolderStore(folder)

    def run(files: Sequence[Path]) -> None:
        pictures: list[bytes] = []
        for file in files:
            try:
                pictures += read_frame(file.read_bytes(), Frame(1, "", file.name), forms).pictures.values()
            except FrameUnreadable:
                continue
        store.put_pack(pictures)

    return run
