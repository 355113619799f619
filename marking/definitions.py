"""The item group that a response is marked by: the exam definition's version that it cites, read once a process."""

from __future__ import annotations

from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, bindparam, select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.exam import ExamDefinition, ItemGroup
from core.quality import Quality
from core.questions import Asked, Question, Rows, ask
from core.tables import Definition, Exam

_known: WeakKeyDictionary[Engine, dict[tuple[int, int], ExamDefinition]] = WeakKeyDictionary()
_groups: dict[tuple[int, str, str], tuple[ExamDefinition, tuple[ItemGroup, Quality | None]]] = {}
_GROUPS = 4096
_lock = Lock()
_KEPT = 32


def definition(session: Session, exam_id: int, version: int) -> ExamDefinition:
    """A version is immutable (law 7), so it may be kept for the life of the process."""
    here = _known.setdefault(session.get_bind().engine, {})
    found = here.get((exam_id, version))
    if found is not None:
        return found
    body = session.scalar(select(Definition.body).where(Definition.exam_id == exam_id, Definition.version == version))
    if body is None:
        raise NotFound(f"there is no version {version} of the exam's definition.", where="definition")
    found = ExamDefinition.model_validate(body)
    with _lock:
        if len(here) >= _KEPT:
            here.pop(next(iter(here)))
        here[exam_id, version] = found
    return found


def current_definition(session: Session, exam_id: int) -> tuple[int, ExamDefinition]:
    (rows,) = ask(session, current_version(exam_id))
    return definition_from(session, exam_id, rows)


_VERSION = Question(lambda _: select(Exam.definition_version).where(Exam.id == bindparam("exam")))


def current_version(exam_id: int) -> Asked:
    return _VERSION(exam=exam_id)


def definition_from(session: Session, exam_id: int, rows: Rows) -> tuple[int, ExamDefinition]:
    """What the answer to `current_version` says."""
    if not rows:
        raise NotFound("there is no such exam.", where="exam")
    ((version,),) = rows
    return version, definition(session, exam_id, version)


def item_group(session: Session, exam_id: int, version: int, paper: str, group: str) -> ItemGroup:
    return watched_group(session, exam_id, version, paper, group)[0]


def watched_group(session: Session, exam_id: int, version: int, paper: str, group: str) -> tuple[ItemGroup, Quality | None]:
    """The item group, and how its markers are watched."""
    whole = definition(session, exam_id, version)
    place = (id(whole), paper, group)
    kept = _groups.get(place)
    if kept is None or kept[0] is not whole:
        if len(_groups) >= _GROUPS:
            _groups.clear()
        kept = _groups[place] = (whole, (whole.paper(paper).group(group), whole.quality_of(paper, group)))
    return kept[1]
