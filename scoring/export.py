"""Writing a published release as a folder that proves itself: scores, definition, ledger, signatures, checksums.

`scoring.check` reads it back off line; docs/release.md is the format's manual. Candidates' numbers stand in scores.csv
only; everything else names pseudonyms.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import ledger
from core.errors import BadInput, Conflict
from core.exam import from_hundredths
from core.site import Site
from core.states import ReleaseState
from core.tables import Candidate, CandidateDetails, Checkpoint, Definition, Exam, LedgerEntry, Release, Signature, User
from scoring import keys
from scoring.readme import write_readme
from scoring.records import ScoreRecord, kept
from scoring.verify import exam_of

if TYPE_CHECKING:
    from _csv import Writer as CsvWriter

SCORE_COLUMNS = ("candidate", "number", "paper", "status", "score", "numerator", "denominator")
ITEM_COLUMNS = ("candidate", "paper", "item", "kind", "numerator", "denominator", "answer")
CHANGE_COLUMNS = ("candidate", "paper", "status_before", "score_before", "status_after", "score_after")
SUMS, SUMS_SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"


def export(site: Site, exam_id: int, number: int, out_dir: Path) -> Path:
    """Write the release `number` into `out_dir`, which must be empty or not there yet."""
    if out_dir.exists() and any(out_dir.iterdir()):
        raise BadInput("is not empty.", where=str(out_dir), remedy="Name a new folder.")
    with site.database.read() as session:
        exam = exam_of(session, exam_id)
        release = _published(session, exam_id, number)  # before the first file: a number that is wrong leaves no folder
        (out_dir / "ledger").mkdir(parents=True, exist_ok=True)
        _write_scores(session, release, out_dir)
        _write_definition(session, release, out_dir)
        checkpoint = _checkpoint_of(session, release)
        _write_ledger(session, checkpoint, out_dir)
        _write_json(out_dir / "laws.json", {"laws": release.laws, "overrides": release.overrides})
        _write_json(out_dir / "signatures.json", _signatures(session, exam, release))
        _write_changes(session, release, out_dir)
        write_readme(out_dir, exam.code, release)
    _write_sums(out_dir, site)
    return out_dir


def _published(session: Session, exam_id: int, number: int) -> Release:
    release = session.scalar(select(Release).where(Release.exam_id == exam_id, Release.number == number))
    if release is None or release.released_at is None:
        state = "not there" if release is None else str(release.state)
        raise Conflict(
            f"it is {state}; only a published release is exported.", where=f"release {number}", remedy="Sign and publish it first."
        )
    return release


def _write_scores(session: Session, release: Release, out_dir: Path) -> None:
    query = select(Candidate.pseudonym, CandidateDetails.number).join(CandidateDetails, CandidateDetails.candidate_id == Candidate.id)
    numbers = {row.pseudonym: row.number for row in session.execute(query.where(Candidate.exam_id == release.exam_id))}
    with _table(out_dir / "scores.csv", SCORE_COLUMNS) as scores, _table(out_dir / "items.csv", ITEM_COLUMNS) as items:
        for r in kept(session, release.id):
            number = numbers.get(r.candidate, "")
            scores.writerow([r.candidate, number, r.paper, r.status, shown(r.published), r.numerator, r.denominator])
            for item, value in r.items.items():
                kind, answer = ("objective", value[2]) if len(value) > 2 else ("written", "")
                items.writerow([r.candidate, r.paper, item, kind, value[0], value[1], answer])


@contextmanager
def _table(path: Path, columns: Sequence[str]) -> Iterator[CsvWriter]:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns)
        yield rows


def shown(published: int | None) -> str:
    return "" if published is None else from_hundredths(published)


def _write_definition(session: Session, release: Release, out_dir: Path) -> None:
    query = select(Definition).where(Definition.exam_id == release.exam_id, Definition.version == release.definition_version)
    row = session.scalars(query).one()
    _write_json(out_dir / "definition.json", {"version": row.version, "sha256": row.sha256, "body": row.body})
    text = yaml.safe_dump(row.body, allow_unicode=True, sort_keys=False)
    (out_dir / "definition.yaml").write_text(text, encoding="utf-8")


def _checkpoint_of(session: Session, release: Release) -> Checkpoint:
    """The first checkpoint that holds the entry of this release's publication."""
    query = select(LedgerEntry).where(LedgerEntry.exam_id == release.exam_id, LedgerEntry.shard == ledger.OFFICE)
    published = 0
    for row in session.scalars(query.order_by(LedgerEntry.sequence)):
        entry = json.loads(row.entry)
        if entry["kind"] == "release" and entry["release"] == release.number:
            published = row.sequence
    for point in session.scalars(select(Checkpoint).where(Checkpoint.exam_id == release.exam_id).order_by(Checkpoint.number)):
        if any(head["shard"] == ledger.OFFICE and head["sequence"] >= published for head in point.heads):
            return point
    raise Conflict("no checkpoint holds it.", where=f"release {release.number}", remedy="Publish it again from a restored backup.")


def _write_ledger(session: Session, checkpoint: Checkpoint, out_dir: Path) -> None:
    heads = []
    for n, head in enumerate(checkpoint.heads):
        name = f"{n:03d}-{re.sub('[^A-Za-z0-9]+', '-', head['shard'])}.jsonl"
        with (out_dir / "ledger" / name).open("w", encoding="utf-8", newline="") as file:
            for row in ledger.rows(session, checkpoint.exam_id, head["shard"]):
                if row.sequence > head["sequence"]:
                    break
                # The entry's own bytes stand in the line: what is hashed is what is read.
                file.write(f'{{"entry":{row.entry},"hash":"{row.hash}"}}\n')
        heads.append({**head, "file": f"ledger/{name}"})
    _write_json(out_dir / "heads.json", {"checkpoint": checkpoint.number, "root": checkpoint.root, "heads": heads})


def _signatures(session: Session, exam: Exam, release: Release) -> dict[str, Any]:
    query = (
        select(Signature, User).join(User, User.id == Signature.user_id).where(Signature.release_id == release.id).order_by(Signature.id)
    )
    people = [
        {"user": f"user:{user.id}", "login": user.login, "name": user.name, "at": signature.at.isoformat(), "digest": signature.digest}
        for signature, user in session.execute(query)
    ]
    return {"exam": exam.code, "release": release.number, "digest": release.digest, "people": people}


def _write_changes(session: Session, release: Release, out_dir: Path) -> None:
    """What differs from the release that this one took the place of."""
    before = select(Release).where(
        Release.exam_id == release.exam_id, Release.number < release.number,
        Release.state == ReleaseState.SUPERSEDED, Release.released_at.is_not(None),
    )  # fmt: skip
    older = session.scalars(before.order_by(Release.number.desc())).first()
    if older is None:
        return
    with _table(out_dir / "changes.csv", CHANGE_COLUMNS) as rows:
        for old, new in changes(session, older.id, release.id):
            one = new or old
            assert one is not None
            sides = [(r.status, shown(r.published)) if r else ("", "") for r in (old, new)]
            rows.writerow([one.candidate, one.paper, *sides[0], *sides[1]])


def changes(session: Session, older: int, newer: int) -> Iterator[tuple[ScoreRecord | None, ScoreRecord | None]]:
    """Records that two releases do not have in common, by candidate and paper; both come in the same order."""
    first, second = kept(session, older), kept(session, newer)
    old, new = next(first, None), next(second, None)
    while old or new:
        old_place, new_place = _place(old), _place(new)
        if old_place == new_place:
            if old != new:
                yield old, new
            old, new = next(first, None), next(second, None)
        elif new is None or (old is not None and old_place < new_place):
            yield old, None
            old = next(first, None)
        else:
            yield None, new
            new = next(second, None)


def _place(record: ScoreRecord | None) -> tuple[str, str]:
    return (record.candidate, record.paper) if record else ("", "")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _write_sums(out_dir: Path, site: Site) -> None:
    lines = [f"{sha256_of(path)}  {path.relative_to(out_dir).as_posix()}\n" for path in sorted_files(out_dir)]
    text = "".join(lines).encode()
    (out_dir / SUMS).write_bytes(text)
    key = keys.release_key(site.settings.home)
    _write_json(out_dir / SUMS_SIGNATURE, {"algorithm": "Ed25519", "public": keys.public_hex(key), "signature": keys.sign(key, text)})


def sorted_files(folder: Path) -> Sequence[Path]:
    """Everything in a release but the sums themselves."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).as_posix() not in (SUMS, SUMS_SIGNATURE))
    return sorted(files, key=lambda p: p.relative_to(folder).as_posix())


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
