"""The item group that a response is marked by: the exam definition's version that it cites, read once a process."""

from __future__ import annotations

from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.exam import ExamDefinition, ItemGroup
from core.tables import Definition, Exam

_known: dict[tuple[str, int, int], ExamDefinition] = {}
_lock = Lock()
_KEPT = 32


def definition(session: Session, exam_id: int, version: int) -> ExamDefinition:
    """A version is immutable (law 7), so it may be kept for the life of the process."""
    key = (str(session.get_bind().engine.url), exam_id, version)
    found = _known.get(key)
    if found is not None:
        return found
    body = session.scalar(select(Definition.body).where(Definition.exam_id == exam_id, Definition.version == version))
    if body is None:
        raise NotFound(f"there is no version {version} of the exam's definition.", where="definition")
    found = ExamDefinition.model_validate(body)
    with _lock:
        if len(_known) >= _KEPT:
            _known.pop(next(iter(_known)))
        _known[key] = found
    return found


def current_definition(session: Session, exam_id: int) -> tuple[int, ExamDefinition]:
    version = session.scalar(select(Exam.definition_version).where(Exam.id == exam_id))
    if version is None:
        raise NotFound("there is no such exam.", where="exam")
    return version, definition(session, exam_id, version)


def item_group(session: Session, exam_id: int, version: int, paper: str, group: str) -> ItemGroup:
    return definition(session, exam_id, version).paper(paper).group(group)
