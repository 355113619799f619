"""Measures follow the database: whatever is written in whatever order is counted once, and what changes is put right."""

import json
import random
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.tables import Mark
from marking import changed, live, severing, snapshot, tailing
from marking.keeper import Keeper
from marking.live import Live
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group
from tests.marking.tallies import Made, slow_item, slow_third
from tests.marking.watched_exam import change_states, make_responses, task_of, write_check, write_marks

PAIR_OF_TWO = one_group("{name: 2+1+1, tolerance: {marks: 1}}", '[{id: "21", marks: 10}, {id: "22", marks: 4, step: 0.5}]')


@pytest.fixture
def now_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look looks at everything again, so that a test need not wait half a minute."""
    monkeypatch.setattr(live, "LOOK_AT_EXAMS", -1.0)
    monkeypatch.setattr(changed, "AGAIN", 0.0)


def opened(open_exam: OpenHall, groups: str = PAIR_OF_TWO, markers: int = 4) -> tuple[Hall, list[int]]:
    hall = open_exam(groups, sweep=False)
    return hall, [hall.person("marker") for _ in range(markers)]


def history(rng: random.Random, responses: list[int], markers: list[int], first: int) -> list[Made]:
    """Marks under numbers from `first` on."""
    found: list[Made] = []
    for response in responses:
        for slot, who in enumerate(rng.sample(markers, rng.choice((1, 2, 2, 3))), start=1):
            values = {"21": 100 * rng.randint(3, 8), "22": 50 * rng.randint(0, 8)}
            purpose = rng.choice(("live",) * 6 + ("seed", "self"))
            state = rng.choice(("counted",) * 5 + ("surplus",))
            number = first + len(found)
            found.append(Made(number, response, task_of(response, slot), who, values, purpose, state, rng.randint(0, 2), 100 * number))
    return found


def check(hall: Hall, followed: Live, marks: list[Made]) -> None:
    tally = next(t for where, t in followed.tallies() if where[1:] == ("M", "W21"))
    group = hall.definition.papers[0].written[0]
    followed.publish()
    read = snapshot.read(hall.site.redis, hall.exam_id, "M", "W21") or {"markers": []}
    for at, user in enumerate(read["markers"]):
        work = [m for m in marks if m.marker == user and m.good]
        whole = read["whole"]["markers"]
        assert whole["n"][at] == len(work)
        assert near(whole["seconds"][at], sum(m.milliseconds for m in work) / 1000 / len(work) if work else None)
        assert near(whole["third_rate"][at], slow_third(group, user, marks))
        for item in group.items:
            slow = slow_item(group, item.id, user, marks)
            shown = read["items"][item.id]["markers"]
            assert [n for n in slow if not near(shown[n][at], slow[n])] == []
    assert set(read["markers"]) >= {m.marker for m in marks}
    assert len(tally.users) == len(read["markers"])


def near(shown: float | None, value: float | None) -> bool:
    """The snapshot writes four digits, and nothing where there is nothing."""
    return shown is None if value is None or value != value else shown is not None and abs(shown - value) < 6e-5


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 32))
def _histories(hall: Hall, markers: list[int], seed: int) -> None:
    rng = random.Random(seed)
    followed = Live(hall.site)
    followed.read()
    base = max((int(t.id.all.max(initial=0)) for _, t in followed.tallies()), default=0) + 1
    there = _already(followed, hall)
    coming = history(rng, make_responses(hall, rng.randint(1, 8)), markers, base)
    while coming:
        # Some commit later than others whose numbers are higher.
        now = [m for m in coming if rng.random() < 0.6]
        coming = [m for m in coming if m not in now]
        write_marks(hall, now)
        there |= {m.id: m for m in now}
        if rng.random() < 0.7:
            followed.read()
        mine = [i for i in there if i >= base]
        changed = {i: rng.choice(["void", "revised", "surplus", "counted"]) for i in rng.sample(mine, min(len(mine), rng.randint(0, 3)))}
        if changed:
            change_states(hall, changed)
            there |= {i: replace(there[i], state=s) for i, s in changed.items()}
    followed.read()
    check(hall, followed, list(there.values()))
    fresh = Live(hall.site)
    fresh.read()
    check(hall, fresh, list(there.values()))
    followed.close()
    fresh.close()


def _already(followed: Live, hall: Hall) -> dict[int, Made]:
    """The marks of earlier examples in the same database."""
    began = hall.clock.at.replace(minute=0, second=0, microsecond=0)
    with hall.site.database.read() as session:
        return {
            m.id: Made(
                m.id,
                m.response_id,
                m.task_id,
                m.marker_id,
                m.values,
                str(m.purpose),
                str(m.state),
                int((m.at - began).total_seconds() // 3600),
                round(m.seconds * 1000),
            )
            for m in session.scalars(select(Mark))
        }


def test_measures_equal_a_slow_recomputation_for_any_history(open_anywhere: OpenHall, now_and_again: None) -> None:
    hall, markers = opened(open_anywhere)
    _histories(hall, markers)


def test_a_mark_that_commits_after_one_with_a_higher_number_is_counted_within_seconds(open_anywhere: OpenHall) -> None:
    hall, (one, two, *_) = opened(open_anywhere)
    (response,) = make_responses(hall, 1)
    early = Made(500, response, task_of(response, 1), one, {"21": 500, "22": 100})
    late = Made(400, response, task_of(response, 2), two, {"21": 600, "22": 100})
    followed = Live(hall.site)
    write_marks(hall, [early])
    assert followed.read() == 1
    write_marks(hall, [late])
    assert followed.read() == 1
    assert followed.read() == 0
    check(hall, followed, [early, late])


def test_a_mark_that_commits_later_than_any_transaction_should_is_found_by_the_look_over_everything(
    open_exam: OpenHall,
) -> None:
    hall, (one, two, *_) = opened(open_exam)
    (response,) = make_responses(hall, 1)
    passed = [0.0]
    followed = Live(hall.site)
    followed._marks._clock = lambda: passed[0]
    followed._marks._looked = 0.0
    write_marks(hall, [Made(20_000, response, task_of(response, 1), one, {"21": 500, "22": 100})])
    assert followed.read() == 1
    passed[0] = 100.0
    assert followed.read() == 0
    write_marks(hall, [Made(7, response, task_of(response, 2), two, {"21": 600, "22": 100})])
    passed[0] = 101.0
    assert followed.read() == 0
    passed[0] = tailing.LOOK_ALL + 1
    assert followed.read() == 1


def test_checks_count_by_live_seeds_and_own_marks_though_they_are_read_before_their_mark(open_anywhere: OpenHall) -> None:
    hall, (one, *_) = opened(open_anywhere)
    (response,) = make_responses(hall, 1)
    seed = Made(3, response, task_of(response, 1), one, {"21": 500, "22": 100}, "seed")
    again = replace(seed, id=4, purpose="self", task=task_of(response, 2))
    trial = replace(seed, id=5, purpose="trial", task=task_of(response, 3))
    write_marks(hall, [seed, again, trial])
    write_check(hall, seed, {"21": -200, "22": 50})
    write_check(hall, again, {"21": 100, "22": 0}, "self")
    write_check(hall, trial, {"21": 900, "22": 0}, use="trial")
    followed = Live(hall.site)
    with pytest.MonkeyPatch.context() as once:
        once.setattr(followed._marks, "rows", lambda session: iter(()))
        followed.read()
    followed.read()
    followed.publish()
    read = snapshot.read(hall.site.redis, hall.exam_id, "M", "W21")
    assert read is not None
    item = {name: column[0] for name, column in read["items"]["21"]["markers"].items()}
    assert (item["seeds"], item["bias"], item["error"], item["expert_consistency"]) == (1, -2.0, 2.0, 0.0)
    assert (item["selves"], item["self_consistency"]) == (1, 1.0)
    assert read["whole"]["markers"]["n"] == [2]


def test_the_snapshot_is_plain_json_and_says_when(open_exam: OpenHall) -> None:
    hall, (one, *_) = opened(open_exam)
    (response,) = make_responses(hall, 1)
    write_marks(hall, [Made(1, response, task_of(response, 1), one, {"21": 500, "22": 100})])
    followed = Live(hall.site)
    followed.read()
    assert followed.publish() == 1
    assert followed.publish() == 0  # nothing new
    text = cast("bytes", hall.site.redis.get(snapshot.key(hall.exam_id, "M", "W21")))
    read = json.loads(text)
    assert read["at"].startswith("2026-06-08T09:")
    assert read["markers"] == [one]
    assert read["items"]["21"]["markers"]["kappa"] == [None]
    assert read["items"]["21"]["spread"] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert snapshot.read(hall.site.redis, hall.exam_id, "M", "none") is None


def test_severities_are_estimated_in_the_background_and_shown(open_exam: OpenHall) -> None:
    hall, markers = opened(open_exam, one_group("{name: 1+1, tolerance: {marks: 1}}"))
    rng, marks = random.Random(4), list[Made]()
    for response in make_responses(hall, 150):
        true = rng.randint(2, 8)
        for slot, at in enumerate(rng.sample(range(4), 2), start=1):
            mark = max(0, min(10, true + rng.choice((-1, 0, 0, 1)) - (2 if at == 0 else 0)))
            marks.append(Made(len(marks) + 1, response, task_of(response, slot), markers[at], {"21": 100 * mark}))
    write_marks(hall, marks)
    followed = Live(hall.site)
    followed.read()
    followed.publish()
    running = followed._severing._running
    assert running is not None
    assert running[1].result() is not None
    followed.publish()  # takes what is done
    followed.publish()
    read = snapshot.read(hall.site.redis, hall.exam_id, "M", "W21")
    assert read is not None
    assert read["severity"]["connected"] == {"21": True}
    shown = read["items"]["21"]["markers"]
    at = read["markers"].index(markers[0])
    assert shown["severity_low"][at] > 0.5
    assert shown["severity_marks"][at] < -1
    assert severing.LEAST <= read["severity"]["marks"] == len(marks)
    followed.close()


def test_one_at_a_time_keeps_the_measures(redis_url: str, open_exam: OpenHall) -> None:
    hall, _ = opened(open_exam)
    one, two = Keeper(hall.site.redis, "measures"), Keeper(hall.site.redis, "measures")
    assert [one.holds(), one.holds(), two.holds()] == [True, True, False]
    one.end()
    assert [two.holds(), one.holds()] == [True, False]
    one.end()  # what another holds is left alone
    assert not one.holds()
