"""The rows of stored pictures: which are kept, and where each lies in the store.

A row exists for every picture that a record points to. The first copy of a picture is the one that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.bulk import insert_rows
from core.site import Site
from core.store import Kept
from core.tables import Picture


def keep_rows(session: Session, kept: Sequence[Kept], media_type: str, now: datetime) -> None:
    """Rows for pictures that are durable by now; one that has a row already keeps it."""
    if not kept:
        return
    first = {one.sha256: one for one in reversed(kept)}
    rows = [
        {"sha256": one.sha256, "size": one.size, "media_type": media_type, "stored_at": now, "place": one.place}
        for _, one in sorted(first.items())
    ]
    insert_rows(session, Picture, rows, unless_there=True)


def picture_bytes(site: Site, sha256: str) -> bytes:
    with site.database.glance() as session:
        place = session.scalar(select(Picture.place).where(Picture.sha256 == sha256))
    return site.store.get(sha256, place or "")
