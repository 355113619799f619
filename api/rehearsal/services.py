"""The rehearsal's servers: `markhall up` as any office starts it, and the CPU time that each kind of its processes took."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text

from api.demo.services import Services
from core.errors import Conflict
from core.settings import Settings
from core.site import Site
from core.tables import Exam

_TICK = os.sysconf("SC_CLK_TCK")
_KINDS = (("serve", "web"), ("worker", "readers"), ("measures", "measures"))
_QUEUES = ("valkey-server", "redis-server")


def settings_at(home: Path, environment: dict[str, str]) -> Settings:
    """An installation of its own in `home`, with the database and the queue server that the environment names, if it does."""
    return Settings.at(home, database_url=environment.get("MARKHALL_DATABASE_URL", ""), redis_url=environment.get("MARKHALL_REDIS_URL", ""))


def require_empty(site: Site) -> None:
    """A rehearsal never touches an installation that holds something."""
    with site.database.read() as session:
        if session.query(Exam.id).first() is not None:
            raise Conflict(
                "the database holds an exam.", where="MARKHALL_DATABASE_URL", remedy="Name an empty database for the rehearsal, or none."
            )
    if site.settings.redis_url and int(site.redis.dbsize()):
        raise Conflict(
            "the queue server holds something.", where="MARKHALL_REDIS_URL", remedy="Name an empty one for the rehearsal, or none."
        )


class House(Services):
    """The servers, and where they are found."""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 80)

    def cpu(self, site: Site) -> dict[str, float]:
        """CPU seconds so far by kind of process. A database on another machine is not in it."""
        found: dict[str, float] = {}
        for pid in [self._process.pid, *_below(self._process.pid)]:
            kind = _kind_of(pid)
            found[kind] = found.get(kind, 0.0) + _seconds(pid)
        postmaster = _postmaster(site)
        if postmaster is not None:
            found["database"] = sum(_seconds(pid) for pid in [postmaster, *_below(postmaster)])
        own = os.times()
        return found | {"people": own.user + own.system}


def queue_bytes(site: Site) -> int:
    """What the queue server has in use."""
    return int(site.redis.info("memory")["used_memory"])


def _postmaster(site: Site) -> int | None:
    """The process that all of PostgreSQL's are children of, when it runs on this machine."""
    if site.database.is_sqlite:
        return None
    with site.database.read() as session:
        pid = int(session.scalar(text("SELECT pg_backend_pid()")) or 0)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(fields.rsplit(")", 1)[1].split()[1]) if "(postgres" in fields else None


def _below(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [one for child in children for one in (child, *_below(child))]


def _seconds(pid: int) -> float:
    """Of a process, with those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK


def _kind_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "other"
    return "queue" if name in _QUEUES else next((kind for word, kind in _KINDS if word in words[:5]), "other")
