"""Whether a page's pictures of regions still stand: by the page itself, or by a later reading of the frame that keeps them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from core.states import PageState
from core.tables import Page


def cut_of(page: type[Page] = Page) -> ColumnElement[int]:
    """The page on which a page's pictures of regions were cut out: itself, or an earlier reading of the same frame."""
    return func.coalesce(page.cut_from, page.id)


def are_gone() -> ColumnElement[bool]:
    """For a query about `Page`: it is superseded, and no page that stands keeps its pictures."""
    later = aliased(Page)
    keeps = select(later.id).where(
        later.receipt_id == Page.receipt_id,
        later.state != PageState.SUPERSEDED,
        cut_of(later) == cut_of(),
    )
    return and_(Page.state == PageState.SUPERSEDED, ~keeps.correlate(Page).exists())
