"""Where the forms have the regions of each group: of the template that stands, taken apart once a process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import TemplateVersion
from core.template import Template

Place = tuple[int, str]  # a side and the name of a region on it
_KEPT = 32
_known: dict[str, Mapping[str, set[Place]]] = {}  # by the hash of the template


def places(session: Session, exam_id: int, paper: str) -> Mapping[str, set[Place]]:
    """By group. Extra sheets add to a response, none has to have one."""
    mine = (TemplateVersion.exam_id == exam_id, TemplateVersion.paper == paper, TemplateVersion.proposed.is_(False))
    newest = select(TemplateVersion.id, TemplateVersion.sha256).where(*mine).order_by(TemplateVersion.version.desc()).limit(1)
    found = session.execute(newest).one_or_none()
    if found is None:
        return {}
    if found.sha256 not in _known:
        if len(_known) >= _KEPT:
            _known.clear()
        body = session.scalars(select(TemplateVersion.body).where(TemplateVersion.id == found.id)).one()
        _known[found.sha256] = _of(body)
    return _known[found.sha256]


def _of(body: Mapping[str, Any]) -> Mapping[str, set[Place]]:
    by_group: dict[str, set[Place]] = defaultdict(set)
    for side in Template.model_validate(body).sides:
        if not side.extra:
            for region in side.regions:
                by_group[region.group].add((side.side, region.name))
    return dict(by_group)
