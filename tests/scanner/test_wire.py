"""The station's HTTP on real sockets: what servers, proxies and networks do, against it."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from core.errors import BadInput, Forbidden, Unavailable
from scanner import sending, wire
from scanner.sending import Connection
from scanner.wire import Wire


@contextmanager
def server(*answers: bytes, close: bool = False, seen: list[bytes] | None = None, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Says its answers in turn, each after a whole request; `close` hangs up after each."""
    listening, left = socket.create_server(("127.0.0.1", 0)), list(answers)

    def serve() -> None:
        while left:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            try:
                line = context.wrap_socket(line, server_side=True) if context else line
            except OSError:
                continue  # the other side did not trust us
            with line, line.makefile("rb") as reader:
                while left and (head := _request(reader.readline, reader.read, seen)):
                    assert head
                    line.sendall(left.pop(0))
                    if close:
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()


def _request(line: Callable[[], bytes], read: Callable[[int], bytes], seen: list[bytes] | None) -> bytes:
    head = first = line()
    length = 0
    while first and (one := line()) != b"\r\n":
        head += one
        if one.lower().startswith(b"content-length:"):
            length = int(one.partition(b":")[2])
    body = read(length)
    if seen is not None:
        seen.append(head + b"|" + body)
    return head


def ok(body: bytes = b"{}", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(body), extra) + body


def test_requests_share_a_line_and_bodies_are_read_in_every_form() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n"
    early = b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"two")
    until_close = b"HTTP/1.0 200 OK\r\n\r\nto the end"
    seen: list[bytes] = []
    with server(ok(b"one"), chunked, early, until_close, seen=seen) as url:
        line = Wire(url)
        first = line.ask("PUT", "/x", {"A": "b"}, b"body").body
        kept = line._socket
        rest = [line.ask("GET", "/x", {}).body for _ in range(2)]
        assert line._socket is kept
        assert (first, *rest) == (b"one", b"abcde", b"two")
        line.close()
    assert seen[0].startswith(b"PUT /x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert seen[0].endswith(b"A: b\r\n|body")
    with server(until_close, close=True) as url, closing(Wire(url)) as line:
        assert line.ask("GET", "/", {}).body == b"to the end"


def test_a_line_that_the_server_closed_meanwhile_is_made_again_once() -> None:
    with server(ok(b"one"), ok(b"two"), close=True) as url, closing(Wire(url)) as line:
        assert [line.ask("GET", "/", {}).body for _ in range(2)] == [b"one", b"two"]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
        b"HTTP/1.1 xx\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA",
    ],
)
def test_whatever_is_no_whole_answer_is_no_answer(said: bytes) -> None:
    with server(said, said, said, close=True) as url, closing(Wire(url)) as line, pytest.raises(OSError):  # noqa: PT011 - of many kinds
        line.ask("PUT", "/", {}, b"x")


def test_a_proxy_gets_the_whole_address_and_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    with server(ok(), seen=seen) as proxy:
        monkeypatch.setattr(wire, "getproxies", lambda: {"http": proxy.replace("//", "//li:s%40cret@")})
        monkeypatch.setattr(wire, "proxy_bypass", lambda host: host == "near.test")
        with closing(Wire("http://marks.test:8460")) as line:
            line.ask("GET", "/api", {})
    assert seen[0].startswith(b"GET http://marks.test:8460/api HTTP/1.1\r\nHost: marks.test:8460\r\n")
    assert b"Proxy-Authorization: Basic bGk6c0BjcmV0\r\n" in seen[0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here to make a certificate with")
def test_a_certificate_that_nobody_vouches_for_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    words = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *words], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with server(ok(b"one"), ok(b"two"), context=context) as url:
        at = url.replace("http:", "https:")
        with closing(Wire(at)) as line, pytest.raises(ssl.SSLCertVerificationError):
            line.ask("GET", "/", {})
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        with closing(Wire(at)) as line:
            assert [line.ask("GET", "/", {}).body for _ in range(2)] == [b"one", b"two"]


def test_a_server_that_asks_to_wait_is_obeyed_and_one_that_is_elsewhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "FIRST_WAIT", 0.01)
    waits: list[float] = []
    slow = b"HTTP/1.1 429 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    with server(slow, ok(b'{"received": 3}')) as url, Connection(url, "E", "t") as line:
        monkeypatch.setattr(line, "_pause", waits.append)
        assert line.batch("b").received == 3
    assert any(6 < seconds <= 7 for seconds in waits)
    with (
        server(b"HTTP/1.1 301 x\r\nLocation: https://there.test/\r\nContent-Length: 0\r\n\r\n") as url,
        Connection(url, "E", "t") as line,
        pytest.raises(Forbidden, match=r"elsewhere: https://there\.test/"),
    ):
        line.batch("b")


def test_a_page_of_a_hotel_is_not_taken_for_the_server_and_its_words_are_not_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "FIRST_WAIT", 0.01)
    with server(ok(b"<html>sign in</html>"), ok(b'{"received": 3}')) as url, Connection(url, "E", "t") as line:
        assert line.batch("b").received == 3
    with (
        server(*[ok(b"<html>")] * 9) as url,
        Connection(url, "E", "t", patience=0.03) as line,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        line.batch("b")
    with (
        server(ok(b'{"receipt": 1, "sha256": "other"}')) as url,
        Connection(url, "E", "t") as line,
        pytest.raises(BadInput, match="acknowledged other bytes"),
    ):
        line.put_frame("b", 1, 1, b"x", "mine", "x.jpg")


def test_the_servers_sentence_is_the_stations_sentence() -> None:
    said = b'{"title": "the frame is larger than 64 MiB.", "where": "frame 1", "remedy": "Scan at a lower resolution."}'
    answer = b"HTTP/1.1 413 x\r\nContent-Length: %d\r\n\r\n" % len(said) + said
    with server(answer) as url, Connection(url, "E", "t") as line, pytest.raises(BadInput) as caught:
        line.batch("b")
    assert str(caught.value) == "frame 1: the frame is larger than 64 MiB. Scan at a lower resolution."
