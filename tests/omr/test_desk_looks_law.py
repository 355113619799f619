"""Whatever two or three clerks and the office do in any order: the laws of the looks hold after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from core.errors import MarkhallError
from core.states import CaseState
from core.tables import DeskCase, DeskLease, Look, User
from omr import desk
from omr.desk.looks import LEASE
from tests.omr.hall import EXAM, Hall, open_hall

CASES = 2
USERS = st.integers(1, 3)
STEPS = st.one_of(
    st.tuples(st.just("take"), USERS, st.integers(1, 2)),
    st.tuples(st.just("say"), USERS, st.sampled_from("AB")),
    st.tuples(st.just("back"), USERS, st.integers(0, CASES - 1)),
    st.tuples(st.just("undo"), USERS, st.integers(0, CASES - 1)),
    st.tuples(st.just("decide"), st.integers(4, 5), st.integers(0, CASES - 1)),
    st.tuples(st.just("leave"), USERS, st.just(0)),
    st.tuples(st.just("wait"), USERS, st.just(0)),
)
keys = count()


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    monkeypatch.setattr("tests.omr.hall.EXAM", EXAM | {"desk": {"clerks": 2}})
    opened = open_hall(database_url, redis_url, tmp_path, candidates=CASES)
    with opened.site.database.write() as session:
        session.add_all(User(id=n, login=f"u{n}", name="", password_hash="", made_at=opened.clock.time) for n in range(1, 6))
    opened.scan(*((n, {"Q1": "A?"}) for n in range(CASES)))
    yield opened
    opened.site.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=4, max_size=12))
def test_whatever_clerks_do_a_case_is_settled_by_two_who_say_the_same_or_by_a_third(
    hall: Hall, steps: list[tuple[str, int, str | int]]
) -> None:
    begin_again(hall)
    held: dict[int, list[desk.LookView]] = {n: [] for n in range(1, 4)}
    ids = [c.id for c in desk.list_cases(hall.site, hall.exam_id, state=None)]
    for step, user, what in steps:
        with suppress(MarkhallError):  # a refusal is an answer too; what counts is what it leaves
            act(hall, held, ids, step, user, what)
        check(hall)


def act(hall: Hall, held: dict[int, list[desk.LookView]], ids: list[int], step: str, user: int, what: str | int) -> None:
    place = (hall.site, hall.exam_id)
    if step == "take":
        before = places(hall)
        held[user] = list(desk.next_looks(*place, user, int(what)).looks)
        fresh = {look.case for look in held[user] if (look.case, user) not in before}
        assert all(sum(case == one for case, _ in places(hall)) <= 2 for one in fresh)
    elif step == "say" and held[user]:
        look = held[user].pop(0)
        desk.answer_look(*place, user, look.case, {"Q1": str(what)}, key=f"key {next(keys)}", version=look.version)
    elif step == "back":
        held[user].insert(0, desk.take_back(*place, user, ids[int(what)]))
    elif step == "undo":
        desk.undo(*place, f"user:{user}", ids[int(what)])
    elif step == "decide":
        case = desk.get_case(*place, ids[int(what)])
        desk.resolve(*place, f"user:{user}", case.id, desk.Decision("accept"), version=case.version, decides=True)
    elif step == "leave":
        desk.give_back(*place, user)
    elif step == "wait":
        hall.clock.pass_seconds(LEASE.total_seconds() + 1)


def places(hall: Hall) -> list[tuple[int, int]]:
    """(case, clerk) of each word that stands and each lease that runs: two of a case are wanted, and no more are handed out."""
    with hall.site.database.read() as session:
        said = session.execute(select(Look.case_id, Look.user_id).where(Look.taken_back.is_(False))).all()
        held = session.execute(select(DeskLease.case_id, DeskLease.user_id).where(DeskLease.until > hall.clock.time)).all()
        return [(case, user) for case, user in (*said, *held)]


def check(hall: Hall) -> None:
    with hall.site.database.read() as session:
        for case in session.scalars(select(DeskCase)):
            looks = session.scalars(select(Look).where(Look.case_id == case.id, Look.taken_back.is_(False))).all()
            leases = session.scalars(select(DeskLease).where(DeskLease.case_id == case.id, DeskLease.until > hall.clock.time)).all()
            users = Counter(w.user_id for w in looks)
            assert len(looks) <= 2
            assert max(users.values(), default=0) <= 1
            said = [w.values for w in looks]
            if case.state is CaseState.OPEN:
                assert len(said) < 2 or said[0] != said[1]
                assert not set(users) & {one.user_id for one in leases}
            elif case.resolution.get("looks"):
                assert said == [case.resolution["values"]] * 2
                assert case.resolved_by == "+".join(f"user:{u}" for u in case.resolution["looks"])
            else:
                assert case.resolved_by in ("user:4", "user:5")
                assert len(said) == 2
                assert said[0] != said[1]


def begin_again(hall: Hall) -> None:
    """Every case open, nothing said: each example has the hall as it was."""
    for case in desk.list_cases(hall.site, hall.exam_id, state=CaseState.RESOLVED):
        desk.undo(hall.site, hall.exam_id, "user:9", case.id)
    with hall.site.database.write() as session:
        session.execute(delete(Look))
        session.execute(delete(DeskLease))
