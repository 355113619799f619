"""Which pictures are behind tokens, for markers who ask: each for whoever holds its task, or has marked it.

For all who ask in the same moment it is one question to the database and one to Redis. A token says nothing of whose
picture it is or why it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.errors import MarkhallError, NotFound
from core.questions import Question, ask
from core.signed_in import alive, ended
from core.site import Site
from core.tables import Mark, Picture, ResponsePicture, Task
from marking import handout

_BEHIND = Question(
    lambda among: (
        select(Task.token, ResponsePicture.ordinal, Task.id, Task.exam_id, ResponsePicture.sha256, Picture.place)
        .join(ResponsePicture, ResponsePicture.response_id == Task.response_id)
        .outerjoin(Picture, Picture.sha256 == ResponsePicture.sha256)
        .where(among(Task.token, "tokens"))
    )
)
_MARKED = Question(
    lambda among: select(Mark.task_id, Mark.marker_id).where(among(Mark.task_id, "tasks"), among(Mark.marker_id, "people")).distinct()
)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """Somebody wants to see a picture. `session`: the digest of a session's token."""

    session: str
    picture: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the picture lies."""

    sha256: str
    place: str


@dataclass(frozen=True, slots=True)
class _Found:
    user_id: int
    task_id: int
    exam_id: int
    shown: Shown


def no_such_picture() -> NotFound:
    return NotFound("there is no such picture for you.", where="picture", remedy="Ask for the next task.")


def behind(site: Site, glimpses: Sequence[Glimpse]) -> list[Shown | MarkhallError]:
    """An answer to each."""
    places = [_split(one.picture) for one in glimpses]
    asked = _BEHIND(tokens=sorted({place[0] for place in places if place is not None}))
    with site.database.glance() as session:
        people, rows = ask(session, alive((one.session for one in glimpses), site.now()), asked)
    users: dict[str, int] = dict(people)
    known = {(token, n): (task_id, exam_id, Shown(sha256, place or "")) for token, n, task_id, exam_id, sha256, place in rows}
    found: dict[int, _Found] = {}
    answers: list[Shown | MarkhallError] = []
    for n, (one, place) in enumerate(zip(glimpses, places, strict=True)):
        answers.append(no_such_picture() if one.session in users else ended())
        if one.session in users and place in known:
            found[n] = _Found(users[one.session], *known[place])
    for n in _allowed(site, found):
        answers[n] = found[n].shown
    return answers


def _split(picture: str) -> tuple[str, int] | None:
    token, _, number = picture.rpartition("-")
    return (token, int(number)) if token and number.isascii() and number.isdigit() and len(number) <= 3 else None


def _allowed(site: Site, found: dict[int, _Found]) -> list[int]:
    """Those who hold the task; of the others those who have marked it."""
    held = handout.hold(site, [(one.exam_id, one.user_id, one.task_id) for one in found.values()])
    allowed = [n for n, holds in zip(found, held, strict=True) if holds]
    others = {n: found[n] for n in sorted(set(found) - set(allowed))}
    if others:
        asked = _MARKED(tasks=sorted({o.task_id for o in others.values()}), people=sorted({o.user_id for o in others.values()}))
        with site.database.glance() as session:
            (rows,) = ask(session, asked)
        marked = set(rows)
        allowed += [n for n, one in others.items() if (one.task_id, one.user_id) in marked]
    return allowed
