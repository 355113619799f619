"""Everything that the reports of a release say, gathered once: the exam, its people, its scores, its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.exam import ExamDefinition, Paper
from core.loading import definition_of
from core.tables import Candidate, CandidateDetails, Exam, Release, Signature, User
from scoring.records import ScoreRecord, kept
from scoring.statistics import PaperStatistics, Rates, paper_statistics


@dataclass(frozen=True, slots=True)
class Person:
    number: str
    name: str
    school: str
    class_name: str


@dataclass(frozen=True, slots=True)
class Signed:
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReportData:
    definition: ExamDefinition
    number: int
    state: str
    digest: str
    at: datetime  # when it was released, else drafted; in the exam's time zone
    laws: tuple[Mapping[str, Any], ...]
    signed: tuple[Signed, ...]
    people: tuple[tuple[Person, Mapping[str, ScoreRecord]], ...]  # in the roster's order; records by paper
    papers: tuple[tuple[Paper, PaperStatistics], ...]
    rates: Mapping[str, int]  # the shares of 四率, in percent


def gather(session: Session, exam: Exam, number: int | None, rates: Rates | None = None) -> ReportData:
    """The data of release `number`, or of the newest one."""
    query = select(Release).where(Release.exam_id == exam.id).order_by(Release.number.desc())
    release = session.scalars(query if number is None else query.where(Release.number == number)).first()
    if release is None:
        raise NotFound("there is no such release.", where=f"exam {exam.code}", remedy="Draft, sign and publish it in the office page.")
    definition = definition_of(session, exam, release.definition_version)
    zone = ZoneInfo(definition.time_zone)
    records: dict[str, dict[str, ScoreRecord]] = {}
    for record in kept(session, release.id):
        records.setdefault(record.candidate, {})[record.paper] = record
    return ReportData(
        definition=definition,
        number=release.number,
        state=str(release.state),
        digest=release.digest,
        at=(release.released_at or release.drafted_at).astimezone(zone),
        laws=tuple(release.laws),
        signed=tuple(_signed(session, release, zone)),
        people=tuple(_people(session, exam, records)),
        papers=tuple(
            (paper, paper_statistics(paper, [r[paper.code] for r in records.values() if paper.code in r], rates))
            for paper in definition.papers
        ),
        rates=asdict(rates or Rates()),
    )


def _signed(session: Session, release: Release, zone: ZoneInfo) -> list[Signed]:
    query = select(User.name, Signature.at).join(User, User.id == Signature.user_id).where(Signature.release_id == release.id)
    return [Signed(name, at.astimezone(zone)) for name, at in session.execute(query.order_by(Signature.id))]


def _people(
    session: Session, exam: Exam, records: Mapping[str, Mapping[str, ScoreRecord]]
) -> list[tuple[Person, Mapping[str, ScoreRecord]]]:
    """A candidate whose details were erased keeps the scores, under the pseudonym."""
    query = (
        select(Candidate.pseudonym, CandidateDetails.number, CandidateDetails.name, CandidateDetails.school, CandidateDetails.class_name)
        .outerjoin(CandidateDetails, CandidateDetails.candidate_id == Candidate.id)
        .where(Candidate.exam_id == exam.id)
        .order_by(Candidate.row)
    )
    return [
        (Person(number or pseudonym, name or "", school or "", class_name or ""), records[pseudonym])
        for pseudonym, number, name, school, class_name in session.execute(query)
        if pseudonym in records
    ]
