"""What clerks said of a case before it was settled: the rows of looks, and what they amount to.

A word stands until its clerk takes it back or the decision that rests on it is undone. Where two clerks are wanted, two
words that stand and are not the same make the case `differs`: then a person of the exam office decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.tables import Look


@dataclass(frozen=True, slots=True)
class Word:
    user: int
    values: Mapping[str, str]


def standing(session: Session, case_ids: Iterable[int]) -> dict[int, list[Look]]:
    """The words that stand, by case, in the order in which they were said."""
    query = select(Look).where(Look.case_id.in_(set(case_ids)), Look.taken_back.is_(False)).order_by(Look.id)
    found: dict[int, list[Look]] = defaultdict(list)
    for look in session.scalars(query):
        found[look.case_id].append(look)
    return dict(found)


def said_about(session: Session, case_id: int, user_id: int, key: str) -> list[Look]:
    """Every word about a case, standing or not, and the one that this clerk said under this key, whatever it is about."""
    same = and_(Look.user_id == user_id, Look.key == key)
    return list(session.scalars(select(Look).where(or_(Look.case_id == case_id, same)).order_by(Look.id)))


def words_of(session: Session, case_ids: Iterable[int]) -> dict[int, tuple[Word, ...]]:
    return {case: tuple(Word(look.user_id, dict(look.values)) for look in looks) for case, looks in standing(session, case_ids).items()}


def differ(words: Iterable[Word]) -> bool:
    """Two clerks said what is not the same: nobody but a third person can settle that."""
    said = [word.values for word in words]
    return len(said) > 1 and any(values != said[0] for values in said[1:])


def take_all_back(session: Session, case_id: int) -> None:
    """The decision that rested on these words is undone: whoever looks next looks anew."""
    for look in standing(session, [case_id]).get(case_id, []):
        look.taken_back = True
