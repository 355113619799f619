"""A folder of pictures when a disk is full, read-only or broken: one sentence, nothing half written, nothing left behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import NotFound, Unavailable
from core.store import FolderStore
from core.store.packs import own_path

CALLS = ["mkdir", "open", "writev", "fsync", "rename"]


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_pack_and_its_folders_are_on_the_disk_before_anyone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, fsync, synced = FolderStore(tmp_path / "store"), os.fsync, list[str]()

    def recording(fd: int) -> None:
        fsync(fd)
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    monkeypatch.setattr(os, "fsync", recording)
    (kept,) = store.put_pack([b"data"])
    pack = store.root / kept.place.split(":")[0]
    assert any(Path(one).parent == pack.parent for one in synced)  # the file, under the name it was written by
    assert {str(pack.parent), str(pack.parent.parent), str(store.root)} <= set(synced)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", ["put", "put_pack"])
def test_a_disk_that_fails_at_any_call_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, what: str
) -> None:
    store, real = FolderStore(tmp_path / "store"), getattr(os, call)

    def fails(*arguments: object, **options: object) -> object:
        if call == "open" and not int(str(arguments[1])) & os.O_CREAT:
            return real(*arguments, **options)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(Unavailable) as raised:
        store.put(b"data") if what == "put" else store.put_pack([b"data"])
    assert os.strerror(code) in raised.value.message
    assert str(store.root) in raised.value.where
    assert raised.value.remedy
    monkeypatch.undo()
    assert files(tmp_path) == []
    assert store.get(store.put(b"data")) == b"data"  # and when the disk is well again, all is


def test_a_write_that_the_disk_takes_in_bits_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, views: writev(fd, [views[0][:3]]))
    store = FolderStore(tmp_path)
    kept = store.put_pack([b"first picture", b"", b"second"])
    assert [store.get(one.sha256, one.place) for one in kept] == [b"first picture", b"", b"second"]


def test_a_full_file_system_is_a_sentence_and_nothing_is_left(tmp_path: Path) -> None:
    """A real one, as small as the kernel makes it, in a mount namespace of its own."""
    program = (
        "import sys; from pathlib import Path; from core.errors import Unavailable; from core.store import FolderStore\n"
        "store = FolderStore(Path(sys.argv[1])); kept = []\n"
        "try:\n    [kept.append(store.put_pack([bytes([n]) * 100_000])[0]) for n in range(200)]\n"
        "except Unavailable as e:\n    print(e)\n"
        "files = [p for p in Path(sys.argv[1]).rglob('*') if p.is_file()]\n"
        "print(len(kept), len(files), all(store.get(k.sha256, k.place) == bytes([n]) * 100_000 for n, k in enumerate(kept)))\n"
    )
    disk = tmp_path / "disk"
    disk.mkdir()
    command = f'mount -t tmpfs -o size=1m none "{disk}" && exec "$@"'
    run = ["unshare", "--mount", "--map-root-user", "sh", "-c", command, "sh", sys.executable, "-c", program, str(disk)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.getcwd()})
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount of one's own here: {done.stderr.strip()}")
    sentence, counts = done.stdout.splitlines()
    assert "cannot be written (No space left on device)" in sentence
    kept, left, right = counts.split()
    assert kept == left
    assert 5 <= int(kept) <= 10
    assert right == "True"


def test_a_disk_that_cannot_be_read_is_not_a_picture_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    (kept,) = store.put_pack([b"data"])

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(Unavailable, match="cannot be read"):
        store.get(kept.sha256, kept.place)


def test_a_pack_that_breaks_off_gives_no_half_picture(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    first, second = store.put_pack([b"first", b"second"])
    os.truncate(tmp_path / second.place.split(":")[0], 8)
    assert store.get(first.sha256, first.place) == b"first"
    with pytest.raises(NotFound, match="breaks off"):
        store.get(second.sha256, second.place)


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    """Its disk may not be mounted; what is written beside it would be lost when it is."""
    store = FolderStore(tmp_path / "store")
    store.root.rmdir()
    keep: list[Callable[[], object]] = [lambda: store.put(b"data"), lambda: store.put_pack([b"data"])]
    for kept in keep:
        with pytest.raises(Unavailable, match="cannot be written"):
            kept()
    assert not store.root.exists()


def test_keeping_the_same_bytes_again_makes_them_young(tmp_path: Path) -> None:
    """So that an old orphan whose bytes come again is not set aside before its row is committed."""
    store = FolderStore(tmp_path)
    path = tmp_path / own_path(store.put(b"data"))
    os.utime(path, (time.time() - 9999,) * 2)
    store.put(b"data")
    (listed,) = store.listing()
    assert datetime.now(UTC) - listed.modified < timedelta(seconds=60)
