"""Corrected templates: other places for the same marks, codes, bubbles and regions of sheets that are printed already.

Writer of proposed template versions. One is for reading again only, until it is adopted; adopting adds a version and
edits none. What a sheet is (its sides, codes, fields, values, regions) is never corrected: records rest on it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import ledger
from core.errors import Conflict, TemplateInvalid
from core.loading import template_of
from core.tables import Exam, TemplateVersion
from core.template import Side, Template


def propose(session: Session, exam: Exam, paper: str, template: Template, *, by: str, now: datetime) -> int:
    """The row of a template to read a paper again by: a version that is there already, or a new proposed one."""
    standing_id, standing = template_of(session, exam, paper)
    check_same_sheets(standing, template, where=f"paper {paper}")
    body = template.model_dump(mode="json")
    digest = hashlib.sha256(ledger.canonical(body)).hexdigest()
    mine = (TemplateVersion.exam_id == exam.id, TemplateVersion.paper == paper)
    if session.scalar(select(TemplateVersion.sha256).where(TemplateVersion.id == standing_id)) == digest:
        return standing_id
    known = session.scalar(
        select(TemplateVersion.id).where(*mine, TemplateVersion.sha256 == digest).order_by(TemplateVersion.version.desc())
    )
    return known or _add(session, exam, paper, template.edition or "1", body, digest, by=by, now=now, proposed=True)


def adopt(session: Session, exam: Exam, template_id: int, *, by: str, now: datetime) -> int:
    """From now on frames are first read by this template too: the same body as a version that is not proposed."""
    row = session.get_one(TemplateVersion, template_id)
    standing_id, _ = template_of(session, exam, row.paper)
    if session.get_one(TemplateVersion, standing_id).sha256 == row.sha256:
        raise Conflict("frames are first read by this template already.", where=f"paper {row.paper}")
    return _add(session, exam, row.paper, row.edition, row.body, row.sha256, by=by, now=now, proposed=False)


def _add(
    session: Session,
    exam: Exam,
    paper: str,
    edition: str,
    body: dict[str, Any],
    digest: str,
    *,
    by: str,
    now: datetime,
    proposed: bool,
) -> int:
    mine = (TemplateVersion.exam_id == exam.id, TemplateVersion.paper == paper)
    newest = session.scalar(select(func.max(TemplateVersion.version)).where(*mine)) or 0
    row = TemplateVersion(
        exam_id=exam.id, paper=paper, edition=edition, version=newest + 1, sha256=digest, body=body, loaded_at=now, proposed=proposed
    )
    session.add(row)
    session.flush()
    entry = {"kind": "template", "paper": paper, "version": row.version, "sha256": digest, "proposed": proposed, "by": by}
    ledger.append(session, exam.id, ledger.OFFICE, [entry], now)
    return row.id


def check_same_sheets(standing: Template, corrected: Template, *, where: str) -> None:
    """Refuse a template that is of other sheets than the one that stands, naming the first thing that differs."""
    for name in ("unit", "exam", "paper", "edition", "candidate"):
        if getattr(standing, name) != getattr(corrected, name):
            raise _other(f"its {name} is {getattr(corrected, name)!r}, not {getattr(standing, name)!r}", where)
    old, new = ({side.side: side for side in t.sides} for t in (standing, corrected))
    if set(old) != set(new):
        raise _other("it has other sides", where)
    for number, side in sorted(old.items()):
        then, now = _what_is_on(side), _what_is_on(new[number])
        for name in sorted(set(then) | set(now)):
            if then.get(name) != now.get(name):
                raise _other(f"{name} of side {number} is another", where)


def _what_is_on(side: Side) -> dict[str, object]:
    """Everything on a side but where it is."""
    found: dict[str, object] = {"the kind": side.extra}
    found |= {f"the code {c.name}": (c.role, c.symbology, c.optional) for c in side.codes}
    found |= {f"the field {f}": (g.role, g.values, g.joined, g.line_count if g.joined else 0) for g in side.grids for f in g.fields}
    found |= {f"the timing row {i + 1}": row.count for i, row in enumerate(side.timing)}
    return found | {f"the region {r.name}": r.group for r in side.regions}


def _other(what: str, where: str) -> TemplateInvalid:
    return TemplateInvalid(
        f"the template is not of the sheets that were printed: {what}.", where=where, remedy="Correct places and sizes only."
    )
