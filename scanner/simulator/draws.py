"""Seeded chance: every decision has its own stream, named by what it decides.

So a side comes out the same whatever was drawn before it, in whatever process. Owns no rate.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from scanner.simulator.rates import Pair


def stream(*key: str | int) -> np.random.Generator:
    """The random stream that belongs to `key` and to nothing else."""
    digest = blake2b("\x1f".join(str(part) for part in key).encode(), digest_size=16).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def within(rng: np.random.Generator, span: Pair) -> float:
    return float(rng.uniform(*span))


def signed(rng: np.random.Generator, span: Pair) -> float:
    """A size within `span`, to either side."""
    size = within(rng, span)
    return size if rng.random() < 0.5 else -size


def happens(rng: np.random.Generator, chance: float) -> bool:
    return bool(rng.random() < chance)
