"""Nothing in the store stays unlisted, nothing that a row names is called an orphan, and no crash loses what was answered."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from core.db import Database
from core.orphans import Finding, Kind, Tally, check_store, repair, set_aside
from core.pictures import keep_rows
from core.settings import Settings
from core.site import Site
from core.store import ASIDE, FolderStore, Kept, open_store
from core.store.packs import own_path
from core.tables import Picture
from tests.parts.bucket import BucketServer

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=2)


@pytest.fixture(params=["folder", "bucket"])
def site(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[Site]:
    """An installation two hours from now, so that all that is kept here is old."""
    url = f"file://{tmp_path / 'store'}"
    if request.param == "bucket":
        server: BucketServer = request.getfixturevalue("bucket_server")
        url = server.make(f"orphans-{secrets.token_hex(6)}")
    made = Site(Settings.at(tmp_path), Database(database_url), open_store(url), lambda: LATER)
    yield made
    made.close()


def name(site: Site, kept: list[Kept]) -> None:
    with site.database.write() as session:
        keep_rows(session, kept, "image/jpeg", NOW)


def alone(site: Site, data: bytes) -> Kept:
    return Kept(site.store.put(data), len(data))


def found(site: Site, *, deep: bool = False) -> list[Finding]:
    return list(check_store(site, Tally(), deep=deep))


def kinds(site: Site, *, deep: bool = False) -> dict[str, Kind]:
    return {one.path: one.kind for one in found(site, deep=deep)}


def pack_of(kept: Kept) -> str:
    return kept.place.partition(":")[0]


def test_what_rows_name_is_no_orphan(site: Site) -> None:
    name(site, [alone(site, b"frame"), *site.store.put_pack([b"one", b"", b"three"])])
    tally = Tally()
    assert list(check_store(site, tally, deep=True)) == []
    assert (tally.objects, tally.rows) == (2, 4)


def test_each_kind_is_told_from_the_others(site: Site) -> None:
    frame, orphan = alone(site, b"frame"), alone(site, b"orphan")
    whole = site.store.put_pack([b"pack", b"without", b"rows"])
    partly = site.store.put_pack([b"named", b"unnamed", b"frame"])
    twice = site.store.put_pack([b"frame", b"named"])
    name(site, [frame])
    name(site, partly[:1])
    lost, lost_pack = Kept("0" * 64, 9), Kept("1" * 64, 9, "packs/00/00000000000000000000000000000000:0:9")
    name(site, [lost, lost_pack])
    assert kinds(site) == {
        own_path(orphan.sha256): Kind.ORPHAN,
        pack_of(whole[0]): Kind.ORPHAN,
        partly[1].place: Kind.PART,
        partly[2].place: Kind.COPY,
        pack_of(twice[0]): Kind.ORPHAN,
        own_path(lost.sha256): Kind.MISSING,
        lost_pack.place: Kind.MISSING,
    }


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example begins by emptying both sides
@given(packs=st.lists(st.lists(st.tuples(st.binary(min_size=1, max_size=3), st.booleans()), min_size=1, max_size=5), max_size=4))
def test_every_picture_is_named_by_a_row_or_listed(site: Site, packs: list[list[tuple[bytes, bool]]]) -> None:
    with site.database.write() as session:
        session.execute(delete(Picture))
    for one in list(site.store.listing()):
        if not one.path.startswith(ASIDE):
            site.store.set_aside(one.path)
    lies: set[str] = set()
    for pictures in packs:
        kept = site.store.put_pack([data for data, _ in pictures])
        lies |= {one.place for one in kept}
        name(site, [one for one, (_, row) in zip(kept, pictures, strict=True) if row])
    with site.database.read() as session:
        named = {row.place for row in session.query(Picture)}
    listed = found(site)
    orphans = {one.path for one in listed if one.kind is Kind.ORPHAN}
    assert {one for one in lies if one in {f.path for f in listed} or one.partition(":")[0] in orphans} == lies - named
    assert not any(one.is_loss for one in listed)


def test_a_picture_with_other_bytes_is_damaged(site: Site) -> None:
    frame, shorter = alone(site, b"frame"), alone(site, b"shorter")
    pack = site.store.put_pack([b"first", b"other"])
    name(site, [frame, Kept(shorter.sha256, 99), pack[0], Kept("b" * 64, 5, pack[1].place)])
    assert kinds(site) == {own_path(shorter.sha256): Kind.DAMAGED}  # lengths are compared without reading
    assert kinds(site, deep=True) == {own_path(shorter.sha256): Kind.DAMAGED, pack[1].place: Kind.DAMAGED}


def test_only_what_is_old_is_moved_and_a_row_that_came_saves_it(site: Site) -> None:
    orphan, pack = alone(site, b"orphan"), site.store.put_pack([b"a", b"b"])
    listed = found(site)
    early = Site(site.settings, site.database, site.store, lambda: NOW + timedelta(minutes=5))
    assert not any(set_aside(early, one) for one in listed)
    name(site, pack)
    assert [set_aside(site, one) for one in listed] == [one.path == own_path(orphan.sha256) for one in listed]
    assert found(site) == []
    assert site.store.get(pack[1].sha256, pack[1].place) == b"b"
    assert not site.store.has(orphan.sha256)


def test_a_row_that_is_committed_after_its_pack_was_moved_brings_it_back(site: Site) -> None:
    """A process may sleep for hours between storing and committing."""
    pack = site.store.put_pack([b"a", b"b"])
    (orphan,) = found(site)
    assert set_aside(site, orphan)
    name(site, pack)
    lost = found(site)
    assert {(one.kind, one.detail) for one in lost} == {(Kind.MISSING, "it lies aside, and can be put back")}
    assert repair(site, lost[0])
    assert found(site) == []


def test_what_is_kept_again_while_it_is_moved_stays(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store, rename = FolderStore(tmp_path / "store"), os.rename
    site = Site(Settings.at(tmp_path), Database(sqlite_url), store, lambda: datetime.now(UTC))
    path = store.root / own_path(store.put(b"data"))
    os.utime(path, (path.stat().st_mtime - 9999,) * 2)
    (orphan,) = found(site)

    def meanwhile(source: Path, target: Path) -> None:
        monkeypatch.undo()
        store.put(b"data")
        rename(source, target)

    monkeypatch.setattr(os, "rename", meanwhile)
    assert not set_aside(site, orphan)
    assert path.read_bytes() == b"data"
    site.close()


CRASHES = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from core.db import Database
from core.pictures import keep_rows
from core.store import FolderStore

url, root = sys.argv[1:]
fatal, steps = 0, 0

def dying(call):
    def step(*arguments, **options):
        global steps
        steps += 1
        if steps == fatal:
            os.write(fd, b"x") if call is writev and (fd := arguments[0]) else None
            os._exit(9)
        return call(*arguments, **options)
    return step

writev = os.writev
os.mkdir, os.open, os.writev, os.fsync, os.rename = map(dying, (os.mkdir, os.open, os.writev, os.fsync, os.rename))

def run(n):
    global fatal, steps
    store, database = FolderStore(Path(root)), Database(url)
    dialect = database.engine.dialect
    dialect.do_commit = dying(dialect.do_commit)
    fatal, steps = n, 0
    kept = store.put_pack([b"pack %d" % n, b"more %d" % n])
    store.put(b"alone %d" % n)
    with database.write() as session:
        keep_rows(session, kept, "image/jpeg", datetime.now(UTC))
    os._exit(0)

for n in range(1, 60):
    child = os.fork() or run(n)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        print(n)
        break
    assert status == 9, status
"""


def test_killed_at_any_step_every_leftover_is_listed_and_nothing_named_is_lost(tmp_path: Path, sqlite_url: str) -> None:
    run = [sys.executable, "-c", CRASHES, sqlite_url, str(tmp_path / "store")]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    steps = int(done.stdout)
    assert steps > 12
    site = Site(Settings.at(tmp_path), Database(sqlite_url), FolderStore(tmp_path / "store"), lambda: LATER)
    tally = Tally()
    listed = list(check_store(site, tally, deep=True))
    assert not any(one.is_loss for one in listed)
    assert {one.kind for one in listed} == {Kind.ORPHAN, Kind.DRAFT}
    unnamed = tally.objects - len(set(_objects(site)))
    assert len(listed) == unnamed
    assert all(set_aside(site, one) for one in listed)
    assert found(site, deep=True) == []
    site.close()


def _objects(site: Site) -> Iterator[str]:
    with site.database.read() as session:
        yield from (row.place.partition(":")[0] for row in session.query(Picture))


def test_memory_does_not_grow_with_the_store(tmp_path: Path, sqlite_url: str) -> None:
    """Ten times as many pictures are looked at with no more of them in memory at once."""
    site = Site(Settings.at(tmp_path), Database(sqlite_url), FolderStore(tmp_path / "store"), lambda: LATER)

    def peak(packs: int) -> int:
        for _ in range(packs):
            name(site, site.store.put_pack([secrets.token_bytes(20) for _ in range(50)]))
        tracemalloc.start()
        assert found(site) == []
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    _, small, large = [peak(packs) for packs in (6, 6, 60)]
    assert large < 3 * small + 4_000_000
    site.close()
