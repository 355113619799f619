"""One kept-alive connection that speaks just enough HTTP/1.1: a request costs a fifteenth of what a full client takes.

Connecting (proxies, tunnels, TLS and its trusted roots) is the standard library's; only messages are written and read
here. Must never repeat a request that was answered, nor decide what an answer means.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from io import BufferedReader
from socket import socket
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

CONNECTING, ANSWERING = 10.0, 60.0  # seconds
_LINE, _LINES = 65536, 200
Body = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in small letters
    body: bytes


class Wire:
    """A line to one server. Raises OSError when there is no answer; the next request connects again."""

    def __init__(self, url: str) -> None:
        at = urlsplit(url)
        secure = at.scheme == "https"
        self._host, self._port = at.hostname or "", at.port or (443 if secure else 80)
        self._host_header = at.netloc.rpartition("@")[2]
        self._context = ssl.create_default_context() if secure else None
        proxy = "" if proxy_bypass(self._host) else getproxies().get(at.scheme, "")
        self._proxy = urlsplit(proxy if "//" in proxy else f"//{proxy}") if proxy else None
        self._whole = f"http://{self._host_header}" if self._proxy and not secure else ""  # a proxy is told the whole address
        self._socket: socket | None = None
        self._reader: BufferedReader | None = None

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: Body = b"") -> Reply:
        lines = [f"{method} {self._whole}{path} HTTP/1.1", f"Host: {self._host_header}", f"Content-Length: {len(body)}"]
        if self._whole and self._proxy:
            lines += (f"{k}: {v}" for k, v in _proxy_headers(self._proxy).items())
        lines += (f"{name}: {value}" for name, value in headers.items())
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        kept = self._socket is not None
        try:
            return self._once(head, body)
        except _Closed:
            if not kept:
                raise
            return self._once(head, body)  # a server may close a connection on which nothing was said for a while

    def close(self) -> None:
        for part in (self._reader, self._socket):
            if part is not None:
                part.close()
        self._reader = self._socket = None

    def _once(self, head: bytes, body: Body) -> Reply:
        try:
            if self._socket is None:
                self._connect()
            assert self._socket is not None
            assert self._reader is not None
            try:
                self._socket.sendall(head)
                self._socket.sendall(body)
            except ConnectionError as e:
                return self._said_early(e)
            reply, keep = _read(self._reader)
        except (OSError, HTTPException, ValueError) as e:
            self.close()
            raise e if isinstance(e, OSError) else ConnectionError(str(e) or type(e).__name__) from e
        except BaseException:
            self.close()  # half an answer must not be taken for the next one's
            raise
        if not keep:
            self.close()
        return reply

    def _said_early(self, broken: ConnectionError) -> Reply:
        """A server that refuses a body may answer and close before it has read it."""
        assert self._reader is not None
        try:
            reply, _ = _read(self._reader)
        except (OSError, ValueError):
            raise _Closed(str(broken)) from broken
        self.close()
        return reply

    def _connect(self) -> None:
        host, port = self._host, self._port
        if self._proxy:
            host, port = self._proxy.hostname or "", self._proxy.port or 80
        made = (
            HTTPSConnection(host, port, timeout=CONNECTING, context=self._context)
            if self._context
            else HTTPConnection(host, port, timeout=CONNECTING)
        )
        if self._proxy and self._context:
            made.set_tunnel(self._host, self._port, headers=_proxy_headers(self._proxy))
        made.connect()
        made.sock.settimeout(ANSWERING)
        self._socket, self._reader = made.sock, made.sock.makefile("rb")


class _Closed(ConnectionError):
    """The server closed the connection before it said anything."""


def _read(reader: BufferedReader) -> tuple[Reply, bool]:
    """An answer, and whether the connection may be used again."""
    status = 100
    while status < 200:
        first = reader.readline(_LINE)
        if not first:
            raise _Closed("the server closed the connection")
        version, _, rest = first.decode("latin-1").partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("what answers does not speak HTTP")
        status = int(rest[:3])
        headers = _headers(reader)
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b"".join(_chunks(reader))
    elif "content-length" in headers:
        length = int(headers["content-length"])
        body = reader.read(length)
        if len(body) < length:
            raise ConnectionError("the answer was cut off")
    elif status in (204, 304):
        body = b""
    else:
        body, keep = reader.read(), False
    return Reply(status, headers, body), keep


def _headers(reader: BufferedReader) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_LINES):
        line = reader.readline(_LINE)
        if line in (b"\r\n", b"\n"):
            return found
        if not line:
            break
        name, _, value = line.decode("latin-1").partition(":")
        found[name.strip().lower()] = value.strip()
    raise ConnectionError("the answer was cut off")


def _chunks(reader: BufferedReader) -> list[bytes]:
    parts = []
    while size := int(reader.readline(_LINE).split(b";")[0], 16):
        part = reader.read(size + 2)
        if len(part) < size + 2:
            raise ConnectionError("the answer was cut off")
        parts.append(part[:size])
    _headers(reader)
    return parts


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
