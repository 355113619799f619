"""The load of markers sees what is wrong in a reply, and counts only what was acknowledged."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.bare_web import _task
from benchmarks.lines import Line, Lines, Reply, length_of
from benchmarks.marking_exam import Marker, definition
from benchmarks.marking_load import Markers

Answer = Callable[[str, dict[str, Any]], bytes | None]  # None: hang up


def reply(body: dict[str, Any], status: int = 200) -> bytes:
    data = json.dumps(body).encode()
    return b"HTTP/1.1 %d OK\r\ncontent-length: %d\r\n\r\n%s" % (status, len(data), data)


def good(path: str, asked: dict[str, Any]) -> bytes:
    return reply({"saved": {"task": asked.get("task"), "outcome": "counted"}, "tasks": [_task(asked["group"])], "open": 3})


@contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """A thread a connection; `answer` says what each request gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                length = 0
                while (header := stream.readline().strip()) != b"":
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                said = answer(line.split()[1].decode().rpartition("/")[2], json.loads(stream.read(length) or b"{}"))
                if said is None:
                    return
                connection.sendall(said)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


@contextmanager
def seated(answer: Answer, count: int = 4) -> Iterator[Markers]:
    with serving(answer) as port:
        markers = Markers("127.0.0.1", port, [Marker(n, f"token{n}", "M/W21") for n in range(count)], definition())
        first = markers.sit_down()
        assert (first.pairs, first.faults) == (count, [])
        try:
            yield markers
        finally:
            markers.close()


def test_pairs_are_counted_and_every_marker_has_a_turn() -> None:
    with seated(good) as markers:
        load = markers.at_most(0.3, window=2)
        assert load.pairs > 20
        assert load.faults == []
        assert len(load.waits) >= load.pairs
        assert min(desk.done for desk in markers.desks) > 0


def test_so_many_are_offered_as_were_asked_for() -> None:
    with seated(good) as markers:
        load = markers.offered(200, 1.0)
        assert 130 < load.pairs < 280
        assert load.percentile(0.5) <= load.percentile(0.99)


def test_a_server_that_is_too_slow_is_told_by_the_waits_of_what_it_never_got() -> None:
    def slow(path: str, asked: dict[str, Any]) -> bytes:
        if path == "marks":
            threading.Event().wait(0.2)
        return good(path, asked)

    with seated(slow) as markers:
        load = markers.offered(200, 1.0)
    assert load.pairs < 60
    assert len(load.waits) > 130
    assert load.percentile(0.99) > 500


def second_time(path: str, asked: dict[str, Any]) -> bytes:
    task = _task(asked["group"]) | {"task": "the same"}
    return reply({"saved": {"task": asked.get("task"), "outcome": "counted"}, "tasks": [task], "open": 3})


def of_another(path: str, asked: dict[str, Any]) -> bytes:
    return reply({"saved": {"task": "another", "outcome": "counted"}, "tasks": [_task(asked["group"])], "open": 3})


def of_another_group(path: str, asked: dict[str, Any]) -> bytes:
    return reply({"saved": {"task": asked.get("task"), "outcome": "counted"}, "tasks": [_task("M/W22")], "open": 3})


def refused(path: str, asked: dict[str, Any]) -> bytes:
    return reply({"detail": "no"}, 503)


@pytest.mark.parametrize(
    ("wrong", "word"), [(second_time, "again"), (of_another, "answered as"), (of_another_group, "another group"), (refused, "503")]
)
def test_a_wrong_reply_is_a_fault(wrong: Callable[[str, dict[str, Any]], bytes], word: str) -> None:
    with seated(lambda path, asked: wrong(path, asked) if path == "marks" else good(path, asked), count=1) as markers:
        load = markers.at_most(0.2, window=1)
    assert any(word in fault for fault in load.faults), load.faults


def test_a_connection_that_breaks_over_a_mark_is_tried_once_more_with_the_same_key() -> None:
    keys: list[str] = []

    def breaks(path: str, asked: dict[str, Any]) -> bytes | None:
        if path == "marks":
            keys.append(asked["key"])
            if len(keys) == 1:
                return None
        return good(path, asked)

    with seated(breaks, count=1) as markers:
        load = markers.at_most(0.2, window=1)
        assert markers.lines.counted.again == 1
    assert load.faults == []
    assert keys[0] == keys[1]
    assert len(set(keys[1:])) == len(keys) - 1


def test_a_reply_in_pieces_is_put_together() -> None:
    got: list[Reply] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        lines, line = Lines("127.0.0.1", server.getsockname()[1]), Line()
        lines.ask(line, b"GET / HTTP/1.1\r\n\r\n", 0.0, got.append)
        connection, _ = server.accept()
        whole = reply({"long": "x" * 5000}, 201)
        for piece in (whole[:7], whole[7:30], whole[30:2000], whole[2000:]):
            assert got == []
            connection.sendall(piece)
            lines.turn(1.0)
        lines.close()
        connection.close()
    assert (got[0].status, json.loads(got[0].body)) == (201, {"long": "x" * 5000})


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length:4\r\nX: y\r\n\r\n"])
def test_a_replys_length_is_its_heads_and_its_bodys(head: bytes) -> None:
    assert length_of(head) == len(head) + 4
    assert length_of(head[:-1]) == 0


def test_a_reply_without_a_body_is_its_head() -> None:
    assert length_of(b"HTTP/1.1 204 No Content\r\n\r\n") == 27
