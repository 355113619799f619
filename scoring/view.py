"""A release as people are shown it: its state, what the laws said, who signed and who still must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.errors import NotFound
from core.loading import definition_of
from core.site import Site
from core.tables import Release, Signature, User
from scoring.release import failing
from scoring.verify import exam_of


@dataclass(frozen=True, slots=True)
class SignatureView:
    login: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReleaseView:
    number: int
    state: str
    definition_version: int
    digest: str
    drafted_by: str
    drafted_at: datetime
    released_at: datetime | None
    laws: tuple[Mapping[str, Any], ...]
    overrides: tuple[Mapping[str, Any], ...]
    failing: tuple[str, ...]  # laws that neither hold nor were overridden by two people
    signatures: tuple[SignatureView, ...]
    signatures_needed: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "drafted_at": self.drafted_at.isoformat(),
            "released_at": self.released_at.isoformat() if self.released_at else None,
            "signatures": [{"login": s.login, "name": s.name, "at": s.at.isoformat()} for s in self.signatures],
        }


def release_view(site: Site, exam_id: int, number: int | None = None) -> ReleaseView:
    """The release `number`, or the newest."""
    with site.database.read() as session:
        exam = exam_of(session, exam_id)
        query = select(Release).where(Release.exam_id == exam_id).order_by(Release.number.desc())
        release = session.scalars(query if number is None else query.where(Release.number == number)).first()
        if release is None:
            raise NotFound("there is no such release.", where=f"exam {exam.code}", remedy="Draft one first.")
        signed = select(User.login, User.name, Signature.at).join(Signature, Signature.user_id == User.id)
        return ReleaseView(
            number=release.number,
            state=str(release.state),
            definition_version=release.definition_version,
            digest=release.digest,
            drafted_by=release.drafted_by,
            drafted_at=release.drafted_at,
            released_at=release.released_at,
            laws=tuple(release.laws),
            overrides=tuple(release.overrides),
            failing=tuple(failing(release)),
            signatures=tuple(
                SignatureView(login, name, at)
                for login, name, at in session.execute(signed.where(Signature.release_id == release.id).order_by(Signature.id))
            ),
            signatures_needed=definition_of(session, exam, release.definition_version).signatures,
        )
