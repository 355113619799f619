"""Whether a marker could tell seeds, own responses and second marks from first ones: 10,000 of each over HTTP, and a classifier.

One marker works at a time on an otherwise quiet server with PostgreSQL: what one request costs more than another shows at once.
An AUC of 0.5 is a coin; half of the tasks are learnt from, the others are guessed.
"""

from __future__ import annotations

import http.client
import json
import os
import random
from typing import Any

from sqlalchemy import select

from benchmarks.blind import FEATURES, Marker, Seen, by_feature, kinds, told_apart, work
from benchmarks.harness import Row
from benchmarks.marking_exam import CODE, PAPER, MarkingExam, add_markers, make_exam
from benchmarks.marking_house import marking_house, open_webs
from core.bulk import update_rows
from core.definition import parse_definition
from core.ids import new_token
from core.site import Site
from core.tables import Role, Task
from marking import seeds

EACH = int(os.environ.get("MARKHALL_BLIND_EACH", "10000"))
MARKERS, GOAL = 100, 0.52  # so many that a second passes between two tasks of one: what is due is given once a second
DEFINITION = """
exam: BENCH
title: Blind
quality:
  seeds: {first_of_day: true, one_in: 2, stop_after: null}
  self_marks: {one_in: 2, after_marks: 5, after_minutes: 0}
papers:
  - code: M
    title: Mathematics
    written:
      - {id: W24, title: Question 24, items: [{id: "24", marks: 12}], scheme: {name: 2+1+1, tolerance: {marks: 1}, reading: either}}
"""


def rows() -> list[Row]:
    needed = 3 * EACH // MARKERS + 1  # seeds; nobody meets one twice, and they must not run out: hours differ in speed
    with marking_house() as house:
        exam = make_exam(house.site, 2 * EACH + needed, parse_definition(DEFINITION, where="benchmark"))
        _name_anew(house.site)
        people = add_markers(house.site, exam, MARKERS + 1)
        _make_seeds(house.site, exam, people[-1].id, needed)
        address = open_webs(house, 1)
        seen = _work(address, [person.token for person in people[:MARKERS]])
        # At first nobody has an own response that is old enough, nor is a second mark due: how far a day has gone tells no task.
        found = kinds(house.site, list(seen.rows)[len(seen.rows) // 4 :])
    return _judged(seen, found)


def _name_anew(site: Site) -> None:
    """Tokens as the engine makes them: those of the benchmark's exam are drawn in the database, and other letters stand in them."""
    with site.database.write() as session:
        update_rows(session, Task, [{"id": task_id, "token": new_token()} for task_id in session.scalars(select(Task.id))])


def _make_seeds(site: Site, exam: MarkingExam, chief: int, count: int) -> None:
    with site.database.write() as session:
        session.add(Role(user_id=chief, role="arbiter", exam_id=exam.exam_id, scope=""))
    made = 0
    while made < count:
        for one in seeds.candidates(site, exam.exam_id, chief, PAPER, "W24", 50)[: count - made]:
            seeds.propose(site, exam.exam_id, chief, one.response, "live", {"24": "6"})
            made += 1


def _work(address: tuple[str, int], tokens: list[str]) -> Seen:
    lines = [http.client.HTTPConnection(*address, timeout=60) for _ in tokens]

    def post(n: int, path: str, body: dict[str, Any]) -> tuple[int, int, bytes]:
        headers = {"Authorization": f"Bearer {tokens[n]}", "Content-Type": "application/json"}
        try:
            lines[n].request("POST", f"/api/marking/{CODE}/{path}", json.dumps(body), headers)
            reply = lines[n].getresponse()
        except (ConnectionError, http.client.HTTPException):  # it was idle for long; a mark may be sent twice under its key
            lines[n].close()
            lines[n].request("POST", f"/api/marking/{CODE}/{path}", json.dumps(body), headers)
            reply = lines[n].getresponse()
        data = reply.read()
        heads = sum(len(k) + len(v) for k, v in reply.getheaders() if k.lower() != "content-length")
        return reply.status, heads, data

    seen, markers = Seen(), [Marker(n, random.Random(n)) for n in range(len(tokens))]
    draw = random.Random(5)
    left = 16 * EACH // 3
    while left > 0 and markers:
        draw.shuffle(markers)  # each in turn, as people who read take about as long as each other
        left -= len(markers)
        markers = [marker for marker in markers if work(post, marker, f"{PAPER}/W24", _mark, seen)]
    return seen


def _mark(rng: random.Random) -> dict[str, Any]:
    return {"24": str(rng.choice((4, 5, 6, 7, 8)))}


def _judged(seen: Seen, found: dict[str, list[str]]) -> list[Row]:
    made: list[Row] = []
    first = seen.matrix(found["live"])
    for kind, name in (("seed", "seeds"), ("self", "own responses again"), ("second", "second and third marks")):
        other = seen.matrix(found[kind])
        made.append(Row.judged(f"blind, {name} told from first marks", told_apart(other, first), "below", GOAL, "AUC"))
        worst = max(by_feature(other, first).items(), key=lambda pair: pair[1])
        made.append(Row.told(f"blind, {name}, by {worst[0]} alone", worst[1], "AUC"))
        made.append(Row.told(f"blind, {name}", float(len(other)), "tasks"))
    made.append(Row.told("blind, first marks", float(len(first)), "tasks"))
    made.append(Row.told("blind, features of each", float(len(FEATURES)), ""))
    return made
