"""Measures of markers while they mark: how soon a mark is seen, what following a thousand marks a second costs, and a start.

PostgreSQL as in production, 3,500 markers in five item groups, two hundred thousand marks there already; `markhall measures`
runs as it always does. A writer of its own puts marks in, a tenth of a second's at a time. The floor is the cheapest follower
that there could be: the same rows fetched, and nothing done with them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from sqlalchemy import func, select, text

from benchmarks.harness import Row
from benchmarks.installation import Installation
from benchmarks.marking_exam import PAPER, MarkingExam, add_markers, make_exam, scripts_for
from benchmarks.marking_house import marking_house
from core.tables import Mark
from marking import readings, snapshot
from marking.live import Live

MARKERS = 3_500
THERE = int(os.environ.get("MEASURES_THERE", "200000"))  # marks before it begins
RATE, SECONDS = 1_000, 30
PART = 100  # marks a transaction
WHOLE = 10_000_000
GOAL_SECONDS, GOAL_SHARE, GOAL_START = 5.0, 0.10, 180.0
_TICKS = os.sysconf("SC_CLK_TCK")

# Every task of a first slot becomes a mark, by a marker of its group; ability and noise from the numbers themselves.
_FILL = """
INSERT INTO marks (exam_id, response_id, task_id, marker_id, purpose, level, revision, state, values, shown, key, seconds, at)
SELECT t.exam_id, t.response_id, t.id,
       m.ids[1 + (hashint8(t.response_id)::bigint + 2147483648 + t.ordinal) % cardinality(m.ids)],
       'live', 'marker', 1, 'counted',
       CASE t."group" WHEN 'W25' THEN jsonb_build_object('25', jsonb_build_object('25a', 100 * (v.v % 7), '25b', 100 * (v.v % 11)))
                      ELSE jsonb_build_object(substr(t."group", 2), 100 * (v.v % 9)) END,
       '[]', 'b' || t.id, 5 + t.id % 60, now() - interval '4 hours' * random()
FROM (SELECT * FROM tasks WHERE state = 'open' ORDER BY shuffle LIMIT :n) t
JOIN (SELECT split_part(scope, '/', 2) AS name, array_agg(user_id) AS ids FROM roles GROUP BY scope) m ON m.name = t."group"
CROSS JOIN LATERAL (SELECT abs(hashint8(t.response_id)::bigint) + t.id % 2 AS v) v
"""
_FILL = " ".join(_FILL.split())
_NOW_DONE = "UPDATE tasks SET state = 'done' WHERE id IN (SELECT task_id FROM marks)"


def rows() -> list[Row]:
    with marking_house() as house:
        exam = make_exam(house.site, scripts_for(THERE + RATE * (SECONDS + 10) + 1000))
        add_markers(house.site, exam, MARKERS, signed_in=False)
        _fill(house, THERE)
        start, bare = _start(house), _bare(house)
        house.site.redis.flushall()  # what that start published
        began = time.monotonic()
        with _following(house) as process:
            _await(house, exam, THERE)
            idle = _share(process, 10)
            delays, share = _under_load(house, exam, process)
            beside = _cpu(process, of_children=True) / (time.monotonic() - began)
    return [
        Row.judged("a mark is seen in the measures, median", statistics.median(delays), "below", GOAL_SECONDS, "s"),
        Row.judged("... the slowest of the run", max(delays), "below", GOAL_SECONDS, "s"),
        Row.judged(f"following {RATE:,} marks a second of {MARKERS:,} markers", share, "below", GOAL_SHARE, "of a core"),
        Row.told("... when nobody marks", idle, "of a core"),
        Row.told("... severities, estimated in a process beside it", beside, "of a core"),
        Row.told("... over only fetching the same rows", share / (bare * RATE), "times"),
        Row.judged(f"a start with {WHOLE / 1e6:.0f} million marks, by those of {THERE:,}", start * WHOLE, "below", GOAL_START, "s CPU"),
    ]


def _fill(house: Installation, count: int) -> None:
    with house.site.database.engine.begin() as connection:
        connection.execute(text(_FILL), {"n": count})
        connection.execute(text(_NOW_DONE))
    with house.site.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _start(house: Installation) -> float:
    """CPU seconds of this process a mark, from nothing to the first snapshot."""
    began, live = time.process_time(), Live(house.site)
    count = live.read()
    live.publish()
    live.close()
    return (time.process_time() - began) / count


def _bare(house: Installation) -> float:
    """CPU seconds a row to fetch them by a thousand and count them."""
    with house.site.database.read() as session:
        query = readings.marks_query(sqlite=False).where(*readings.MEASURED_MARKS).order_by(Mark.id)
        began, after, count = time.process_time(), 0, 0
        for _ in range(30):
            found = session.execute(query.where(Mark.id > after).limit(RATE)).all()
            after, count = found[-1][0], count + len(found)
        return (time.process_time() - began) / count


@contextmanager
def _following(house: Installation) -> Iterator[subprocess.Popen[bytes]]:
    yield house.start("measures", "measures")


def _under_load(house: Installation, exam: MarkingExam, process: subprocess.Popen[bytes]) -> tuple[list[float], float]:
    """How long each second's last mark took to be seen, and the follower's share of a core meanwhile."""
    parts = _parts(house)
    committed: list[tuple[float, int]] = []
    seen: list[tuple[float, int]] = []
    with house.site.database.read() as session:
        count = session.scalar(select(func.count()).select_from(Mark)) or 0
    began, cpu = time.monotonic(), _cpu(process)
    for n, part in enumerate(islice(parts, RATE * SECONDS // PART), start=1):
        count += _insert(house, part)
        committed.append((time.monotonic(), count))
        if n % 3 == 0:
            seen.append((time.monotonic(), _published(house, exam)))
        time.sleep(max(0.0, began + n * PART / RATE - time.monotonic()))
    share = (_cpu(process) - cpu) / (time.monotonic() - began)
    while not seen or seen[-1][1] < count:
        if time.monotonic() - committed[-1][0] > 60:
            raise RuntimeError(f"{count - seen[-1][1]} marks were never seen")
        seen.append((time.monotonic(), _published(house, exam)))
        time.sleep(0.1)
    return [next(at for at, n in seen if n >= number) - then for then, number in committed[9::10]], share


def _parts(house: Installation) -> Iterator[list[int]]:
    """Tasks that are open, so many at a time."""
    with house.site.database.engine.connect() as connection:
        open_now = list(
            connection.scalars(text("SELECT id FROM tasks WHERE state = 'open' ORDER BY shuffle LIMIT :n"), {"n": RATE * SECONDS})
        )
    for start in range(0, len(open_now), PART):
        yield open_now[start : start + PART]


def _insert(house: Installation, tasks: list[int]) -> int:
    statement = _FILL.replace("WHERE state = 'open' ORDER BY shuffle LIMIT :n", "WHERE id = ANY(:ids)")
    statement = statement.replace("now() - interval '4 hours' * random()", "now()")
    with house.site.database.engine.begin() as connection:
        return connection.execute(text(statement), {"ids": tasks}).rowcount


def _published(house: Installation, exam: MarkingExam) -> int:
    read = (snapshot.read(house.site.redis, exam.exam_id, PAPER, group) for group in exam.groups)
    return sum(int(one["whole"]["group"]["n"]) for one in read if one)


def _await(house: Installation, exam: MarkingExam, count: int) -> None:
    until = time.monotonic() + 120
    while _published(house, exam) < count:
        if time.monotonic() > until:
            raise RuntimeError((house.settings.home / "measures.log").read_text(errors="replace")[-2000:])
        time.sleep(0.2)


def _share(process: subprocess.Popen[bytes], seconds: float) -> float:
    began, cpu = time.monotonic(), _cpu(process)
    time.sleep(seconds)
    return (_cpu(process) - cpu) / (time.monotonic() - began)


def _cpu(process: subprocess.Popen[bytes], *, of_children: bool = False) -> float:
    with open(f"/proc/{process.pid}/stat") as stat:
        words = stat.read().rpartition(")")[2].split()
    first = 13 if of_children else 11
    return (int(words[first]) + int(words[first + 1])) / _TICKS
