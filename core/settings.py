"""Where an installation keeps things: three addresses and a folder, from the environment.

MARKHALL_HOME            the folder of everything that is not elsewhere (default: ./markhall-data)
MARKHALL_DATABASE_URL    sqlite:///... (default: a file in the home) or postgresql://...
MARKHALL_REDIS_URL       redis://... or unix://...; empty: an embedded server is started on this machine
MARKHALL_STORE_URL       file:///... (default: a folder in the home)
MARKHALL_STATION_FRAMES  requests a second that one station may send to one web process (default: 500)
MARKHALL_STATION_MIB     and MiB a second (default: 256); beyond either a station is told to wait (429)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput

STATION_FRAMES, STATION_MIB = 500, 256


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path
    database_url: str
    redis_url: str  # empty: embedded
    store_url: str
    station_frames: int = STATION_FRAMES  # requests a second
    station_mib: int = STATION_MIB  # MiB a second

    @classmethod
    def at(
        cls,
        home: Path,
        *,
        database_url: str = "",
        redis_url: str = "",
        store_url: str = "",
        station_frames: int = STATION_FRAMES,
        station_mib: int = STATION_MIB,
    ) -> Settings:
        home = home.resolve()
        return cls(
            home=home,
            database_url=database_url or f"sqlite:///{home / 'markhall.db'}",
            redis_url=redis_url,
            store_url=store_url or f"file://{home / 'pictures'}",
            station_frames=station_frames,
            station_mib=station_mib,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        return cls.at(
            Path(environment.get("MARKHALL_HOME", "markhall-data")),
            database_url=environment.get("MARKHALL_DATABASE_URL", ""),
            redis_url=environment.get("MARKHALL_REDIS_URL", ""),
            store_url=environment.get("MARKHALL_STORE_URL", ""),
            station_frames=_rate(environment, "MARKHALL_STATION_FRAMES", STATION_FRAMES),
            station_mib=_rate(environment, "MARKHALL_STATION_MIB", STATION_MIB),
        )

    def as_environment(self) -> dict[str, str]:
        """What a child process needs to see the same installation."""
        return {
            "MARKHALL_HOME": str(self.home),
            "MARKHALL_DATABASE_URL": self.database_url,
            "MARKHALL_REDIS_URL": self.redis_url,
            "MARKHALL_STORE_URL": self.store_url,
            "MARKHALL_STATION_FRAMES": str(self.station_frames),
            "MARKHALL_STATION_MIB": str(self.station_mib),
        }


def _rate(environment: Mapping[str, str], name: str, default: int) -> int:
    said = environment.get(name, "").strip() or str(default)
    if not said.isascii() or not said.isdigit() or not 1 <= int(said) <= 1_000_000:
        raise BadInput(f"{said} is no rate.", where=name, remedy="Use a whole number from 1 to 1,000,000.")
    return int(said)
