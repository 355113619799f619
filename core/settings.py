"""Where an installation keeps things: three addresses and a folder, from the environment.

MARKHALL_HOME          the folder of everything that is not elsewhere (default: ./markhall-data)
MARKHALL_DATABASE_URL  sqlite:///... (default: a file in the home) or postgresql://...
MARKHALL_REDIS_URL     redis://... or unix://...; empty: an embedded server is started on this machine
MARKHALL_STORE_URL     file:///... (default: a folder in the home)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path
    database_url: str
    redis_url: str  # empty: embedded
    store_url: str

    @classmethod
    def at(cls, home: Path, *, database_url: str = "", redis_url: str = "", store_url: str = "") -> Settings:
        home = home.resolve()
        return cls(
            home=home,
            database_url=database_url or f"sqlite:///{home / 'markhall.db'}",
            redis_url=redis_url,
            store_url=store_url or f"file://{home / 'pictures'}",
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        return cls.at(
            Path(environment.get("MARKHALL_HOME", "markhall-data")),
            database_url=environment.get("MARKHALL_DATABASE_URL", ""),
            redis_url=environment.get("MARKHALL_REDIS_URL", ""),
            store_url=environment.get("MARKHALL_STORE_URL", ""),
        )

    def as_environment(self) -> dict[str, str]:
        """What a child process needs to see the same installation."""
        return {
            "MARKHALL_HOME": str(self.home),
            "MARKHALL_DATABASE_URL": self.database_url,
            "MARKHALL_REDIS_URL": self.redis_url,
            "MARKHALL_STORE_URL": self.store_url,
        }
