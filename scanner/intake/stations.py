"""Scan stations: who may send frames to an exam, and in which batches. A token is shown once; only its hash is kept."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import select

from core.errors import BadInput, Forbidden, NotFound
from core.ids import new_token
from core.site import Site
from core.tables import Exam, Station

_NAME = re.compile(r"[\w.-]{1,40}")
_PATTERN = re.compile(r"[\w.*?-]{1,80}")
_KNOWN = 1000  # tokens remembered


@dataclass(frozen=True, slots=True)
class StationView:
    id: int
    exam_id: int
    name: str
    batches: str = "*"  # which it may open and fill: a pattern with * and ?

    def require(self, batch: str) -> None:
        if not _matcher(self.batches).fullmatch(batch):
            raise Forbidden(
                f"the station's token is for the batches {self.batches}.",
                where=f"station {self.name}, batch {batch[:80]}",
                remedy="Name the batch so, or have the office change it with `markhall user station`.",
            )


@lru_cache(1000)
def _matcher(pattern: str) -> re.Pattern[str]:
    """Only * and ? mean more than themselves."""
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def register_station(site: Site, exam_id: int, name: str, *, batches: str | None = None) -> str:
    """A new token for the station `name`; the one that it had stops. Without `batches` it keeps those it had, or gets all."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a station.", where="station", remedy="Use at most 40 letters, digits, dots and hyphens.")
    if batches is not None and not _PATTERN.fullmatch(batches):
        raise BadInput(f"{batches!r} matches no batch.", where="batches", remedy="Use letters, digits, dots and hyphens, and * and ?.")
    token = new_token()
    with site.database.write() as session:
        if session.get(Exam, exam_id) is None:
            raise NotFound(f"there is no exam {exam_id}.", where="exam")
        station = session.scalar(select(Station).where(Station.exam_id == exam_id, Station.name == name))
        if station is None:
            station = Station(exam_id=exam_id, name=name, token_hash="", batches="*")
            session.add(station)
        station.token_hash, station.active = _hash(token), True
        station.batches = batches or station.batches
    return token


def revoke_station(site: Site, exam_id: int, name: str) -> None:
    """Its token opens nothing any more; what it sent stays."""
    with site.database.write() as session:
        station = session.scalar(select(Station).where(Station.exam_id == exam_id, Station.name == name))
        if station is None:
            raise NotFound(f"there is no station {name}.", where="station")
        station.active = False


def station_of(site: Site, token: str) -> StationView | None:
    with site.database.read() as session:
        station = session.scalar(select(Station).where(Station.token_hash == _hash(token), Station.active))
        return StationView(station.id, station.exam_id, station.name, station.batches) if station else None


@dataclass
class KnownStations:
    """Tokens that were looked up a moment ago. A token that is revoked, or gets another pattern, is known so long."""

    site: Site
    seconds: float = 3.0
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[StationView, float]] = field(default_factory=dict)

    def known(self, token: str) -> StationView | None:
        station, until = self._known.get(_hash(token), (None, 0.0))
        return station if self.clock() < until else None

    def look_up(self, token: str) -> StationView | None:
        """As the database says now; a guess is not remembered."""
        asked = self.clock()
        station = station_of(self.site, token)
        if len(self._known) >= _KNOWN:
            self._known.clear()
        if station is None:
            self._known.pop(_hash(token), None)
        else:
            self._known[_hash(token)] = station, asked + self.seconds
        return station


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
