"""Releases: an exam's scores, drafted when the laws hold, signed by people, published once. Sole writer of releases.

draft -> checked (all laws hold, or two people overrode each that does not) -> signed -> released -> superseded.
A draft keeps its own score rows and their digest; what is signed and published is exactly these.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core import events, ledger
from core.errors import Conflict, Forbidden, NotFound, NotProven
from core.loading import definition_of
from core.site import Site
from core.states import ReleaseState
from core.tables import Candidate, Exam, LedgerHead, Release, Role, Score, Signature, User
from marking.closing import close_marking
from scoring import keys
from scoring.agree import disagreements
from scoring.compose import composed
from scoring.law import NAMES
from scoring.recompose import Recomposition
from scoring.records import ScoreRecord, digest_of, kept, with_whole
from scoring.verify import check_laws, exam_of, verify
from scoring.verify_scores import replayed, stated_definition

CHUNK = 500
SIGNERS = ("office", "chief")
OPEN = (ReleaseState.DRAFT, ReleaseState.CHECKED, ReleaseState.SIGNED)
OVERRIDERS = 2


def release_of(session: Session, exam_id: int, number: int) -> Release:
    release = session.scalar(select(Release).where(Release.exam_id == exam_id, Release.number == number).with_for_update())
    if release is None:
        raise NotFound(f"there is no release {number}.", where=f"exam {exam_id}")
    return release


def draft(site: Site, exam_id: int, by: str) -> Release:
    """Check the laws and keep the scores under the next number. Drafts that were never published give way to it."""
    laws = [law.as_json() for law in verify(site, exam_id)]
    now = site.now()
    with site.database.write() as session:
        exam = _locked(session, exam_id)
        last = session.scalar(select(func.max(Release.number)).where(Release.exam_id == exam_id)) or 0
        for older in session.scalars(select(Release).where(Release.exam_id == exam_id, Release.state.in_(OPEN))):
            older.state = ReleaseState.SUPERSEDED
        holds = all(law["holds"] for law in laws)
        release = Release(
            exam_id=exam_id, number=last + 1, state=ReleaseState.CHECKED if holds else ReleaseState.DRAFT,
            definition_version=exam.definition_version, laws=laws, overrides=[], drafted_by=by, drafted_at=now,
        )  # fmt: skip
        session.add(release)
        session.flush()
        definition = definition_of(session, exam)
        _keep(session, release, with_whole(composed(session, exam, definition), len(definition.papers)))
        release.digest = digest_of(kept(session, release.id))
        entry = {
            "kind": "draft", "release": release.number, "digest": release.digest, "definition": exam.definition_version,
            "laws": {law["law"]: law["holds"] for law in laws}, "by": by,
        }  # fmt: skip
        _log(session, release, entry, site)
        return release


def _locked(session: Session, exam_id: int) -> Exam:
    exam_of(session, exam_id)
    return session.scalars(select(Exam).where(Exam.id == exam_id).with_for_update()).one()


def _keep(session: Session, release: Release, records: Any) -> None:
    ids = dict(session.execute(select(Candidate.pseudonym, Candidate.id).where(Candidate.exam_id == release.exam_id)).all())
    rows: list[dict[str, Any]] = []
    for record in records:
        rows.append(_row(release, ids[record.candidate], record))
        if len(rows) == CHUNK:
            session.execute(insert(Score), rows)
            rows = []
    if rows:
        session.execute(insert(Score), rows)


def _row(release: Release, candidate_id: int, record: ScoreRecord) -> dict[str, Any]:
    return {
        "exam_id": release.exam_id,
        "release_id": release.id,
        "candidate_id": candidate_id,
        "paper": record.paper,
        "status": record.status,
        "numerator": record.numerator,
        "denominator": record.denominator,
        "published": record.published,
        "items": dict(record.items),
    }


def _log(session: Session, release: Release, entry: dict[str, Any], site: Site) -> None:
    now = site.now()
    ledger.append(session, release.exam_id, ledger.OFFICE, [entry], now)
    events.emit(session, release.exam_id, "release", {"number": release.number, "state": str(release.state)}, now)


def failing(release: Release) -> list[str]:
    """The laws that neither held nor were overridden by two people."""
    return [law["law"] for law in release.laws if not law["holds"] and len(_overriders(release, law["law"])) < OVERRIDERS]


def _overriders(release: Release, law: str) -> set[str]:
    return {o["by"] for o in release.overrides if o["law"] == law}


def override(site: Site, exam_id: int, number: int, *, law: str, user_id: int, reason: str) -> Release:
    """One person's written word that the release may go on though `law` does not hold. Two are needed for each law."""
    if not reason.strip():
        raise Conflict(
            "an override needs a written reason.", where=f"release {number}, {law}", remedy="Say why the scores are right nevertheless."
        )
    with site.database.write() as session:
        release = release_of(session, exam_id, number)
        by = f"user:{_signer(session, exam_id, user_id).id}"
        broken = {one["law"] for one in release.laws if not one["holds"]}
        if release.state is not ReleaseState.DRAFT or law not in broken:
            raise Conflict(f"there is nothing to override: {law} is not what holds this release up.", where=f"release {number}")
        if by in _overriders(release, law):
            raise Conflict("the same person overrides a law once.", where=f"release {number}, {law}", remedy="Ask a second person.")
        release.overrides = [*release.overrides, {"law": law, "by": by, "reason": reason.strip(), "at": site.now().isoformat()}]
        if not failing(release):
            release.state = ReleaseState.CHECKED
        _log(session, release, {"kind": "override", "release": number, "law": law, "reason": reason.strip(), "by": by}, site)
        return release


def sign(site: Site, exam_id: int, number: int, user_id: int) -> Release:
    """A person's signature under the draft's digest. The release is signed when as many as the exam asks for have signed."""
    with site.database.write() as session:
        exam, release = exam_of(session, exam_id), release_of(session, exam_id, number)
        user = _signer(session, exam_id, user_id)
        _require_proven(release)
        if release.state not in (ReleaseState.CHECKED, ReleaseState.SIGNED):
            raise Conflict(f"it is {release.state}; only a checked one is signed.", where=f"release {number}")
        if digest_of(kept(session, release.id)) != release.digest:
            raise NotProven("its score rows are not those that were drafted.", where=f"release {number}", remedy="Draft anew.")
        signed = set(session.scalars(select(Signature.user_id).where(Signature.release_id == release.id)))
        if user.id in signed:
            raise Conflict(f"{user.login} has signed already.", where=f"release {number}", remedy="Another person must sign.")
        session.add(Signature(exam_id=exam_id, release_id=release.id, user_id=user.id, digest=release.digest, at=site.now()))
        if len(signed) + 1 >= definition_of(session, exam, release.definition_version).signatures:
            release.state = ReleaseState.SIGNED
        _log(session, release, {"kind": "signature", "release": number, "digest": release.digest, "by": f"user:{user.id}"}, site)
        return release


def _signer(session: Session, exam_id: int, user_id: int) -> User:
    user = session.get(User, user_id)
    roles = select(Role.id).where(Role.user_id == user_id, Role.role.in_(SIGNERS), Role.exam_id.is_(None) | (Role.exam_id == exam_id))
    if user is None or not user.active or session.scalar(roles.limit(1)) is None:
        raise Forbidden(
            "only people of the exam office and chief examiners sign.", where="release", remedy="Give the role `office` or `chief` first."
        )
    return user


def _require_proven(release: Release) -> None:
    broken = failing(release)
    if broken:
        names = ", ".join(f"{law} ({NAMES[law].en})" for law in NAMES if law in broken)
        raise NotProven(
            f"it does not hold: {names}.", where=f"release {release.number}",
            remedy="Put it right and draft anew, or have two people override each law with a written reason.",
        )  # fmt: skip


def publish(site: Site, exam_id: int, number: int) -> Release:
    """Freeze a signed release. Every shard is held while the laws are checked once more and the scores replayed."""
    key = keys.release_key(site.settings.home)
    with site.database.write() as session:
        exam = _locked(session, exam_id)
        list(session.scalars(select(LedgerHead).where(LedgerHead.exam_id == exam_id).order_by(LedgerHead.shard).with_for_update()))
        release = release_of(session, exam_id, number)
        if release.state is not ReleaseState.SIGNED:
            raise Conflict(f"it is {release.state}; only a signed one is published.", where=f"release {number}", remedy="Sign it first.")
        _require_unchanged(session, exam, release)
        now = site.now()
        before = session.scalar(select(Release).where(Release.exam_id == exam_id, Release.state == ReleaseState.RELEASED))
        if before is not None:
            before.state = ReleaseState.SUPERSEDED
        release.state, release.released_at = ReleaseState.RELEASED, now
        entry = {
            "kind": "release", "release": number, "digest": release.digest, "supersedes": before.number if before else None,
            "key": keys.public_hex(key), "signature": keys.sign(key, message_of(exam.code, number, release.digest)), "by": "system",
        }  # fmt: skip
        _log(session, release, entry, site)
        close_marking(session, exam_id)
        session.flush()
        ledger.checkpoint(session, exam_id, now)
        return release


def message_of(exam: str, number: int, digest: str) -> bytes:
    """What the installation's key signs."""
    return f"markhall release\n{exam}\n{number}\n{digest}\n".encode()


def _require_unchanged(session: Session, exam: Exam, release: Release) -> None:
    now = {law.law for law in check_laws(session, exam) if not law.holds}
    drafted = {law["law"] for law in release.laws if not law["holds"]}
    state = replayed(session, exam)
    second = Recomposition(state, stated_definition(session, exam, state))
    difference = next(iter(disagreements(second, kept(session, release.id))), None)
    if now - drafted or difference is not None or exam.definition_version != release.definition_version:
        what = difference or f"{', '.join(sorted(now - drafted)) or 'the exam definition'} changed"
        raise NotProven(
            f"the records moved after it was drafted: {what}.", where=f"release {release.number}", remedy="Draft and sign anew."
        )
