"""What the desk and the filing of pages need to know of an exam's definition and templates: sides, roles, options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.exam import ExamDefinition, Paper
from core.tables import Definition, Exam, Sheet, TemplateVersion
from core.template import Side, Template

_SPECIAL = ("absent", "paper_type", "choice")
_parsed: dict[str, ExamDefinition | Template] = {}  # by the hash of the body: what is immutable is parsed once a process


@dataclass(frozen=True, slots=True)
class Roles:
    """The fields of a side, by what they are for."""

    answers: tuple[str, ...]
    barcodes: tuple[str, ...]
    numbers: tuple[str, ...]
    absent: tuple[str, ...]
    types: tuple[str, ...]
    choices: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]

    @property
    def names_candidate(self) -> bool:
        return bool(self.barcodes or self.numbers)

    def kind_of(self, field: str) -> str:
        """The kind of case that a doubt about this field opens; empty where no case is needed."""
        kinds = ((self.answers, "doubt"), (self.types, "paper_type"), (self.choices, "choice"), (self.absent, "absent_box"))
        return next((kind for fields, kind in kinds if field in fields), "")


@dataclass(frozen=True)
class Forms:
    definition: ExamDefinition
    templates: Mapping[str, tuple[int, Template]]  # by paper, with the row's id

    @cached_property
    def _roles(self) -> dict[tuple[str, int], Roles]:
        return {
            (paper, side.side): _roles(self.definition.paper(paper), side)
            for paper, (_, template) in self.templates.items()
            for side in template.sides
        }

    def template(self, paper: str) -> Template:
        return self.templates[paper][1]

    def roles(self, paper: str, side: int) -> Roles:
        return self._roles[paper, side]

    def sides_of(self, sheet: Sheet) -> frozenset[int]:
        """The numbers of the sides that this sheet has; sides count on over the sheets of a paper."""
        sides = [s for s in self.template(sheet.paper).sides if s.extra == sheet.extra]
        if sheet.extra:
            return frozenset(s.side for s in sides)
        faces = 2 if self.definition.paper(sheet.paper).sheet.duplex else 1
        return frozenset(s.side for s in sides if (s.side - 1) // faces == sheet.index)

    def needed(self, paper: str) -> frozenset[int]:
        return frozenset(s.side for s in self.template(paper).sides if not s.extra)


def forms_of(session: Session, exam: Exam) -> Forms:
    return Forms(definition_in_use(session, exam), _templates(session, exam))


def definition_in_use(session: Session, exam: Exam) -> ExamDefinition:
    row = session.execute(
        select(Definition.id, Definition.sha256).where(Definition.exam_id == exam.id, Definition.version == exam.definition_version)
    ).one_or_none()
    if row is None:
        raise BadInput(f"the exam {exam.code} has no definition.", where="exam", remedy="Load it with `markhall exam load`.")
    definition = _parsed.get(row.sha256)
    if not isinstance(definition, ExamDefinition):
        body = session.scalar(select(Definition.body).where(Definition.id == row.id))
        definition = _parsed[row.sha256] = ExamDefinition.model_validate(body)
    return definition


def _templates(session: Session, exam: Exam) -> dict[str, tuple[int, Template]]:
    query = select(TemplateVersion.id, TemplateVersion.paper, TemplateVersion.sha256).where(
        TemplateVersion.exam_id == exam.id, TemplateVersion.proposed.is_(False)
    )
    found: dict[str, tuple[int, Template]] = {}
    for row_id, paper, sha256 in session.execute(query.order_by(TemplateVersion.version)):
        template = _parsed.get(sha256)
        if not isinstance(template, Template):
            body = session.scalar(select(TemplateVersion.body).where(TemplateVersion.id == row_id))
            template = _parsed[sha256] = Template.model_validate(body)
        found[paper] = (row_id, template)
    return found


def _roles(paper: Paper, side: Side) -> Roles:
    by_role = {role: tuple(f for g in side.grids if g.role == role for f in g.fields) for role in (*_SPECIAL, "candidate")}
    items = {i.id for i in paper.objective}
    return Roles(
        answers=tuple(f for g in side.grids if g.role == "answer" for f in g.fields if f in items),
        barcodes=tuple(c.name for c in side.codes if c.role == "candidate"),
        numbers=by_role["candidate"],
        absent=by_role["absent"],
        types=by_role["paper_type"],
        choices=by_role["choice"],
        options={f: g.values for g in side.grids for f in g.fields},
    )
