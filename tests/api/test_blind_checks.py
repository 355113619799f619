"""Nothing that a marker is sent tells a seed, an own response or a second mark from a first one: over HTTP, byte by byte."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.auth import add_user, grant_role
from benchmarks.blind import FEATURES, TIMES, Marker, Seen, auc, by_feature, kinds, told_apart, work
from marking import intake
from marking.giving import give
from tests.api.conftest import PASSWORD, sign_in
from tests.marking.exams import Hall, open_hall, read_all
from tests.marking.watching_room import make_seeds, watched

RULES = "{seeds: {first_of_day: true, one_in: 3, stop_after: null}, self_marks: {one_in: 3, after_marks: 2, after_minutes: 0}}"
SCHEME = "{name: 2+1+1, tolerance: {marks: 1}, reading: either}"
PEOPLE, SCRIPTS, SEEDS = 4, 60, 15


@pytest.fixture
def hall(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[Hall]:
    made = open_hall(tmp_path, sqlite_url, redis_url, watched(RULES, SCHEME), scripts=SCRIPTS, schools=("S1",), durable=False)
    read_all(made)
    intake.sweep(made.site, made.exam_id)
    make_seeds(made, made.person("arbiter"), "live", SEEDS)
    for n in range(PEOPLE):
        add_user(made.site, f"m{n}", f"m{n}", PASSWORD)
        grant_role(made.site, f"m{n}", "marker", "T")
    yield made
    made.site.close()


@pytest.fixture
def client(hall: Hall, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(hall.site, sweep=False)) as opened:
        yield opened


def test_every_kind_of_task_looks_alike_over_http(hall: Hall, client: TestClient) -> None:
    headers = [sign_in(client, f"m{n}") for n in range(PEOPLE)]
    forms: set[str] = set()
    heads: set[tuple[str, ...]] = set()

    def post(n: int, path: str, body: dict[str, Any]) -> tuple[int, int, bytes]:
        reply = client.post(f"/api/marking/T/{path}", headers=headers[n], json=body)
        heads.add(tuple(f"{k}: {v}" for k, v in reply.headers.items() if k != "content-length"))
        for task in reply.json().get("tasks", ()):
            forms.add(json.dumps(shape(task)))
        return reply.status_code, len(str(reply.headers)), reply.content

    seen, markers = Seen(), [Marker(n, random.Random(n)) for n in range(PEOPLE)]
    going = markers
    while going:
        give(hall.site, hall.exam_id)
        going = [m for m in going if work(post, m, "M/W21", lambda rng: {"21": str(rng.choice((4, 5, 6, 7)))}, seen)]
    found = kinds(hall.site, list(seen.rows))
    assert {"live", "second", "seed", "self"} == set(found)
    assert min(len(tokens) for tokens in found.values()) >= 25
    assert len(forms) == 1, "a task has another form than the others"
    assert len(heads) == 1, "a reply has other headers than the others"
    constant = [n for n, name in enumerate(FEATURES) if not name.startswith(("token ", "open", "time", "reply bytes", "header bytes"))]
    live = seen.matrix(found["live"])
    for kind in ("second", "seed", "self"):
        other = seen.matrix(found[kind])
        assert (live[:, constant].max(axis=0) == other[:, constant].max(axis=0)).all(), kind
        assert (live[:, constant].min(axis=0) == other[:, constant].min(axis=0)).all(), kind


def shape(value: Any) -> Any:
    """Keys in their order, and of every text its length; the two that are drawn are looked at by their form."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value]
    return [type(value).__name__, len(str(value))] if isinstance(value, str) else value


def test_the_classifier_finds_what_is_there_and_nothing_that_is_not() -> None:
    rng = np.random.default_rng(7)
    blank, other = rng.normal(size=(4000, len(FEATURES))), rng.normal(size=(4000, len(FEATURES)))
    assert abs(told_apart(blank, other) - 0.5) < 0.03
    other[:, 3] = rng.normal(scale=2.0, size=4000)  # neither more nor less, but wider
    assert told_apart(blank, other) > 0.6
    assert by_feature(blank, other + 1.0)["task bytes"] > 0.7
    assert auc(np.array([1.0, 1.0, 2.0, 0.0]), np.array([True, False, True, False])) == 0.875
    assert set(TIMES) < set(FEATURES)
