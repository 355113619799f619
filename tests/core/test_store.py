"""What a picture store promises, of a folder and of a bucket alike: what was kept comes back, whole, and is listed."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import NotFound, Unavailable
from core.store import ASIDE, FolderStore, PictureStore, contents_of, contents_size, open_store
from core.store.packs import is_draft, is_pack, own_hash, own_path
from tests.parts.bucket import BucketServer

MakeStore = Callable[[], PictureStore]


@pytest.fixture(params=["folder", "bucket"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """A new, empty store a call."""
    if request.param == "folder":
        return lambda: open_store(f"file://{tmp_path / secrets.token_hex(4)}/a%20store")
    server: BucketServer = request.getfixturevalue("bucket_server")
    return lambda: open_store(server.make(f"scans-{secrets.token_hex(6)}"))


@pytest.fixture
def store(make: MakeStore) -> PictureStore:
    return make()


def paths(store: PictureStore) -> list[str]:
    return [one.path for one in store.listing()]


def test_a_picture_of_its_own_comes_back_by_its_hash(store: PictureStore) -> None:
    sha256 = hashlib.sha256(b"one").hexdigest()
    assert not store.has(sha256)
    assert store.put(b"one") == store.put(memoryview(b"one")) == sha256
    assert store.get(sha256) == b"one"
    assert store.has(sha256)
    assert paths(store) == [own_path(sha256)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])  # each call of `make` gives a new store
@given(pictures=st.lists(st.binary(max_size=200), max_size=8))
def test_every_picture_of_a_pack_comes_back(make: MakeStore, pictures: list[bytes]) -> None:
    store = make()
    kept = store.put_pack(pictures)
    assert [store.get(one.sha256, one.place) for one in kept] == pictures
    assert [one.sha256 for one in kept] == [hashlib.sha256(p).hexdigest() for p in pictures]
    assert len(paths(store)) == bool(pictures)


def test_a_pack_of_more_parts_than_one_call_of_the_kernel_takes(store: PictureStore) -> None:
    pictures = [bytes([n % 251]) * (n % 7) for n in range(2500)]
    kept = store.put_pack(pictures, hashes=[hashlib.sha256(p).hexdigest() for p in pictures])
    assert [store.get(one.sha256, one.place) for one in (kept[0], kept[1300], kept[-1])] == [pictures[0], pictures[1300], pictures[-1]]
    (pack,) = store.listing()
    assert pack.size == sum(map(len, pictures)) + contents_size([len(p) for p in pictures])


def test_a_pack_says_what_is_in_it(store: PictureStore) -> None:
    kept = store.put_pack([b"first", b"second\n"])
    (pack,) = paths(store)
    whole = store.read(pack)
    assert json.loads(whole.splitlines()[-1]) == {"format": "markhall-pack/1", "pictures": [[one.sha256, one.size] for one in kept]}
    assert contents_of(pack, whole) == kept
    assert contents_of(pack, whole[-20:]) is None  # its last line begins before these bytes
    with pytest.raises(NotFound, match="does not end with a list"):
        contents_of(pack, b"first\nsecond\n")


def test_what_is_not_there_is_said_to_be(store: PictureStore) -> None:
    store.put(b"something")
    for place in ("", "packs/ab/abcd:0:4"):
        with pytest.raises(NotFound, match="not in the store"):
            store.get("0" * 64, place)
    assert not store.has("0" * 64)


def test_a_place_behind_the_packs_end_gives_no_half_picture(store: PictureStore) -> None:
    (kept,) = store.put_pack([b"first"])
    pack = kept.place.split(":")[0]
    for place in (f"{pack}:3:5000", f"{pack}:90000:4"):
        with pytest.raises(NotFound, match="breaks off"):
            store.get(kept.sha256, place)


def test_any_bytes_of_an_object_can_be_read(store: PictureStore) -> None:
    path = own_path(store.put(b"0123456789"))
    assert store.read(path, 3) == b"3456789"
    assert store.read(path, 3, 4) == b"3456"
    assert store.read(path, 8, 4) == b"89"
    assert store.read(path, 99, 4) == store.read(path, 3, 0) == b""


def test_a_listing_is_in_the_order_of_paths_with_sizes_and_times(store: PictureStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    for n in range(30):
        store.put(str(n).encode())
        store.put_pack([b"%d" % n, b"more"])
    listed = list(store.listing())
    assert len(listed) == 60
    assert [one.path for one in listed] == sorted(one.path for one in listed)
    assert all(one.size == len(store.read(one.path)) for one in listed)
    assert all(before < one.modified < datetime.now(UTC) + timedelta(seconds=2) for one in listed)
    assert sum(is_pack(one.path) for one in listed) == sum(own_hash(one.path) is not None for one in listed) == 30


def test_what_is_set_aside_is_not_read_and_can_be_put_back(store: PictureStore) -> None:
    sha256 = store.put(b"one")
    store.set_aside(own_path(sha256))
    assert paths(store) == [f"{ASIDE}/{own_path(sha256)}"]
    with pytest.raises(NotFound):
        store.get(sha256)
    with pytest.raises(NotFound):
        store.set_aside(own_path(sha256))
    assert store.put_back(own_path(sha256))
    assert not store.put_back(own_path(sha256))
    assert store.get(sha256) == b"one"


def test_a_store_can_be_tried_out_and_nothing_stays(store: PictureStore) -> None:
    store.try_out()
    assert paths(store) == []


def test_paths_say_what_lies_there() -> None:
    sha256 = hashlib.sha256(b"one").hexdigest()
    assert own_hash(own_path(sha256)) == sha256
    assert own_hash(f"00/11/{sha256}") is None
    assert is_draft(f"{sha256[:2]}/{sha256[2:4]}/.{sha256}.0a1b2c3d")
    assert is_draft("packs/ab/.ab0123456789abcdef0123456789abcd.0a1b2c3d")
    assert not is_draft("packs/ab/.notes")
    assert not is_draft(own_path(sha256))


def test_an_address_that_is_no_store_is_refused_in_a_sentence() -> None:
    for url in ("ftp://here", "s3:///prefix", "s3://scans?secret=1", "s3://key:secret@scans", "s3://scans?timeout=soon"):
        with pytest.raises(Unavailable, match="MARKHALL_STORE_URL"):
            open_store(url)


def test_a_folder_has_the_paths_that_a_bucket_has(tmp_path: Path, bucket_server: BucketServer) -> None:
    """So that one can be copied into the other, and rows stay true."""
    folder, bucket = FolderStore(tmp_path / "store"), open_store(bucket_server.make(f"scans-{secrets.token_hex(6)}"))
    for store in (folder, bucket):
        store.put(b"one")
    assert paths(folder) == paths(bucket)
