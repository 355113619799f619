"""Checking a release folder off line: hashes, signatures, chains, and every score composed again from the ledger.

Needs no database and no network. It takes the folder's word for nothing but the public key, whose fingerprint a person
compares with the one that the exam office made known (or hands in as `trusted`).
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import ledger
from core.errors import BadInput
from core.exam import ExamDefinition, Text, to_hundredths
from scoring import keys
from scoring.agree import disagreements
from scoring.export import ITEM_COLUMNS, SCORE_COLUMNS, SUMS, SUMS_SIGNATURE, sha256_of, sorted_files
from scoring.recompose import Recomposition
from scoring.records import ScoreRecord, digest_of
from scoring.release import message_of
from scoring.replay import replay

_FRONT, _BACK = '{"entry":', ',"hash":"'


@dataclass(frozen=True, slots=True)
class Check:
    name: Text
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ReleaseCheck:
    folder: Path
    exam: str
    number: int
    digest: str
    key: str  # the fingerprint of the key that signed
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        return all(c.holds for c in self.checks)


class _Broken(Exception):
    """What a check found, in one sentence."""


class _Folder:
    """A release folder's files as they are read; nothing in it is believed yet."""

    def __init__(self, path: Path, trusted: str | None) -> None:
        self.path = path
        self.trusted = trusted

    def json(self, name: str) -> Any:
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def lines(self, name: str) -> Iterator[tuple[int, str, str, str]]:
        """The chain in a ledger file: sequence, entry as its own bytes, previous hash, hash."""
        previous = ledger.GENESIS
        with self._inside(name).open(encoding="utf-8", newline="") as file:
            for n, line in enumerate(file, 1):
                entry, _, digest = line.rstrip("\n").removeprefix(_FRONT).rpartition(_BACK)
                yield n, entry, previous, digest.removesuffix('"}')
                previous = digest.removesuffix('"}')

    def entries(self) -> Iterator[dict[str, Any]]:
        for head in self.json("heads.json")["heads"]:
            for _, entry, _, _ in self.lines(head["file"]):
                yield json.loads(entry)

    def entry(self, kind: str) -> dict[str, Any]:
        """The newest entry of this kind about this release."""
        number = self.json("signatures.json")["release"]
        found = [e for e in self.entries() if e["kind"] == kind and e.get("release") == number]
        if not found:
            raise _Broken(f"the ledger has no entry `{kind}` of release {number}")
        return found[-1]

    def records(self) -> Iterator[ScoreRecord]:
        """The published records in the order of their digest."""
        items: dict[tuple[str, str], dict[str, list[Any]]] = {}
        for candidate, paper, item, kind, numerator, denominator, answer in self._rows("items.csv", ITEM_COLUMNS):
            value: list[Any] = [int(numerator), int(denominator)]
            items.setdefault((candidate, paper), {})[item] = [*value, answer] if kind == "objective" else value
        rows = sorted(self._rows("scores.csv", SCORE_COLUMNS), key=lambda r: (r[0], r[2]))
        for candidate, _, paper, status, score, numerator, denominator in rows:
            published = to_hundredths(score) if score else None
            yield ScoreRecord(candidate, paper, status, int(numerator), int(denominator), published, items.get((candidate, paper), {}))

    def _rows(self, name: str, columns: tuple[str, ...]) -> Iterator[list[str]]:
        with (self.path / name).open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != columns:
                raise _Broken(f"{name} has other columns than {', '.join(columns)}")
            yield from rows

    def _inside(self, name: str) -> Path:
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise _Broken(f"{name} lies outside of the release")
        return path


def verify_release(folder: Path, *, trusted: str | None = None) -> ReleaseCheck:
    """Every check of a release folder; `trusted` is the fingerprint that its key must have."""
    if not (folder / SUMS).is_file():
        raise BadInput(
            f"is no release folder: it has no {SUMS}.", where=str(folder), remedy="Name the folder that `markhall release` wrote."
        )
    release = _Folder(folder, trusted)
    checks = tuple(_run(name, step, release) for name, step in _STEPS)
    try:
        signed, key = release.json("signatures.json"), keys.fingerprint(release.json(SUMS_SIGNATURE)["public"])
        return ReleaseCheck(folder, signed["exam"], signed["release"], signed["digest"], key, checks)
    except (OSError, ValueError, KeyError, TypeError):
        return ReleaseCheck(folder, "", 0, "", "", checks)


def _run(name: Text, step: Callable[[_Folder], str], release: _Folder) -> Check:
    try:
        return Check(name, True, step(release))
    except _Broken as e:
        return Check(name, False, str(e))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as e:
        return Check(name, False, f"cannot be read ({type(e).__name__}: {e})")


def _sums(release: _Folder) -> str:
    text = (release.path / SUMS).read_text(encoding="utf-8")
    stated = {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}
    here = {path.relative_to(release.path).as_posix(): path for path in sorted_files(release.path)}
    for name in sorted(set(stated) ^ set(here)):
        raise _Broken(f"{name} is missing" if name in stated else f"{name} is not in {SUMS}")
    for name, path in here.items():
        if sha256_of(path) != stated[name]:
            raise _Broken(f"{name} was changed")
    return f"{len(here)} files"


def _key(release: _Folder) -> str:
    seal, published = release.json(SUMS_SIGNATURE), release.entry("release")
    signed = release.json("signatures.json")
    message = message_of(signed["exam"], published["release"], published["digest"])
    if not keys.is_signed(seal["public"], (release.path / SUMS).read_bytes(), seal["signature"]):
        raise _Broken(f"the signature does not fit {SUMS}")
    if not keys.is_signed(published["key"], message, published["signature"]):
        raise _Broken("the signature in the ledger does not fit the digest")
    found = {keys.fingerprint(seal["public"]), keys.fingerprint(published["key"])}
    if release.trusted is not None and found != {release.trusted}:
        raise _Broken(f"it was signed by the key {' and '.join(sorted(found))}, not by {release.trusted}")
    return f"Ed25519 key {' and '.join(sorted(found))}"


def _chains(release: _Folder) -> str:
    heads, entries = release.json("heads.json"), 0
    for head in heads["heads"]:
        chain = ledger.check_chain(head["shard"], release.lines(head["file"]), (head["sequence"], head["hash"]))
        entries += chain.entries
        if chain.fault:
            raise _Broken(f"shard {chain.shard}: {chain.fault}")
    named = [{"shard": h["shard"], "sequence": h["sequence"], "hash": h["hash"]} for h in heads["heads"]]
    if ledger.merkle_root([ledger.canonical(h) for h in named]) != heads["root"]:
        raise _Broken("the heads have another root than the checkpoint's")
    return f"{entries} entries in {len(named)} chains, root {heads['root'][:16]}"


def _definition(release: _Folder) -> str:
    version, digest = replay(e for e in release.entries() if e["kind"] == "definition").definition
    kept = release.json("definition.json")
    if kept["version"] != version or hashlib.sha256(ledger.canonical(kept["body"])).hexdigest() != digest:
        raise _Broken(f"the ledger names version {version} of the definition with another hash")
    return f"version {version}"


def _digest(release: _Folder) -> str:
    digest, signed = digest_of(release.records()), release.json("signatures.json")
    told = {digest, signed["digest"], release.entry("draft")["digest"], release.entry("release")["digest"]}
    if len(told) != 1:
        raise _Broken("the scores have another digest than the one that was signed")
    number = signed["release"]
    people = {e["by"] for e in release.entries() if e["kind"] == "signature" and e["release"] == number and e["digest"] == digest}
    wanted = ExamDefinition.model_validate(release.json("definition.json")["body"]).signatures
    if len(people) < wanted or people != {p["user"] for p in signed["people"]}:
        raise _Broken(f"the ledger has the signatures of {len(people)} people, {wanted} are needed")
    return f"{digest[:16]}, signed by {', '.join(p['name'] for p in signed['people'])}"


def _scores(release: _Folder) -> str:
    definition = ExamDefinition.model_validate(release.json("definition.json")["body"])
    second = Recomposition(replay(release.entries()), definition)
    found = list(disagreements(second, release.records()))
    if found:
        raise _Broken(f"{len(found)} differ: {found[0]}")
    return f"{sum(1 for _ in release.records())} scores, composed again with no difference"


_STEPS: tuple[tuple[Text, Callable[[_Folder], str]], ...] = (
    (Text(zh="文件散列", en="file hashes"), _sums),
    (Text(zh="系统签名", en="the installation's signature"), _key),
    (Text(zh="账本链", en="ledger chains"), _chains),
    (Text(zh="考试定义", en="exam definition"), _definition),
    (Text(zh="成绩摘要与签署", en="digest and signatures"), _digest),
    (Text(zh="由账本重新合分", en="scores from the ledger"), _scores),
)
