"""What only a bucket can do: be away, be somebody else's, answer slowly. Tested against moto's server, which is no real one."""

from __future__ import annotations

import hashlib
import http.server
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.store import open_store
from core.store.bucket import BucketAddress
from tests.parts import children
from tests.parts.bucket import BucketServer, free_port, start_moto

hashes: list[str] = []  # what the last endpoint was told of the bodies


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    """An endpoint that writes down what it is asked, and refuses it."""
    asked: list[str] = []
    hashes.clear()

    class Refusing(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
            hashes.append(self.headers.get("x-amz-content-sha256", ""))
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_HEAD = answer  # noqa: N815  # the names are the library's

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_bucket_that_is_away_is_a_sentence_soon_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    own = BucketServer(f"http://127.0.0.1:{port}")
    store, begun = open_store(own.url("scans")), time.monotonic()
    for asking in (lambda: store.put_pack([b"one"]), lambda: store.get("0" * 64), lambda: list(store.listing())):
        with pytest.raises(Unavailable, match=r"s3://scans/hall/one at http.*does not answer"):
            asking()
    assert time.monotonic() - begun < 30
    process = start_moto(port, tmp_path / "log")
    try:
        own.make("scans")
        (kept,) = store.put_pack([b"after"])
        assert store.get(kept.sha256, kept.place) == b"after"
    finally:
        children.stop(process, signal.SIGKILL)


def test_a_bucket_that_is_not_there_is_not_a_picture_that_is_not_there(bucket_server: BucketServer) -> None:
    store = open_store(bucket_server.url("nobodys"))
    for asking in (lambda: store.put(b"one"), lambda: store.get("0" * 64), lambda: list(store.listing()), store.try_out):
        with pytest.raises(Unavailable, match="no such bucket"):
            asking()


def test_refused_keys_are_named_and_nothing_is_taken_for_kept(requests: tuple[str, list[str]]) -> None:
    store = open_store(f"s3://scans?endpoint={requests[0]}&retry=1")
    for asking in (lambda: store.put(b"one"), lambda: store.get("0" * 64), lambda: store.has("0" * 64)):
        with pytest.raises(Unavailable, match="AWS_ACCESS_KEY_ID"):
            asking()


def test_a_pack_is_one_put_and_a_markers_picture_one_range(requests: tuple[str, list[str]]) -> None:
    endpoint, asked = requests
    store = open_store(f"s3://scans/hall?endpoint={endpoint}&retry=1")
    with pytest.raises(Unavailable):
        store.put_pack([b"x" * 3_000_000] * 5)  # more than a library likes to send at once
    with pytest.raises(Unavailable):
        store.get("0" * 64, "packs/ab/name:5:7")
    put, get = asked
    assert put.startswith("PUT /scans/hall/packs/")
    assert "?" not in put
    assert get == "GET /scans/hall/packs/ab/name bytes=5-11"


def test_two_prefixes_of_a_bucket_do_not_see_each_other(bucket_server: BucketServer) -> None:
    name = f"scans-{secrets.token_hex(4)}"
    one, other = open_store(bucket_server.make(name, "one")), open_store(bucket_server.url(name, "one-more"))
    sha256 = one.put(b"data")
    assert not other.has(sha256)
    assert list(other.listing()) == []


def test_the_usual_variables_name_endpoint_and_region() -> None:
    said = {"AWS_ENDPOINT_URL": "https://s3.example.org", "AWS_REGION": "cn-north-1"}
    address = BucketAddress.read("s3://scans/hall/", said)
    assert (address.endpoint, address.region, address.path_style, address.prefix) == ("https://s3.example.org", "cn-north-1", True, "hall")
    amazon = BucketAddress.read("s3://scans", {})
    assert (amazon.endpoint, amazon.path_style, amazon.name) == ("", False, "s3://scans")
    assert BucketAddress.read("s3://scans?path_style=false&endpoint=https://here", said).path_style is False


def test_a_body_is_hashed_for_its_signature_where_no_tls_guards_it(requests: tuple[str, list[str]]) -> None:
    for option in ("", "&sign_payload=false"):
        with pytest.raises(Unavailable):
            open_store(f"s3://scans?endpoint={requests[0]}{option}").put(b"one")
    assert hashes == [hashlib.sha256(b"one").hexdigest(), "UNSIGNED-PAYLOAD"]
    assert not BucketAddress.read("s3://scans?endpoint=https://here", {}).sign_payload
    assert not BucketAddress.read("s3://scans", {}).sign_payload
