"""Doubtful answers handed out like marking tasks: leases, one clerk or two, words that agree, differ and are taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.states import CaseState
from core.tables import DeskLease, Look, User
from omr import desk
from omr.desk.looks import LEASE
from tests.omr.hall import EXAM, Hall, open_hall

Opener = Callable[..., Hall]
TWO = {"desk": {"clerks": 2}}


@pytest.fixture
def open_desk(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """A hall with people 1 to 9; `wishes` are the exam's own."""
    opened: list[Hall] = []

    def start(candidates: int = 3, wishes: dict[str, Any] | None = None) -> Hall:
        monkeypatch.setattr("tests.omr.hall.EXAM", EXAM | (wishes or {}))
        hall = open_hall(database_url, redis_url, tmp_path, candidates=candidates)
        with hall.site.database.write() as session:
            session.add_all(User(id=n, login=f"user{n}", name=f"User {n}", password_hash="", made_at=hall.clock.time) for n in range(1, 10))
        opened.append(hall)
        return hall

    yield start
    for hall in opened:
        hall.site.close()


def given(hall: Hall, user: int, hold: int = 1, done: tuple[int, ...] = ()) -> list[desk.LookView]:
    return list(desk.next_looks(hall.site, hall.exam_id, user, hold, done).looks)


def say(hall: Hall, user: int, look: desk.LookView, value: str, key: str = "") -> str:
    values = {i.item: value for i in look.items}
    return desk.answer_look(
        hall.site, hall.exam_id, user, look.case, values, key=key or f"key {user} {look.case} {value}", version=look.version
    )


def back(hall: Hall, user: int, case: int) -> desk.LookView:
    return desk.take_back(hall.site, hall.exam_id, user, case)


def words(hall: Hall) -> list[tuple[int, int, str, bool]]:
    with hall.site.database.read() as session:
        return [(w.case_id, w.user_id, w.values["Q1"], w.taken_back) for w in session.scalars(select(Look).order_by(Look.id))]


def test_one_clerk_settles_a_case_by_one_word_and_all_is_in_the_ledger(open_desk: Opener) -> None:
    hall = open_desk()
    hall.scan((0, {"Q1": "A?"}))
    (look,) = given(hall, 1)
    assert [(i.item, i.options, i.value, i.multiple) for i in look.items] == [("Q1", ("A", "B", "C", "D"), "A", False)]
    assert say(hall, 1, look, "B") == "kept"
    assert (hall.cases(), hall.answers(0)["Q1"]) == ([], ("B", "person"))
    (entry,) = hall.entries("case")
    assert (entry["action"], entry["by"]) == ("set_answer", "user:1")
    assert given(hall, 1) == []


def test_no_two_clerks_hold_a_case_and_each_gets_the_oldest_that_is_free(open_desk: Opener) -> None:
    hall = open_desk(4)
    hall.scan(*((n, {"Q1": "A?"}) for n in range(4)))
    first, second = given(hall, 1, 2), given(hall, 2, 3)
    ids = [look.case for look in (*first, *second)]
    assert ids == [c.id for c in hall.cases()]
    assert given(hall, 3) == []
    assert [look.case for look in given(hall, 1, 2)] == [look.case for look in first]
    assert desk.next_looks(hall.site, hall.exam_id, 1, 2).left == 4  # whoever holds them


def test_a_clerk_who_went_away_holds_nothing_up(open_desk: Opener) -> None:
    hall = open_desk()
    hall.scan((0, {"Q1": "A?"}))
    (gone,) = given(hall, 1)
    hall.clock.pass_seconds(LEASE.total_seconds() - 1)
    assert given(hall, 2) == []
    assert given(hall, 1) == [gone]  # asking renews
    hall.clock.pass_seconds(LEASE.total_seconds() + 1)
    (look,) = given(hall, 2)
    assert say(hall, 2, look, "B") == "kept"
    assert say(hall, 1, gone, "C") == "gone"
    assert hall.answers(0)["Q1"] == ("B", "person")


def test_what_is_given_back_is_anothers_at_once(open_desk: Opener) -> None:
    hall = open_desk()
    hall.scan((0, {"Q1": "A?"}), (1, {"Q1": "A?"}))
    given(hall, 1, 2)
    assert desk.give_back(hall.site, hall.exam_id, 1) == 2
    assert len(given(hall, 2, 2)) == 2
    assert desk.give_back_everywhere(hall.site, 2) == 2
    assert desk.give_back(hall.site, hall.exam_id, 2) == 0


def test_the_same_key_again_is_the_same_word(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}), (1, {"Q1": "A?"}))
    first, second = given(hall, 1, 2)
    assert [say(hall, 1, first, "B", "one key"), say(hall, 1, first, "B", "one key")] == ["kept", "kept"]
    assert [w[:2] for w in words(hall)] == [(first.case, 1)]
    with pytest.raises(Conflict, match="belongs to another case"):
        say(hall, 1, second, "B", "one key")
    assert say(hall, 1, first, "C", "another key") == "gone"  # a second word of one clerk is none


def test_a_word_that_the_sheet_does_not_have_is_refused_and_nothing_is_kept(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}))
    (look,) = given(hall, 1)
    with pytest.raises(BadInput, match="no answer to Q1"):
        say(hall, 1, look, "X")
    assert words(hall) == []
    assert given(hall, 1) == [look]
    with pytest.raises(NotFound):
        desk.answer_look(hall.site, hall.exam_id, 1, 999, {}, key="a fresh key", version=1)


def test_what_is_on_its_way_is_not_given_again_nor_counted(open_desk: Opener) -> None:
    hall = open_desk()
    hall.scan((0, {"Q1": "A?"}), (1, {"Q1": "A?"}))
    (first,) = given(hall, 1)
    found = desk.next_looks(hall.site, hall.exam_id, 1, 2, [first.case])
    assert [look.case for look in found.looks] == [first.case + 1]
    assert found.left == 1


def test_two_clerks_who_say_the_same_settle_a_case_and_both_are_named(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}))
    (one,), (two,) = given(hall, 1), given(hall, 2)
    assert given(hall, 3) == []  # two places, both taken
    assert say(hall, 1, one, "B") == "kept"
    assert hall.answers(0)["Q1"] == ("A", "doubtful")
    assert given(hall, 1) == []  # never her own
    assert say(hall, 2, two, "B") == "kept"
    assert hall.answers(0)["Q1"] == ("B", "person")
    (settled,) = hall.entries("case")
    assert (settled["action"], settled["by"]) == ("set_answer", "user:1+user:2")
    assert [(e["by"], e["action"], e["values"]) for e in hall.entries("look")] == [
        ("user:1", "said", {"Q1": "B"}),
        ("user:2", "said", {"Q1": "B"}),
    ]
    assert desk.get_case(hall.site, hall.exam_id, one.case).resolved_by == "user:1+user:2"


def test_nothing_that_a_clerk_is_shown_tells_what_the_other_said(open_desk: Opener) -> None:
    hall = open_desk(2, wishes=TWO)
    hall.scan((0, {"Q1": "A?"}), (1, {"Q1": "A?"}))
    untouched = [given(hall, 2, 2), hall.cases()]
    desk.give_back(hall.site, hall.exam_id, 2)
    for look in given(hall, 1, 2):
        say(hall, 1, look, "D")
    assert [given(hall, 2, 2), hall.cases()] == untouched
    first, _ = given(hall, 2, 2)
    assert say(hall, 2, first, "C") == "kept"  # as if they had agreed
    assert {c.words for c in hall.cases()} == {()}


def test_two_who_differ_are_decided_by_a_third_who_sees_both(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}))
    (look,) = given(hall, 1)
    say(hall, 1, look, "B")
    case = hall.case("doubt")
    assert case.actions == ("rescan", "discard")
    with pytest.raises(Conflict, match="two clerks must say the same"):
        resolve(hall, 3, case, decides=True)
    say(hall, 2, given(hall, 2)[0], "C")
    assert given(hall, 3) == []
    found = desk.find_cases(hall.site, hall.exam_id, desk.Wanted(differs=True), decider=True)
    (shown,) = found.cases
    assert [dict(w) for w in shown.words] == [{"Q1": "B"}, {"Q1": "C"}]
    assert "set_answer" in shown.actions
    with pytest.raises(Forbidden, match="exam office decides"):
        resolve(hall, 3, case)
    with pytest.raises(Conflict, match="is yours"):
        resolve(hall, 2, case, decides=True)
    resolve(hall, 3, case, decides=True)
    assert hall.answers(0)["Q1"] == ("C", "person")
    hall.undo(case)
    (again,) = desk.find_cases(hall.site, hall.exam_id, desk.Wanted(differs=True), decider=True).cases
    assert again.words == shown.words


def resolve(hall: Hall, user: int, case: desk.CaseView, **more: bool) -> desk.CaseView:
    decision = desk.Decision("set_answer", values={"Q1": "C"})
    return desk.resolve(hall.site, hall.exam_id, f"user:{user}", case.id, decision, version=case.version, **more)


def test_a_word_is_taken_back_before_and_after_it_settled_something(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}))
    (look,) = given(hall, 1)
    say(hall, 1, look, "B")
    assert back(hall, 1, look.case) == look
    assert given(hall, 1) == [look]  # hers again
    say(hall, 1, look, "C", "second thoughts")
    say(hall, 2, given(hall, 2)[0], "C")
    assert hall.answers(0)["Q1"] == ("C", "person")
    again = back(hall, 2, look.case)
    assert hall.answers(0)["Q1"] == ("A", "doubtful")
    say(hall, 2, again, "C", "it was right")
    assert hall.answers(0)["Q1"] == ("C", "person")
    with pytest.raises(Conflict, match="no word of yours"):
        back(hall, 3, look.case)
    assert [e["action"] for e in hall.entries("look")] == ["said", "taken back", "said", "said", "taken back", "said"]


def test_whoever_undoes_a_settled_case_makes_both_look_anew(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}))
    (look,) = given(hall, 1)
    say(hall, 1, look, "B")
    say(hall, 2, given(hall, 2)[0], "B")
    hall.undo(desk.get_case(hall.site, hall.exam_id, look.case))
    assert [w[3] for w in words(hall)] == [True, True]
    say(hall, 2, given(hall, 2)[0], "D", "anew")
    say(hall, 1, given(hall, 1)[0], "D", "anew")
    assert hall.answers(0)["Q1"] == ("D", "person")


def test_a_scan_that_came_meanwhile_leaves_nothing_to_say(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}), (1, {"Q1": "A?"}))
    first, second = given(hall, 1, 2)
    hall.resolve(next(c for c in hall.cases() if c.id == first.case), "rescan")
    assert say(hall, 1, first, "B") == "gone"
    assert [look.case for look in given(hall, 2, 2)] == [second.case]  # a scan is awaited: nobody looks at the old one
    hall.send(hall.reading(0, 1, {"Q1": "D"}), batch="b2")
    hall.read()
    assert desk.get_case(hall.site, hall.exam_id, first.case).state is CaseState.RESOLVED
    assert (hall.answers(0)["Q1"], words(hall)) == (("D", "readers"), [])
    with pytest.raises(Conflict, match="no word of yours"):
        back(hall, 1, first.case)


def test_many_clerks_at_once_settle_every_case_once(open_desk: Opener) -> None:
    cards = 12
    hall = open_desk(cards, wishes=TWO)
    hall.scan(*((n, {"Q1": "A?"}) for n in range(cards)))

    def clerk(user: int) -> list[int]:
        mine: list[int] = []
        for _ in range(40):
            looks = given(hall, user, 3)
            mine += [look.case for look in looks if say(hall, user, look, "B") == "kept"]
            if not looks and not hall.cases():
                break
        return mine

    with ThreadPoolExecutor(4) as pool:
        said = [f.result(60) for f in [pool.submit(clerk, user) for user in (1, 2, 3, 4)]]
    assert hall.cases() == []
    every = sorted(case for mine in said for case in mine)
    assert every == sorted(2 * list(dict.fromkeys(every)))  # two words a case, never a third
    assert len(every) == 2 * cards
    assert all(len(mine) == len(set(mine)) for mine in said)
    assert len([e for e in hall.entries("case") if e["action"] == "set_answer"]) == cards
    with hall.site.database.read() as session:
        assert session.scalars(select(DeskLease)).all() == []


def test_two_arbiters_at_once_decide_once(open_desk: Opener) -> None:
    hall = open_desk(wishes=TWO)
    hall.scan((0, {"Q1": "A?"}))
    say(hall, 1, given(hall, 1)[0], "A")
    say(hall, 2, given(hall, 2)[0], "B")
    case = hall.case("doubt")

    def decide(user: int) -> bool:
        try:
            resolve(hall, user, case, decides=True)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, (3, 4))) == [False, True]
    assert len(hall.entries("case")) == 1
