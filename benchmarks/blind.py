"""Can a marker tell a seed, an own response or a second mark from a first one by anything that the server sends?

Markers work one after the other on an otherwise quiet server, which is the worst case for time. Of every task all that came
over the wire is kept as features; a classifier learns from half of them what the task was, and is tried on the other half.
"""

from __future__ import annotations

import json
import random
import string
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from core.site import Site
from core.states import TaskPurpose
from core.tables import Task

BINS = 25
FEATURES = (
    "task bytes", "reply bytes", "header bytes", "token length", "token digits", "token capitals", "token first", "token last",
    "picture address bytes", "pictures", "place in the reply", "tasks in the reply", "keys", "lease", "open less before",
    "time until given", "time until kept",
)  # fmt: skip
TIMES = ("time until given", "time until kept")
Post = Callable[[int, str, dict[str, Any]], tuple[int, int, bytes]]  # marker, path, body -> status, header bytes, body
Vector = NDArray[np.float64]


@dataclass
class Seen:
    """All tasks that were met: a row of features each, by token."""

    rows: dict[str, list[float]] = field(default_factory=dict)

    def matrix(self, tokens: Sequence[str]) -> NDArray[np.float64]:
        return np.array([self.rows[token] for token in tokens])


@dataclass
class Marker:
    number: int
    rng: random.Random
    task: str = ""
    open: int = 0
    given: float = 0.0  # seconds that the reply took which brought the task


def work(post: Post, marker: Marker, group: str, mark: Callable[[random.Random], dict[str, Any]], seen: Seen) -> bool:
    """One task more: its mark is sent, the next comes with the reply. False when there is none."""
    body: dict[str, Any] = {"group": group, "hold": 1}
    path = "next"
    if marker.task:
        path, body = "marks", {**body, "task": marker.task, "key": str(uuid4()), "marks": mark(marker.rng), "seconds": 20.0}
    begun = time.perf_counter()
    status, heads, data = post(marker.number, path, body)
    took = time.perf_counter() - begun
    if status == 403:
        return False
    assert status == 200, data
    reply = json.loads(data)
    if marker.task:
        seen.rows[marker.task][-1] = took
    if not reply["tasks"]:
        marker.task = ""
        return False
    task = reply["tasks"][0]
    marker.task, before, marker.open = task["task"], marker.open, reply["open"]
    seen.rows[marker.task] = [*_features(task, reply, data, heads), before - reply["open"], took, 0.0]
    return True


def _features(task: dict[str, Any], reply: dict[str, Any], data: bytes, heads: int) -> list[float]:
    token = str(task["task"])
    said = json.dumps(task, ensure_ascii=False)
    return [
        len(said),
        len(data) - len(str(reply["open"])),
        heads,
        len(token),
        sum(c in string.digits for c in token),
        sum(c in string.ascii_uppercase for c in token),
        ord(token[0]),
        ord(token[-1]),
        sum(len(p["url"]) for p in task["pictures"]),
        len(task["pictures"]),
        reply["tasks"].index(task),
        len(reply["tasks"]),
        len(task),
        task["lease_seconds"],
    ]


def kinds(site: Site, tokens: Sequence[str]) -> dict[str, list[str]]:
    """What the tasks were: live (a first mark), second (a later one), seed, self."""
    found: dict[str, list[str]] = defaultdict(list)
    with site.database.read() as session:
        for start in range(0, len(tokens), 1000):
            query = select(Task.token, Task.purpose, Task.ordinal).where(Task.token.in_(tokens[start : start + 1000]))
            for token, purpose, ordinal in session.execute(query):
                kind = str(purpose) if purpose is not TaskPurpose.LIVE else "live" if ordinal == 1 else "second"
                found[kind].append(token)
    return dict(found)


def auc(scores: Vector, is_one: NDArray[np.bool_]) -> float:
    """The chance that one of the kind scores above one of the others; ties count half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.bincount(inverse, weights=ranks) / counts)[inverse]
    ones = int(is_one.sum())
    return float((ranks[is_one].sum() - ones * (ones + 1) / 2) / (ones * (len(scores) - ones)))


def told_apart(one: NDArray[np.float64], other: NDArray[np.float64], seed: int = 1) -> float:
    """AUC of a naive Bayes classifier on quantile bins of all features, learnt on half and tried on the other half."""
    values = np.vstack([one, other])
    is_one = np.arange(len(values)) < len(one)
    learn = np.random.default_rng(seed).random(len(values)) < 0.5
    scores = np.zeros(len(values))
    for column in values.T:
        edges = np.unique(np.quantile(column[learn], np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, column, side="right")
        hits = np.bincount(bins[learn & is_one], minlength=len(edges) + 1) + 1.0
        misses = np.bincount(bins[learn & ~is_one], minlength=len(edges) + 1) + 1.0
        scores += np.log(hits / hits.sum() / (misses / misses.sum()))[bins]
    return auc(scores[~learn], is_one[~learn])


def by_feature(one: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    """Of each feature alone; 0.5 to 1, whichever way it points."""
    is_one = np.arange(len(one) + len(other)) < len(one)
    found = {name: auc(np.concatenate([one[:, n], other[:, n]]), is_one) for n, name in enumerate(FEATURES)}
    return {name: max(value, 1 - value) for name, value in found.items()}
