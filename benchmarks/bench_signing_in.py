"""Five hundred people sign in at the same moment, as at the start of a day: what it costs, how long they and others wait.

Over HTTP, two web processes, PostgreSQL. The floor is the password's hash alone; beside it, what the hashing library would take
by itself (64 MiB, three passes, four lanes), of a few and multiplied.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import httpx
from argon2 import PasswordHasher
from sqlalchemy import update

from api import passwords
from benchmarks.harness import Row
from benchmarks.marking_exam import add_markers, make_exam
from benchmarks.marking_house import marking_house, open_webs
from core.tables import User

PEOPLE, WEBS, FEW = 500, 2, 20
PASSWORD = "a password of some length"
MIB = 1024


def rows() -> list[Row]:
    with marking_house() as house:
        exam = make_exam(house.site, 20)
        markers = add_markers(house.site, exam, PEOPLE, signed_in=False)
        with house.site.database.write() as session:
            session.execute(update(User).values(password_hash=passwords.hashed(PASSWORD)))
        open_webs(house, WEBS)
        logins = [f"m{marker.id:06d}" for marker in markers]
        asyncio.run(_all_sign_in(house.url, logins[:8]))  # warm
        before, begun = house.cpu(), time.perf_counter()
        waits, others = asyncio.run(_all_sign_in(house.url, logins))
        seconds, after = time.perf_counter() - begun, house.cpu()
        memory = sum(_peak(process.pid) for kind, process in house.processes if kind == "web")
    alone = _cpu_of_one(passwords._hasher)
    return [
        Row.told(f"{PEOPLE} people sign in at once, {WEBS} web processes", seconds, "s"),
        Row.told("... CPU of the web processes", after["web"] - before["web"], "s"),
        Row.told("... over the hashes of their passwords alone", (after["web"] - before["web"]) / (PEOPLE * alone), "times"),
        Row.told("... those hashes as the library would make them by itself", PEOPLE * _cpu_of_one(PasswordHasher()), "s CPU"),
        Row.told("... half of the people wait at most", statistics.median(waits), "s"),
        Row.told("... most memory of the web processes together", memory, "MiB"),
        Row.told("... the longest that another request waited meanwhile", 1000 * max(others), "ms"),
        Row.told("... of those, the median", 1000 * statistics.median(others), "ms"),
    ]


async def _all_sign_in(url: str, logins: list[str]) -> tuple[list[float], list[float]]:
    """Seconds that each waited, and that somebody else waited for an answer from the database meanwhile."""
    limits = httpx.Limits(max_connections=len(logins), max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits, trust_env=False) as client:

        async def one(login: str) -> float:
            begun = time.perf_counter()
            reply = await client.post("/api/session", json={"login": login, "password": PASSWORD})
            reply.raise_for_status()
            return time.perf_counter() - begun

        signing = asyncio.gather(*(one(login) for login in logins))
        others = [await _health(url)]
        while not signing.done():
            others.append(await _health(url))
            await asyncio.sleep(0.05)
        return await signing, others


async def _health(url: str) -> float:
    async with httpx.AsyncClient(base_url=url, timeout=300, trust_env=False) as client:
        begun = time.perf_counter()
        (await client.get("/api/health")).raise_for_status()
        return time.perf_counter() - begun


def _cpu_of_one(hasher: PasswordHasher) -> float:
    kept, begun = hasher.hash(PASSWORD), time.process_time()
    for _ in range(FEW):
        hasher.verify(kept, PASSWORD)
    return (time.process_time() - begun) / FEW


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / MIB
