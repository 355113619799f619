"""The ledger: everything that changes a score, as chains of entries that anyone can check.

One chain a shard. An entry is canonical JSON (RFC 8785); its hash is SHA-256 over the previous entry's hash
(32 bytes, zeros for the first) and the entry's bytes. Entries carry pseudonymous ids only. `append` belongs to
the transaction of the change itself (law 8). docs/ledger.md is the format's manual.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from core.bulk import in_one_go, insert_rows, update_rows
from core.questions import Question, ask
from core.tables import Checkpoint, LedgerEntry, LedgerHead

GENESIS = "0" * 64
OFFICE = "office"
SAFE = (1 << 53) - 1  # the largest whole number that every reader of JSON keeps


def group_shard(paper: str, group: str) -> str:
    return f"group:{paper}/{group}"


def station_shard(station: str) -> str:
    return f"station:{station}"


@dataclass(frozen=True, slots=True)
class Chain:
    """What checking a shard's chain found; `fault` is empty when it is whole."""

    shard: str
    entries: int
    head: str
    fault: str


def canonical(entry: Mapping[str, Any]) -> bytes:
    if _is_plain(entry):  # nearly every entry: there the standard encoder, ten times as fast, writes the same bytes
        return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return rfc8785.dumps(dict(entry))


def _is_plain(value: object) -> bool:
    """Nothing that RFC 8785 writes in another way than Python: no number but a safe integer, no name beyond ASCII."""
    if value is None or isinstance(value, str | bool):
        return True
    if type(value) is int:
        return -SAFE <= value <= SAFE
    if type(value) is dict:
        return all(isinstance(k, str) and k.isascii() and _is_plain(v) for k, v in value.items())
    return type(value) is list and all(map(_is_plain, value))


def link(previous: str, entry: bytes) -> str:
    return hashlib.sha256(bytes.fromhex(previous) + entry).hexdigest()


def append(session: Session, exam_id: int, shard: str, entries: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Add entries to the end of a shard's chain, in order."""
    append_all(session, exam_id, {shard: entries}, now)


def append_all(session: Session, exam_id: int, entries: Mapping[str, Iterable[Mapping[str, Any]]], now: datetime) -> None:
    """Add entries to the ends of several shards' chains. The shards are taken in sorted order, by whoever writes several."""
    at, made, ends = now.isoformat(), list[dict[str, Any]](), list[dict[str, Any]]()
    for head in _lock_heads(session, exam_id, sorted(entries)):
        sequence, previous = head.sequence, head.hash
        for body in entries[head.shard]:
            sequence += 1
            text = canonical({"shard": head.shard, "sequence": sequence, "at": at, **body})
            digest = link(previous, text)
            row = {"exam_id": exam_id, "shard": head.shard, "sequence": sequence, "entry": text.decode(), "previous": previous}
            made.append(row | {"hash": digest})
            previous = digest
        if sequence != head.sequence:
            ends.append({"id": head.id, "sequence": sequence, "hash": previous})
    with in_one_go(session):
        insert_rows(session, LedgerEntry, made)  # one statement, however many: a chunk of fifty pages writes about as many entries
        update_rows(session, LedgerHead, ends)


@dataclass(frozen=True, slots=True)
class _Head:
    id: int
    shard: str
    sequence: int
    hash: str


_HEADS = Question(
    lambda among: (
        select(LedgerHead.id, LedgerHead.shard, LedgerHead.sequence, LedgerHead.hash)
        .where(LedgerHead.exam_id == bindparam("exam"), among(LedgerHead.shard, "shards"))
        .order_by(LedgerHead.shard)
        .with_for_update()
    )
)


def _lock_heads(session: Session, exam_id: int, shards: Sequence[str]) -> list[_Head]:
    """The shards' heads, sorted and locked; a shard's first entry makes its head."""
    wanted = _HEADS(exam=exam_id, shards=list(shards))
    (found,) = ask(session, wanted)
    missing = sorted(set(shards) - {row[1] for row in found})
    if missing:
        first = [{"exam_id": exam_id, "shard": shard, "sequence": 0, "hash": GENESIS} for shard in missing]
        insert_rows(session, LedgerHead, first, unless_there=True)
        (found,) = ask(session, wanted)
    return [_Head(*row) for row in found]


def shards(session: Session, exam_id: int) -> list[str]:
    return list(session.scalars(select(LedgerHead.shard).where(LedgerHead.exam_id == exam_id).order_by(LedgerHead.shard)))


def rows(session: Session, exam_id: int, shard: str) -> Iterator[LedgerEntry]:
    query = select(LedgerEntry).where(LedgerEntry.exam_id == exam_id, LedgerEntry.shard == shard).order_by(LedgerEntry.sequence)
    with session.scalars(query.execution_options(yield_per=1000)) as found:  # a reader that stops half way leaves no cursor open
        yield from found


def entries(session: Session, exam_id: int) -> Iterator[dict[str, Any]]:
    """Every entry of every shard, shard by shard, in order."""
    for shard in shards(session, exam_id):
        for row in rows(session, exam_id, shard):
            yield json.loads(row.entry)


def check_chain(shard: str, lines: Iterable[tuple[int, str, str, str]], head: tuple[int, str]) -> Chain:
    """Walk (sequence, entry, previous, hash) lines; pure, so that a release can be checked off line with it."""
    expected, count = GENESIS, 0
    for sequence, entry, previous, digest in lines:
        count += 1
        if sequence != count:
            return Chain(shard, count, expected, f"entry {count} is missing (found {sequence})")
        if previous != expected:
            return Chain(shard, count, expected, f"entry {sequence} does not follow the entry before it")
        if link(previous, entry.encode()) != digest:
            return Chain(shard, count, expected, f"entry {sequence} was changed after it was written")
        expected = digest
    if (count, expected) != head:
        return Chain(shard, count, expected, f"the chain ends at entry {count}, its head says {head[0]}")
    return Chain(shard, count, expected, "")


def verify(session: Session, exam_id: int) -> list[Chain]:
    heads = _heads(session, exam_id)
    return [
        check_chain(h.shard, ((r.sequence, r.entry, r.previous, r.hash) for r in rows(session, exam_id, h.shard)), (h.sequence, h.hash))
        for h in heads
    ]


def _heads(session: Session, exam_id: int) -> Sequence[LedgerHead]:
    """As they stand: what this transaction appended is in the rows, not in records that it may have loaded before."""
    query = select(LedgerHead).where(LedgerHead.exam_id == exam_id).order_by(LedgerHead.shard)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def merkle_root(leaves: Sequence[bytes]) -> str:
    """The root of RFC 6962, section 2.1: leaves and nodes are hashed apart, the tree is left-full."""

    def tree(part: Sequence[bytes]) -> bytes:
        if len(part) == 1:
            return hashlib.sha256(b"\x00" + part[0]).digest()
        split = 1 << (len(part) - 1).bit_length() - 1
        return hashlib.sha256(b"\x01" + tree(part[:split]) + tree(part[split:])).digest()

    return tree(leaves).hex() if leaves else hashlib.sha256(b"").hexdigest()


def checkpoint(session: Session, exam_id: int, now: datetime) -> Checkpoint:
    """Join all shards' heads under one root and keep it."""
    heads = _heads(session, exam_id)
    joined = [{"shard": h.shard, "sequence": h.sequence, "hash": h.hash} for h in heads]
    number = len(session.scalars(select(Checkpoint.id).where(Checkpoint.exam_id == exam_id)).all()) + 1
    made = Checkpoint(exam_id=exam_id, number=number, heads=joined, root=merkle_root([canonical(h) for h in joined]), at=now)
    session.add(made)
    return made
