"""Loading an exam: definition, roster, templates and printed sheets become rows, as immutable versions.

The writer of exams, definitions, templates, candidates, and of scripts and sheets as they are expected before the
first page is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core import ledger
from core.definition import RosterRow
from core.errors import Conflict, NotFound
from core.exam import ExamDefinition
from core.ids import new_token
from core.site import Site
from core.states import ScriptState, SheetState
from core.tables import Candidate, CandidateDetails, Definition, Exam, Receipt, Script, Sheet, SheetAssignment, TemplateVersion
from core.template import Template

MAY_CHANGE = {"key", "partial", "treatment", "knowledge", "rounding", "quality"}  # nothing that a page rests on


@dataclass(frozen=True, slots=True)
class ExpectedSheet:
    """A sheet that was printed: whose it is when it is personalised, else `candidate` is None."""

    serial: str
    paper: str
    index: int
    candidate: str | None
    extra: bool = False


class _Owner(NamedTuple):
    candidate: int
    pseudonym: str
    script: int
    secret: str


def exam_by_code(session: Session, code: str) -> Exam:
    exam = session.scalar(select(Exam).where(Exam.code == code))
    if exam is None:
        raise NotFound(f"there is no exam {code}.", where="exam", remedy="Load it with `markhall exam load EXAM.yaml`.")
    return exam


def definition_of(session: Session, exam: Exam, version: int | None = None) -> ExamDefinition:
    wanted = version or exam.definition_version
    body = session.scalar(select(Definition.body).where(Definition.exam_id == exam.id, Definition.version == wanted))
    if body is None:
        raise NotFound(f"there is no version {wanted} of the definition of {exam.code}.", where="definition")
    return ExamDefinition.model_validate(body)


def template_of(session: Session, exam: Exam, paper: str) -> tuple[int, Template]:
    """The template that frames of a paper are first read by, with its row's id."""
    query = select(TemplateVersion).where(TemplateVersion.exam_id == exam.id, TemplateVersion.paper == paper)
    row = session.scalars(query.where(TemplateVersion.proposed.is_(False)).order_by(TemplateVersion.version.desc()).limit(1)).first()
    if row is None:
        raise NotFound(f"the paper {paper} of {exam.code} has no template.", where="template")
    return row.id, Template.model_validate(row.body)


def load_exam(
    site: Site,
    definition: ExamDefinition,
    roster: Sequence[RosterRow],
    templates: Mapping[str, Template],
    sheets: Sequence[ExpectedSheet],
    *,
    by: str,
) -> Exam:
    """Load an exam, or a later version of it. The same definition again changes nothing."""
    now = site.now()
    body = definition.model_dump(mode="json")
    digest = hashlib.sha256(ledger.canonical(body)).hexdigest()
    with site.database.write() as session:
        exam = session.scalar(select(Exam).where(Exam.code == definition.exam).with_for_update())
        if exam is None:
            exam = Exam(code=definition.exam, created_at=now)
            session.add(exam)
            session.flush()
        latest = session.scalar(select(Definition).where(Definition.exam_id == exam.id, Definition.version == exam.definition_version))
        if latest is None or latest.sha256 != digest:
            _add_version(session, exam, body, digest, latest, by, now)
        for paper, template in templates.items():
            _add_template(session, exam, paper, template, now)
        _add_people(session, exam, definition, roster, sheets, now)
        return exam


def _add_version(
    session: Session, exam: Exam, body: dict[str, Any], digest: str, latest: Definition | None, by: str, now: datetime
) -> None:
    scoring_only = latest is not None and _without_scoring(latest.body) == _without_scoring(body)
    begun = session.scalar(select(Receipt.id).where(Receipt.exam_id == exam.id).limit(1)) is not None
    if begun and not scoring_only:
        raise Conflict(
            f"reading of {exam.code} has begun, so only keys, partial credit, treatments and `quality` may change.",
            where="exam definition",
            remedy="Load the other changes as a new exam.",
        )
    exam.definition_version += 1
    version = Definition(
        exam_id=exam.id,
        version=exam.definition_version,
        sha256=digest,
        body=body,
        scoring_only=scoring_only,
        loaded_at=now,
        loaded_by=by,
    )
    session.add(version)
    ledger.append(session, exam.id, ledger.OFFICE, [{"kind": "definition", "version": version.version, "sha256": digest, "by": by}], now)


def _add_template(session: Session, exam: Exam, paper: str, template: Template, now: datetime) -> None:
    body = template.model_dump(mode="json")
    digest = hashlib.sha256(ledger.canonical(body)).hexdigest()
    query = select(TemplateVersion).where(TemplateVersion.exam_id == exam.id, TemplateVersion.paper == paper)
    known = session.scalars(query.order_by(TemplateVersion.version)).all()
    # Also an older one: loading the exam again must not take back a template that was corrected meanwhile.
    if any(one.sha256 == digest for one in known):
        return
    session.add(
        TemplateVersion(
            exam_id=exam.id,
            paper=paper,
            edition=template.edition or "1",
            version=known[-1].version + 1 if known else 1,
            sha256=digest,
            body=body,
            loaded_at=now,
        )
    )


def _add_people(
    session: Session,
    exam: Exam,
    definition: ExamDefinition,
    roster: Sequence[RosterRow],
    sheets: Sequence[ExpectedSheet],
    now: datetime,
) -> None:
    known = set(session.scalars(select(CandidateDetails.number).where(CandidateDetails.exam_id == exam.id)))
    fresh = [r for r in roster if r.number not in known]
    first = (session.scalar(select(func.max(Candidate.row)).where(Candidate.exam_id == exam.id)) or 0) + 1
    pseudonyms = {r.number: new_token() for r in fresh}
    if fresh:
        session.execute(
            insert(Candidate),
            [
                {"exam_id": exam.id, "pseudonym": pseudonyms[r.number], "school_code": r.school_code, "row": first + i}
                for i, r in enumerate(fresh)
            ],
        )
        query = select(Candidate.pseudonym, Candidate.id).where(Candidate.exam_id == exam.id, Candidate.row >= first)
        ids: dict[str, int] = dict(session.execute(query).all())
        session.execute(
            insert(CandidateDetails),
            [
                {
                    "candidate_id": ids[pseudonyms[r.number]],
                    "exam_id": exam.id,
                    "number": r.number,
                    "name": r.name,
                    "school": r.school,
                    "class_name": r.class_name,
                    "room": r.room,
                    "seat": r.seat,
                }
                for r in fresh
            ],
        )
        scripts = [
            {
                "exam_id": exam.id,
                "paper": paper.code,
                "candidate_id": ids[pseudonyms[r.number]],
                "state": ScriptState.EXPECTED,
                "chosen": {},
                "secret": new_token(),
            }
            for paper in definition.papers
            for r in fresh
        ]
        session.execute(insert(Script), scripts)
        _log_scripts(session, exam, scripts, {ids[p]: p for p in pseudonyms.values()}, now)
    _add_sheets(session, exam, sheets, now)


def _log_scripts(session: Session, exam: Exam, scripts: Sequence[Mapping[str, Any]], pseudonyms: Mapping[int, str], now: datetime) -> None:
    entries = (
        {
            "kind": "script",
            "script": s["secret"],
            "candidate": pseudonyms[s["candidate_id"]],
            "paper": s["paper"],
            "state": str(s["state"]),
            "by": "system",
        }
        for s in scripts
    )
    ledger.append(session, exam.id, ledger.OFFICE, entries, now)


def _add_sheets(session: Session, exam: Exam, sheets: Sequence[ExpectedSheet], now: datetime) -> None:
    known = set(session.scalars(select(Sheet.serial).where(Sheet.exam_id == exam.id)))
    fresh = [s for s in sheets if s.serial not in known]
    if not fresh:
        return
    owners = {
        (number, paper): _Owner(candidate, pseudonym, script, secret)
        for number, candidate, pseudonym, paper, script, secret in session.execute(
            select(CandidateDetails.number, Candidate.id, Candidate.pseudonym, Script.paper, Script.id, Script.secret)
            .join(Candidate, Candidate.id == CandidateDetails.candidate_id)
            .join(Script, Script.candidate_id == CandidateDetails.candidate_id)
            .where(CandidateDetails.exam_id == exam.id)
        )
    }
    printed = [(s, owners.get((s.candidate or "", s.paper))) for s in fresh]
    session.execute(
        insert(Sheet),
        [
            {
                "exam_id": exam.id,
                "serial": s.serial,
                "paper": s.paper,
                "index": s.index,
                "extra": s.extra,
                "printed_for": owner.candidate if owner else None,
                "script_id": owner.script if owner else None,
                "state": SheetState.ASSIGNED if owner else SheetState.UNASSIGNED,
                "assignment": 1 if owner else 0,
            }
            for s, owner in printed
        ],
    )
    _log_assignments(session, exam, [(s, o) for s, o in printed if o], now)


def _log_assignments(session: Session, exam: Exam, printed: Sequence[tuple[ExpectedSheet, _Owner]], now: datetime) -> None:
    if not printed:
        return
    ids = dict(session.execute(select(Sheet.serial, Sheet.id).where(Sheet.exam_id == exam.id)).all())
    session.execute(
        insert(SheetAssignment),
        [
            {
                "exam_id": exam.id,
                "sheet_id": ids[s.serial],
                "version": 1,
                "script_id": owner.script,
                "facts": {"printed": owner.pseudonym},
                "by": "system",
                "reason": "printed for this candidate",
                "at": now,
            }
            for s, owner in printed
        ],
    )
    entries = (
        {
            "kind": "sheet",
            "sheet": s.serial,
            "script": owner.secret,
            "version": 1,
            "facts": ["printed"],
            "by": "system",
            "reason": "printed",
        }
        for s, owner in printed
    )
    ledger.append(session, exam.id, ledger.OFFICE, entries, now)


def _without_scoring(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_scoring(v) for k, v in value.items() if k not in MAY_CHANGE}
    return [_without_scoring(v) for v in value] if isinstance(value, list) else value
