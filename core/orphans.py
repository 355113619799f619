"""Store against rows: what lies in the store that no row names, and what a row names that does not lie there.

A crash between "stored" and "committed" leaves pictures without rows; nobody was told of them, so they only take room.
Both sides are read in the order of their paths and compared as they come: memory does not grow with the exam. What
differs is looked at again by itself before it is said, because frames come in meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import collate, select

from core.errors import NotFound, Unavailable
from core.site import Site
from core.store import ASIDE, Kept, Stored, contents_of, contents_size
from core.store.packs import TRIAL, hash_of, is_draft, is_pack, own_hash, own_path, split_place
from core.tables import Picture

YOUNG = timedelta(hours=1)  # its row may be on the way
_ROWS_AT_ONCE, _ASKED_AT_ONCE = 5000, 500
_TAIL = 64 * 1024


class Kind(StrEnum):
    ORPHAN = "orphan"  # an object that no row names
    PART = "part"  # a picture in a pack that no row names, while others of the pack are named
    COPY = "copy"  # the same, and its bytes have a row elsewhere: the first copy is the one that counts
    DRAFT = "draft"  # what a process that was killed while it wrote left
    UNKNOWN = "unknown"  # nothing of ours
    MISSING = "missing"  # a row whose bytes are not there
    DAMAGED = "damaged"  # bytes with another hash or length than their row says


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Kind
    path: str  # of the object; a picture in a pack by its place
    size: int
    detail: str = ""
    modified: datetime | None = None

    @property
    def is_loss(self) -> bool:
        return self.kind in (Kind.MISSING, Kind.DAMAGED)

    def is_young(self, now: datetime) -> bool:
        return self.modified is not None and now - self.modified < YOUNG


@dataclass
class Tally:
    """How much was looked at, and how much of each kind was found."""

    objects: int = 0
    bytes: int = 0
    rows: int = 0
    aside: int = 0
    found: dict[Kind, tuple[int, int]] = field(default_factory=dict)  # how many, how many bytes

    def count(self, finding: Finding) -> None:
        many, size = self.found.get(finding.kind, (0, 0))
        self.found[finding.kind] = (many + 1, size + finding.size)


class Row(NamedTuple):
    path: str
    sha256: str
    offset: int
    length: int


def check_store(site: Site, tally: Tally, *, deep: bool = False) -> Iterator[Finding]:
    """Everything that does not agree, in the order of paths. `deep` reads every byte and compares its hash."""
    for path, stored, rows in _side_by_side(_listed(site, tally), _rows(site, tally)):
        for finding in _judge(site, path, stored, rows, deep=deep):
            tally.count(finding)
            yield finding


def set_aside(site: Site, finding: Finding) -> bool:
    """Move an orphan to where no reader looks. Not one that is young, is named by now, or is kept again while it moves."""
    if finding.kind not in (Kind.ORPHAN, Kind.DRAFT) or finding.is_young(site.now()):
        return False
    hashes = _hashes(site, finding)
    if _named(site, finding.path, hashes):
        return False
    try:
        kept_at = site.store.set_aside(finding.path)
    except NotFound:
        return False
    if site.now() - kept_at < YOUNG or _named(site, finding.path, hashes):
        site.store.put_back(finding.path)
        return False
    return True


def repair(site: Site, finding: Finding) -> bool:
    """Put back what a row names and lies aside: a process that slept for an hour may have committed its rows after all."""
    return finding.kind is Kind.MISSING and site.store.put_back(finding.path.partition(":")[0])


def _listed(site: Site, tally: Tally) -> Iterator[Stored]:
    last = ""
    for stored in site.store.listing():
        if stored.path < last:
            raise Unavailable("the store does not list its objects in the order of their names.", where=stored.path)
        last = stored.path
        if stored.path.startswith(f"{ASIDE}/"):
            tally.aside += 1
            continue
        tally.objects += 1
        tally.bytes += stored.size
        yield stored


def _rows(site: Site, tally: Tally) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each object, in the order of the objects' paths: objects of their own first, then packs."""
    collation = "BINARY" if site.database.is_sqlite else "C"
    alone = select(Picture.sha256, Picture.size).where(Picture.place == "").order_by(collate(Picture.sha256, collation))
    packed = select(Picture.sha256, Picture.place).where(Picture.place != "").order_by(collate(Picture.place, collation))
    with site.database.read() as session:
        for sha256, size in session.execute(alone.execution_options(yield_per=_ROWS_AT_ONCE)):
            tally.rows += 1
            yield own_path(sha256), [Row(own_path(sha256), sha256, 0, size)]
        places = (Row(*_whose(sha256, place)) for sha256, place in session.execute(packed.execution_options(yield_per=_ROWS_AT_ONCE)))
        for path, rows in groupby(places, attrgetter("path")):
            found = sorted(rows, key=attrgetter("offset", "length"))
            tally.rows += len(found)
            yield path, found


def _whose(sha256: str, place: str) -> tuple[str, str, int, int]:
    path, offset, length = split_place(place)
    return path, sha256, offset, length


def _side_by_side(listed: Iterator[Stored], rows: Iterator[tuple[str, list[Row]]]) -> Iterator[tuple[str, Stored | None, list[Row]]]:
    here, named = next(listed, None), next(rows, None)
    while here is not None or named is not None:
        path = min(one for one in (here and here.path, named and named[0]) if one)
        stored = here if here is not None and here.path == path else None
        found = named[1] if named is not None and named[0] == path else []
        yield path, stored, found
        here = next(listed, None) if stored is not None else here
        named = next(rows, None) if found else named


def _judge(site: Site, path: str, stored: Stored | None, rows: list[Row], *, deep: bool) -> Iterator[Finding]:
    if stored is None:
        yield from _missing(site, path, rows)
    elif not rows:
        yield from _unnamed(site, stored)
    elif is_pack(path):
        yield from _in_pack(site, stored, rows)
        if deep:
            yield from _damaged(rows, site.store.read(path))
    elif stored.size != rows[0].length:
        yield Finding(Kind.DAMAGED, path, stored.size, f"its row says {rows[0].length} bytes")
    elif deep:
        yield from _damaged(rows, site.store.read(path))


def _missing(site: Site, path: str, rows: Sequence[Row]) -> Iterator[Finding]:
    try:
        site.store.read(path, 0, 1)  # what came after its folder was listed is there
    except NotFound:
        aside = _lies_aside(site, path)
        for row in rows:
            yield Finding(Kind.MISSING, _place(row), row.length, "it lies aside, and can be put back" if aside else row.sha256)


def _unnamed(site: Site, stored: Stored) -> Iterator[Finding]:
    path, size, modified = stored.path, stored.size, stored.modified
    if is_draft(path) or path.startswith(f"{TRIAL}/"):
        yield Finding(Kind.DRAFT, path, size, modified=modified)
    elif own_hash(path) is None and not is_pack(path):
        yield Finding(Kind.UNKNOWN, path, size, modified=modified)
    else:
        finding = Finding(Kind.ORPHAN, path, size, modified=modified)
        try:
            hashes = _hashes(site, finding)
        except NotFound as e:
            yield Finding(Kind.UNKNOWN, path, size, e.message, modified)
            return
        if not _named(site, path, hashes):
            yield Finding(Kind.ORPHAN, path, size, f"{len(hashes)} pictures" if is_pack(path) else "", modified)


def _in_pack(site: Site, stored: Stored, rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows that reach behind the pack's end, and pictures in it that no row names."""
    beyond = [row for row in rows if row.offset + row.length > stored.size]
    for row in beyond:
        yield Finding(Kind.MISSING, _place(row), row.length, f"the pack has only {stored.size} bytes")
    end = sum(row.length for row in rows)
    if beyond or stored.size == end + contents_size([row.length for row in rows]):
        return
    try:
        inside = _contents(site, stored.path, stored.size)
    except NotFound as e:
        yield Finding(Kind.DAMAGED, stored.path, stored.size, e.message, stored.modified)
        return
    named = {(row.sha256, row.offset) for row in rows}
    left = [one for one in inside if (one.sha256, split_place(one.place)[1]) not in named]
    elsewhere = _places(site, [one.sha256 for one in left])
    for one in left:
        if elsewhere.get(one.sha256) != one.place:  # else its row came after they were listed
            kind = Kind.COPY if one.sha256 in elsewhere else Kind.PART
            yield Finding(kind, one.place, one.size, one.sha256, stored.modified)


def _damaged(rows: Sequence[Row], data: bytes) -> Iterator[Finding]:
    whole = memoryview(data)
    for row in rows:
        part = whole[row.offset : row.offset + row.length]
        if len(part) == row.length and hash_of(part) != row.sha256:
            yield Finding(Kind.DAMAGED, _place(row), row.length, f"its bytes have not the hash {row.sha256}")


def _place(row: Row) -> str:
    return f"{row.path}:{row.offset}:{row.length}" if is_pack(row.path) else row.path


def _lies_aside(site: Site, path: str) -> bool:
    try:
        site.store.read(f"{ASIDE}/{path}", 0, 1)
    except NotFound:
        return False
    return True


def _contents(site: Site, pack: str, size: int) -> list[Kept]:
    """What a pack says is in it, from its end."""
    tail = _TAIL
    while True:
        start = max(size - tail, 0)
        found = contents_of(pack, site.store.read(pack, start, size - start))
        if found is not None:
            return found
        if start == 0:
            raise NotFound("the pack does not end with a list of what is in it.", where=pack)
        tail *= 4


def _hashes(site: Site, finding: Finding) -> list[str]:
    """Of the pictures that an object holds."""
    if is_pack(finding.path):
        return [one.sha256 for one in _contents(site, finding.path, finding.size)]
    own = own_hash(finding.path)
    return [own] if own is not None else []


def _named(site: Site, path: str, hashes: Sequence[str]) -> bool:
    """Whether a row names the object now."""
    places = _places(site, hashes).values()
    return any(place.partition(":")[0] == path for place in places) if is_pack(path) else "" in places


def _places(site: Site, hashes: Sequence[str]) -> dict[str, str]:
    """Where the rows of these pictures say that they lie."""
    found: dict[str, str] = {}
    with site.database.read() as session:
        for first in range(0, len(hashes), _ASKED_AT_ONCE):
            some = hashes[first : first + _ASKED_AT_ONCE]
            found.update(dict(session.execute(select(Picture.sha256, Picture.place).where(Picture.sha256.in_(some))).all()))
    return found
