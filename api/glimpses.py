"""Where markers' pictures are asked for: those who ask in the same moment are looked up together (`api.rounds`)."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Response

from api.problems import refusal
from api.rounds import Rounds
from core.errors import MarkhallError
from core.signed_in import digest
from core.site import Site
from marking.pictures import Glimpse, Shown, behind

MOST_TOGETHER = 16
THREADS = 8  # a store may be slow: while one waits for it, others go on
HEADERS = {"Cache-Control": "private, no-store"}


class Glimpses:
    def __init__(self, site: Site) -> None:
        def answers(asked: Sequence[Glimpse]) -> list[bytes | MarkhallError]:
            return [_bytes(site, found) for found in behind(site, asked)]

        self._rounds = Rounds[Glimpse, bytes]("pictures", answers, most=MOST_TOGETHER, threads=THREADS)

    async def show(self, token: str, picture: str) -> Response:
        """`token`: of the session."""
        answer = await self._rounds.ask(Glimpse(digest(token), picture))
        return refusal(answer) if isinstance(answer, MarkhallError) else Response(answer, media_type="image/jpeg", headers=HEADERS)


def _bytes(site: Site, found: Shown | MarkhallError) -> bytes | MarkhallError:
    if isinstance(found, MarkhallError):
        return found
    try:
        return site.store.get(found.sha256, found.place)
    except MarkhallError as e:
        return e
