"""Pictures come back as they were kept, alone or from a pack, and a pack tells what is in it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound, Unavailable
from core.store import FolderStore


def test_a_picture_of_its_own_comes_back_by_its_hash(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    sha256 = store.put(b"one")
    assert sha256 == hashlib.sha256(b"one").hexdigest()
    assert store.get(sha256) == b"one"
    assert store.has(sha256)


@given(pictures=st.lists(st.binary(max_size=200), max_size=8))
def test_every_picture_of_a_pack_comes_back(tmp_path_factory: pytest.TempPathFactory, pictures: list[bytes]) -> None:
    store = FolderStore(tmp_path_factory.mktemp("packs"))
    kept = store.put_pack(pictures)
    assert [store.get(one.sha256, one.place) for one in kept] == pictures
    assert [one.sha256 for one in kept] == [hashlib.sha256(p).hexdigest() for p in pictures]


def test_a_pack_says_what_is_in_it(tmp_path: Path) -> None:
    kept = FolderStore(tmp_path).put_pack([b"first", b"second"])
    (pack,) = (p for p in (tmp_path / "packs").rglob("*") if p.is_file())
    lines = pack.read_bytes().splitlines()
    assert json.loads(lines[-1]) == {"format": "markhall-pack/1", "pictures": [[one.sha256, one.size] for one in kept]}


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


def test_what_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for place in ("", "packs/ab/abcd:0:4"):
        with pytest.raises(NotFound, match="not in the store"):
            store.get("0" * 64, place)


def test_a_pack_that_breaks_off_gives_no_half_picture(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    first, second = store.put_pack([b"first", b"second"])
    os.truncate(tmp_path / second.place.split(":")[0], 8)
    assert store.get(first.sha256, first.place) == b"first"
    with pytest.raises(NotFound, match="breaks off"):
        store.get(second.sha256, second.place)


def test_a_full_disk_leaves_no_half_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        store.put_pack([b"data"])
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
