"""What a web process keeps in memory for its stations: the gate, the tokens seen a moment ago, how much each has sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import TooMany, Unavailable
from core.site import Site
from scanner.intake import Gate, KnownStations, Rates, StationView

MOST_ON_THE_WAY = 1024 * 1024 * 1024  # bytes of bodies that may be in memory at once, of all stations


class Gatehouse:
    def __init__(self, site: Site) -> None:
        self.gate = Gate(site)
        self.stations = KnownStations(site)
        self._rates = Rates(site.settings.station_frames, site.settings.station_mib * 2**20)
        self._on_the_way = 0

    def admit(self, station: StationView, size: int = 0) -> None:
        """Count a request of this station, or say how long it must wait."""
        wait = self._rates.wait(station.id, size)
        if wait > 0:
            raise TooMany(
                "the station sends faster than it may.",
                where=f"station {station.name}",
                remedy="Send again after the seconds that Retry-After says.",
                retry_after=wait,
            )

    @contextmanager
    def room_for(self, size: int) -> Iterator[None]:
        """A place in memory for a body, while it arrives and is written."""
        if self._on_the_way + size > MOST_ON_THE_WAY:
            raise Unavailable("too many frames arrive at once.", where="intake", remedy="Send the frame again in a moment.")
        self._on_the_way += size
        try:
            yield
        finally:
            self._on_the_way -= size
