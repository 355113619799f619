"""Extra sheets: the regions of one belong to the question whose bubble is filled on it, or which a person names.

An extra sheet is printed for no question, so its template calls its regions by a name of their own. Once the sheet has a
script and its bubble is settled, they are filed under the group, and the response gets them behind its own pictures.
"""

from __future__ import annotations

from typing import Any

from core.tables import Page, Sheet
from omr.desk.answers import Stated, stated
from omr.desk.work import READERS, Work

FIELD = "extra"  # the bubbles, and the group that the template gives the regions


def bubbles_of(work: Work, sheet: Sheet) -> tuple[Page, Stated] | None:
    """The page of an extra sheet that says which question goes on, and what it says."""
    found = ((page, stated(work, page)) for page in _standing(work, sheet))
    return next(((page, said[FIELD]) for page, said in found if FIELD in said), None)


def is_open(work: Work, sheet: Sheet, said: Stated) -> bool:
    """Must a person say which question goes on here? A doubt has a case already; one question is an answer."""
    groups = {g.id for g in work.forms.definition.paper(sheet.paper).written}
    return said.by == READERS and not said.doubt and said.value not in groups


def file_regions(work: Work, sheet: Sheet, said: Stated) -> None:
    """Put the sheet's regions to the group that is named; to each, when a person named several."""
    if said.doubt:
        return
    groups = said.value.split("|") if said.value else [FIELD]
    for page in _standing(work, sheet):
        once: dict[str, dict[str, Any]] = {r["name"]: r for r in page.regions}
        regions = [r | {"group": group} for group in groups for r in once.values()]
        if regions != page.regions:
            page.regions = regions


def _standing(work: Work, sheet: Sheet) -> list[Page]:
    return [page for page in work.pages(sheet.id) if not page.evidence.get("second")]
