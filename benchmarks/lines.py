"""Kept-alive HTTP/1.1 connections by the thousand in one thread, at a few dozen microseconds a request.

Owns sockets and the framing of replies. Knows only what a load needs of HTTP: a status, a length, a body. A connection that
the server closed while nothing was asked is opened again; one that is closed over a request is asked once more, so a request
must be one that may be sent twice.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Reply(NamedTuple):
    status: int
    body: bytes
    seconds: float  # since the request was due, which may be before it could be sent


Then = Callable[[Reply], None]
BROKEN = 0  # the status of a request that was cut off twice


class Line:
    """One connection, with at most one request under way."""

    __slots__ = ("due", "got", "request", "socket", "then", "tries", "whole")

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.got = b""
        self.whole = 0  # length of the reply that is coming, head and body
        self.request = b""
        self.due = 0.0
        self.tries = 0
        self.then: Then | None = None


@dataclass
class Counted:
    opened: int = 0
    again: int = 0  # requests that were sent a second time


class Lines:
    """Any number of connections to one address."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._epoll = select.epoll()
        self._lines: dict[int, Line] = {}
        self.counted = Counted()
        self.under_way = 0

    def ask(self, line: Line, request: bytes, due: float, then: Then) -> None:
        line.request, line.due, line.then, line.tries = request, due, then, 1
        self.under_way += 1
        self._send(line)

    def turn(self, wait: float) -> None:
        """Take what has come, or wait for it for so many seconds at most."""
        for number, _ in self._epoll.poll(max(0.0, wait)):
            line = self._lines.get(number)
            if line is not None and line.socket is not None:
                self._receive(line)

    def close(self) -> None:
        for line in list(self._lines.values()):
            self._drop(line)
        self._epoll.close()

    def _send(self, line: Line) -> None:
        try:
            if line.socket is None:
                self._open(line)
            assert line.socket is not None
            line.socket.sendall(line.request)
        except OSError:
            self._cut(line)

    def _open(self, line: Line) -> None:
        opened = socket.create_connection(self._address, timeout=30)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.socket, line.got, line.whole = opened, b"", 0
        self._lines[opened.fileno()] = line
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        self.counted.opened += 1

    def _receive(self, line: Line) -> None:
        assert line.socket is not None
        try:
            data = line.socket.recv(262_144)
        except OSError:
            data = b""
        if not data:
            self._cut(line)
            return
        got = line.got + data if line.got else data
        if not line.whole:
            line.whole = length_of(got)
        if not line.whole or len(got) < line.whole:
            line.got = got
            return
        then, due, start = line.then, line.due, got.find(b"\r\n\r\n") + 4
        line.then, line.got, line.whole = None, b"", 0
        self.under_way -= 1
        assert then is not None, "a reply came that nobody asked for"
        then(Reply(int(got[9:12]), got[start:], time.perf_counter() - due))

    def _cut(self, line: Line) -> None:
        self._drop(line)
        if line.then is None:
            return  # nothing was asked: it is opened again when there is
        if line.tries < 2:
            line.tries += 1
            self.counted.again += 1
            self._send(line)
            return
        then, line.then = line.then, None
        self.under_way -= 1
        then(Reply(BROKEN, b"", time.perf_counter() - line.due))

    def _drop(self, line: Line) -> None:
        if line.socket is not None:
            self._lines.pop(line.socket.fileno(), None)
            line.socket.close()  # epoll forgets it by itself
        line.socket, line.got, line.whole = None, b"", 0


def length_of(got: bytes) -> int:
    """Of the whole reply, head and body; 0 while its head is not all there."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return 0
    at = got.find(b"content-length: ", 0, end)
    if at < 0:
        head = got[:end].lower()
        at = head.find(b"content-length:")
        return end + 4 + (int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0)
    stop = got.find(b"\r", at)
    return end + 4 + int(got[at + 16 : stop])
