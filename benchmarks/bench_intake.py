"""Frames a second that one web process on one core takes in over HTTP, durably, against writing the same bytes to files.

The frames are 500 KiB, each with a hash of its own that the server checks; every answer waits for bytes and row. The
floor is a process on the same core that writes each frame as a file and waits for the disk; a second floor hashes it too,
as whoever promises to have these very bytes must. Rounds of subject and floors follow one another.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

from benchmarks.harness import Row
from benchmarks.installation import Installation, cpu_seconds, installation
from core.tables import Exam
from scanner import intake

SIZE = 500 * 1024
FRAMES = 400  # a round
ROUNDS = 5
STATIONS = 12  # connections, each with one frame on the way
SERVER_CORE = 0
UNHURRIED = 1_000_000  # a rate that no station reaches: the limit is measured by nobody


@dataclass(frozen=True)
class Round:
    taken: float  # frames a second
    written: float
    hashed: float
    hash: float  # CPU ms a frame
    server: float
    database: float


@dataclass(frozen=True)
class Sender:
    """One station's connections. Its frames differ in their last bytes, so that a hash costs the sender nothing."""

    address: tuple[str, int]
    token: str
    body: bytes
    begun: hashlib._Hash  # of all but the last bytes

    def send_all(self, batch: str) -> float:
        """Frames a second, from the first byte sent to the last answer."""
        numbers, started = iter(range(1, FRAMES + 1)), time.perf_counter()
        lock, failed = threading.Lock(), list[str]()
        threads = [threading.Thread(target=self._send, args=(batch, numbers, lock, failed)) for _ in range(STATIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise RuntimeError(f"a frame was not taken in: {failed[0]}")
        return FRAMES / (time.perf_counter() - started)

    def _send(self, batch: str, numbers: Iterator[int], lock: threading.Lock, failed: list[str]) -> None:
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.connect()
        while not failed:
            with lock:
                sequence = next(numbers, None)
            if sequence is None:
                break
            self._frame(connection, batch, sequence, failed)
        connection.close()

    def _frame(self, connection: http.client.HTTPConnection, batch: str, sequence: int, failed: list[str]) -> None:
        tail = f"{batch}-{sequence:010d}".encode()
        whole = self.begun.copy()
        whole.update(tail)
        connection.putrequest(
            "PUT", f"/api/intake/BENCH/batches/{batch}/frames/{sequence}/1?name={sequence}.jpg", skip_accept_encoding=True
        )
        connection.putheader("Authorization", f"Bearer {self.token}")
        connection.putheader("X-Content-SHA256", whole.hexdigest())
        connection.putheader("Content-Length", str(len(self.body) + len(tail)))
        connection.endheaders()
        connection.send(self.body)
        connection.send(tail)
        reply = connection.getresponse()
        said = reply.read()
        if reply.status != 201:
            failed.append(f"{reply.status} {said[:200]!r}")


def rows() -> list[Row]:
    found = []
    for name in ("PostgreSQL", "SQLite"):
        rounds = measure(postgres=name == "PostgreSQL")
        found += _rows(name, rounds)
    return found


def _rows(name: str, rounds: list[Round]) -> list[Row]:
    def middle(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    return [
        Row.judged(f"frames of 500 KiB taken in by one core, {name}", middle(lambda r: r.taken), "above", 200, "frames/s"),
        Row.judged("... of writing and fsyncing them alone", middle(lambda r: r.taken / r.written), "above", 0.5, "times"),
        Row.told("... of hashing, writing and fsyncing them alone", middle(lambda r: r.taken / r.hashed), "times"),
        Row.told("... written and fsynced alone", middle(lambda r: r.written), "frames/s"),
        Row.told("... hashing a frame alone, CPU", middle(lambda r: r.hash), "ms/frame"),
        Row.told("... CPU of the web process", middle(lambda r: r.server), "ms/frame"),
        Row.told("... CPU of the database", middle(lambda r: r.database), "ms/frame"),
    ]


def measure(*, postgres: bool) -> list[Round]:
    with installation(postgres=postgres) as house:
        sender = _sender(house)
        with _on_core(0, _other_core()):
            web = _open(house)
            address = urlsplit(house.url)
            there = replace(sender, address=(str(address.hostname), int(address.port or 0)))
            one_round(house, web, there, "warm")
            return [one_round(house, web, there, f"b{n}") for n in range(ROUNDS)]


def one_round(house: Installation, web: Popen[bytes], sender: Sender, batch: str) -> Round:
    station = intake.station_of(house.site, sender.token)
    assert station is not None
    intake.open_batch(house.site, station.exam_id, station.name, batch, {})
    folder = house.settings.home / "floor"
    written, hashed = _floor(folder, sender, hashing=False), _floor(folder, sender, hashing=True)
    before = cpu_seconds(web.pid), house.cpu().get("database", 0.0)
    taken = sender.send_all(batch)
    after = cpu_seconds(web.pid), house.cpu().get("database", 0.0)
    server, database = ((b - a) / FRAMES * 1000 for a, b in zip(before, after, strict=True))
    return Round(taken, written, hashed, _hashing(sender.body), server, database)


def _hashing(body: bytes) -> float:
    """CPU ms that a hash costs on this machine now: the largest part of all."""
    started = time.process_time()
    for _ in range(50):
        hashlib.sha256(body).hexdigest()
    return (time.process_time() - started) / 50 * 1000


def _sender(house: Installation) -> Sender:
    with house.site.database.write() as session:
        exam = Exam(code="BENCH", created_at=house.site.now())
        session.add(exam)
        session.flush()
        exam_id = exam.id
    token, body = intake.register_station(house.site, exam_id, "S1"), b"\xff\xd8\xff" + os.urandom(SIZE - 3)
    return Sender(("", 0), token, body, hashlib.sha256(body))


def _open(house: Installation) -> Popen[bytes]:
    """The web process, all threads on the core of its own."""
    house.settings = replace(house.settings, station_frames=UNHURRIED, station_mib=UNHURRIED)
    house.open(readers=0)
    web = house.processes[-1][1]
    for task in Path(f"/proc/{web.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {SERVER_CORE})
    return web


def _floor(folder: Path, sender: Sender, *, hashing: bool) -> float:
    """Files a second, written one after the other on the server's core, each on the disk before the next."""
    folder.mkdir(parents=True)
    with _on_core(0, SERVER_CORE):
        started = time.perf_counter()
        for n in range(FRAMES):
            if hashing:
                hashlib.sha256(sender.body).hexdigest()
            fd = os.open(folder / f"{n}", os.O_WRONLY | os.O_CREAT)
            os.write(fd, sender.body)
            os.fsync(fd)
            os.close(fd)
        seconds = time.perf_counter() - started
    shutil.rmtree(folder)
    return FRAMES / seconds


def _other_core() -> int:
    return max(os.sched_getaffinity(0) - {SERVER_CORE}, default=SERVER_CORE)


@contextmanager
def _on_core(pid: int, core: int) -> Iterator[None]:
    before = os.sched_getaffinity(pid)
    os.sched_setaffinity(pid, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(pid, before)
