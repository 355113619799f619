"""One writer at a time for an exam's pages, sheets, scripts and cases.

Readers, the desk and the sweeper change the same records in different orders; instead of an order of locks over six
tables, each takes the exam's turn first. A turn lasts as long as one short transaction (a chunk of fifty pages: about
a tenth of a second). Receiving a frame takes no turn, so stations never wait for readers.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.tables import Exam


def take_turn(session: Session, exam_id: int) -> Exam:
    # NO KEY UPDATE: rows that only point to the exam (a new receipt) may still be inserted meanwhile.
    exam = session.scalar(select(Exam).where(Exam.id == exam_id).with_for_update(key_share=True))
    if exam is None:
        raise NotFound(f"there is no exam {exam_id}.", where="exam")
    return exam
