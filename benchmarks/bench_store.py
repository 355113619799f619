"""What a picture store costs its process: a bucket beside a folder, CPU of the client alone. moto's server stands in for a bucket.

One put is a pack as a reader makes it (a chunk's 500 cut pictures of 12 KiB), one get a picture out of it. The folder is
the floor: it writes and waits for the disk as well.
"""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.harness import Row, in_turns
from core.store import FolderStore, Kept, PictureStore, open_store

PICTURES, SIZE = 500, 12 * 1024
GETS = 50  # in one measured call


def rows() -> list[Row]:
    pictures = [secrets.token_bytes(SIZE) for _ in range(PICTURES)]
    with tempfile.TemporaryDirectory() as scratch, _bucket(Path(scratch)) as address:
        folder = FolderStore(Path(scratch) / "folder")
        signed, plain = (open_store(f"{address}&sign_payload={said}") for said in ("true", "false"))
        puts = [in_turns(partial(store.put_pack, pictures), partial(folder.put_pack, pictures), rounds=15) for store in (plain, signed)]
        get = in_turns(_gets(plain, pictures), _gets(folder, pictures), rounds=15)
    one, one_floor = (1e6 / GETS * statistics.median(times) for times in (get.subject, get.floor))
    return [
        Row.told("a pack of 500 pictures into a bucket, over a folder", puts[0].ratio, "times"),
        Row.told("... its body hashed once more for its signature", puts[1].ratio, "times"),
        Row.told("... into a bucket", 1e3 * statistics.median(puts[0].subject), "ms CPU"),
        Row.told("... into a folder", 1e3 * statistics.median(puts[0].floor), "ms CPU"),
        Row.told("a marker's picture out of a bucket", one, "us CPU"),
        Row.told("... out of a folder", one_floor, "us CPU"),
    ]


def _gets(store: PictureStore, pictures: list[bytes]) -> Callable[[], None]:
    some: list[Kept] = store.put_pack(pictures)[:GETS]

    def get() -> None:
        for kept in some:
            store.get(kept.sha256, kept.place)

    return get


@contextmanager
def _bucket(scratch: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{endpoint.rpartition(':')[2]}'])"
    os.environ.update(AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")
    with (scratch / "log").open("wb") as log, subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log) as server:
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bench", method="PUT"), timeout=5).close()
                    break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.1)
            yield f"s3://bench/store?endpoint={endpoint}"
        finally:
            server.kill()
