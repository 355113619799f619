"""What a page costs the scan station: a folder of pages of 500 KiB against a server that only answers.

The floor is reading and hashing the same files once, in the same run: SHA-256 is most of it where the processor has no
instructions for it.
"""

from __future__ import annotations

import hashlib
import os
import socket
import statistics
import tempfile
import threading
import time
from io import BufferedReader
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.harness import Row
from scanner.station import Plan, watch_folder

FRAMES, SIZE, ROUNDS = 300, 500 * 1024, 3
MOST_OVER = 0.6  # ms CPU a page beside reading and hashing


def rows() -> list[Row]:
    here, there = get_context("spawn").Pipe(duplex=False)
    process = get_context("spawn").Process(target=_answer_all, args=(there,), daemon=True)
    process.start()
    port = here.recv()
    try:
        rounds = [_round(port) for _ in range(ROUNDS)]
    finally:
        process.terminate()
        process.join()
    whole, floor, wall = (statistics.median(times) for times in zip(*rounds, strict=True))
    return [
        Row.judged("station, beside reading and hashing a page", whole - floor, "below", MOST_OVER, "ms CPU a page"),
        Row.told("station, a page in all", whole, "ms CPU a page"),
        Row.told("station, reading and hashing a page once", floor, "ms CPU a page"),
        Row.told("station, pages a second", 1000 / wall, "1/s"),
    ]


def _round(port: int) -> tuple[float, float, float]:
    """Milliseconds a page: CPU of the station, CPU of the floor, wall of the station."""
    with tempfile.TemporaryDirectory() as folder:
        pile = Path(folder) / "hall" / "e1"
        pile.mkdir(parents=True)
        for number in range(FRAMES):
            (pile / f"scan{number}.jpg").write_bytes(b"\xff\xd8\xff" + os.urandom(SIZE - 5) + b"\xff\xd9")
        begun = time.process_time()
        for file in pile.iterdir():
            hashlib.sha256(file.read_bytes()).hexdigest()
        floor = time.process_time() - begun
        begun, wall = time.process_time(), time.perf_counter()
        plan = Plan("bench", poll=0.1, once=True)
        complete = watch_folder(pile.parent, f"http://127.0.0.1:{port}", "E", "token", plan, stop=threading.Event(), say=lambda text: None)
        assert complete
        station, waited, page = time.process_time() - begun, time.perf_counter() - wall, 1000 / FRAMES
        return station * page, floor * page, waited * page


def _answer_all(port: Connection) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    port.send(listening.getsockname()[1])
    while True:
        line, _ = listening.accept()
        threading.Thread(target=_answer, args=(line,), daemon=True).start()


def _answer(line: socket.socket) -> None:
    """Take every frame, keep none."""
    reader, place = line.makefile("rb"), memoryview(bytearray(2 * SIZE))
    while first := reader.readline():
        length, digest = _headers(reader)
        taken = 0
        while taken < length:
            taken += reader.readinto(place[taken:length])
        if b"/frames/" in first:
            said = b'{"receipt": 1, "sha256": "%s"}' % digest
        else:
            said = b'{"declared": %d, "received": %d, "missing": [], "complete": %s}' % (FRAMES, FRAMES, b"true")
        line.sendall(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(said) + said)


def _headers(reader: BufferedReader) -> tuple[int, bytes]:
    length, digest = 0, b""
    while (header := reader.readline()) != b"\r\n":
        name, _, value = header.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"x-content-sha256":
            digest = value.strip()
    return length, digest
