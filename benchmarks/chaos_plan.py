"""Which blow falls when: drawn from a seed before a round begins, so that the same seed deals the same blows."""

from __future__ import annotations

import random
from dataclasses import dataclass

VICTIMS = ("station", "web", "worker", "valkey", "postgres")
"""What kill -9 may hit."""
OTHERS = ("flush", "away", "sleeper", "full", "read_only")
"""Redis flushed; the database stopped for a while; a reader stopped until its chunk is another's, then woken; the store's
disk full; the store read-only."""
DISK = ("full", "read_only")
SHORTEST, LONGEST = 0.2, 2.5  # seconds between two blows
LASTS = 3.0  # seconds that a full disk lasts, or a database stays away


@dataclass(frozen=True, slots=True)
class Blow:
    after: float  # seconds since the blow before
    kind: str
    which: int  # among the processes of the kind that are running then, modulo their number
    lasts: float = 0.0

    @property
    def kills(self) -> bool:
        return self.kind in VICTIMS


def plan_round(
    seed: int, number: int, kills: int, others: tuple[str, ...], *, victims: tuple[str, ...] = VICTIMS, lasts: float = LASTS
) -> list[Blow]:
    """The blows of one round in their order: `kills` of them kill -9, each of `others` once, at seeded places between them."""
    dice = random.Random(f"chaos {seed} {number}")

    def blow(kind: str) -> Blow:
        return Blow(dice.uniform(SHORTEST, LONGEST), kind, dice.randrange(1000), lasts if kind not in VICTIMS else 0.0)

    blows = [blow(dice.choice(victims)) for _ in range(kills)]
    for kind in others:
        blows.insert(dice.randrange(len(blows) + 1), blow(kind))
    return blows


def others_of(number: int) -> tuple[str, ...]:
    """Which other blows a round gets: all of them come by in five rounds."""
    return (OTHERS[number % len(OTHERS)],)
