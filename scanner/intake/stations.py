"""Scan stations: who may send frames to an exam. A token is shown once; only its hash is kept."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sqlalchemy import select

from core.errors import BadInput, NotFound
from core.ids import new_token
from core.site import Site
from core.tables import Exam, Station

_NAME = re.compile(r"[\w.-]{1,40}")


@dataclass(frozen=True, slots=True)
class StationView:
    id: int
    exam_id: int
    name: str


def register_station(site: Site, exam_id: int, name: str) -> str:
    """A new token for the station `name`; a station that has one gets another, and the old one stops."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a station.", where="station", remedy="Use at most 40 letters, digits, dots and hyphens.")
    token = new_token()
    with site.database.write() as session:
        if session.get(Exam, exam_id) is None:
            raise NotFound(f"there is no exam {exam_id}.", where="exam")
        station = session.scalar(select(Station).where(Station.exam_id == exam_id, Station.name == name))
        if station is None:
            station = Station(exam_id=exam_id, name=name, token_hash="")
            session.add(station)
        station.token_hash, station.active = _hash(token), True
    return token


def station_of(site: Site, token: str) -> StationView | None:
    with site.database.read() as session:
        station = session.scalar(select(Station).where(Station.token_hash == _hash(token), Station.active))
        return StationView(station.id, station.exam_id, station.name) if station else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
