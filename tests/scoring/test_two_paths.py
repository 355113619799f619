"""Two composition paths, one over rows and one over ledger entries, agree to the last digit on any exam."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from core.exam import ExamDefinition, ItemGroup, Paper
from core.states import ScriptState
from core.tables import Candidate
from marking.adjudicate import Agreed, ResponseMark, adjudicate_response
from scoring.compose import ComposedScore, PaperScoring, ScriptFacts, composed, full_marks, rounded
from scoring.recompose import Recomposition, add_up, half_up
from scoring.records import with_whole
from scoring.replay import replay
from scoring.verify import verify
from scoring.verify_scores import differences
from tests.scoring.hall import Hall, scan

OPTIONS = "ABCD"
letters = st.sets(st.sampled_from(OPTIONS), min_size=1)
cents = st.integers(1, 1200)


def as_marks(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"


@st.composite
def objective_items(draw: st.DrawFn, n: int, types: tuple[str, ...]) -> dict[str, Any]:
    kind: str = draw(st.sampled_from(["single", "multiple", "true_false"]))
    typed: bool = bool(types) and draw(st.booleans())
    options = "TF" if kind == "true_false" else OPTIONS
    one = st.sets(st.sampled_from(options), min_size=1, max_size=len(options) if kind == "multiple" else 1)
    answers = st.lists(one.map(lambda a: "".join(sorted(a))), min_size=1, max_size=3)
    marks = draw(cents)
    about: dict[str, Any] = {
        "id": f"Q{n}", "type": kind, "options": options, "marks": as_marks(marks),
        "key": {t: draw(answers) for t in types} if typed else draw(answers),
        "treatment": draw(st.sampled_from(["counted", "counted", "counted", "voided", "given"])),
    }  # fmt: skip
    if kind == "multiple":
        some = st.integers(0, marks).map(as_marks)
        about["partial"] = draw(
            st.one_of(
                st.just({"rule": "none"}), st.just({"rule": "each"}),
                some.map(lambda m: {"rule": "fixed", "marks": m}),
                st.dictionaries(st.integers(1, 4), some, min_size=1).map(lambda t: {"rule": "table", "table": t}),
            )
        )  # fmt: skip
    return about


@st.composite
def groups(draw: st.DrawFn, n: int) -> dict[str, Any]:
    scheme = draw(st.sampled_from(["1", "1+1", "2+1", "2+1+1", "1+1+1"]))
    items = [
        {
            "id": f"w{n}.{i}",
            "marks": draw(st.integers(1, 20)),
            "treatment": draw(st.sampled_from(["counted", "counted", "voided", "given"])),
        }
        for i in range(draw(st.integers(1, 2)))
    ]
    about = {"name": scheme, "tolerance": {"marks": draw(st.integers(0, 5))}, "reading": draw(st.sampled_from(["both", "either"])),
             "tie": draw(st.sampled_from(["mean", "higher", "lower"])), "zeros": draw(st.sampled_from([0, 4]))}  # fmt: skip
    return {"id": f"W{n}", "title": "w", "items": items, "scheme": about}


@st.composite
def papers(draw: st.DrawFn) -> Paper:
    types: tuple[str, ...] = draw(st.sampled_from([(), ("A", "B")]))
    written = [draw(groups(n)) for n in range(draw(st.integers(0, 3)))]
    choices = [{"id": "X", "among": [g["id"] for g in written[:2]]}] if len(written) > 1 and draw(st.booleans()) else []
    objective = [draw(objective_items(n, types)) for n in range(draw(st.integers(0 if written else 1, 5)))]
    return Paper.model_validate(
        {"code": "M", "title": "M", "types": types, "objective": objective, "written": written, "choices": choices,
         "rounding": draw(st.sampled_from(["0.01", "0.5", "1", "1.5"]))}
    )  # fmt: skip


@dataclass
class Said:
    """One script, told to both paths in their own language."""

    facts: ScriptFacts
    entries: list[Mapping[str, Any]] = field(default_factory=list)


@st.composite
def scripts(draw: st.DrawFn, paper: Paper) -> Said:
    state = draw(st.sampled_from([ScriptState.COMPLETE] * 4 + [ScriptState.ABSENT, ScriptState.WITHHELD, ScriptState.INCOMPLETE]))
    kind = draw(st.sampled_from([*paper.types, None]))
    chosen = {c.id: draw(st.sampled_from([*c.among, ""])) for c in paper.choices if draw(st.booleans())}
    answers = {i.id: draw(st.one_of(st.just(""), letters.map(lambda a: "|".join(sorted(a))), st.sampled_from(["T", "F"])))
               for i in paper.objective if draw(st.integers(0, 9))}  # fmt: skip
    entries: list[Mapping[str, Any]] = [
        {"kind": "script", "script": "s", "candidate": "c", "paper": "M", "state": "expected"},
        {"kind": "script", "script": "s", "candidate": "c", "paper": "M", "state": str(state)},
        {"kind": "type", "script": "s", "value": kind},
        {"kind": "chosen", "script": "s", "values": chosen},
        {"kind": "answers", "script": "s", "values": {i: {"value": v, "version": 1, "how": "readers"} for i, v in answers.items()}},
    ]
    for item in draw(st.sets(st.sampled_from(sorted(answers)))) if answers else ():
        answers[item] = draw(st.sampled_from(["", "A", "B|C"]))
        entries.append({"kind": "answer", "script": "s", "item": item, "version": 2, "value": answers[item]})
    finals: dict[str, Fraction] = {}
    for number, group in enumerate(paper.written):
        marked, agreed = draw(responses(group, number))
        entries += marked
        finals |= agreed
    return Said(ScriptFacts("s", "M", "c", state, kind, chosen, answers, finals), entries)


@st.composite
def responses(draw: st.DrawFn, group: ItemGroup, number: int) -> tuple[list[Mapping[str, Any]], dict[str, Fraction]]:
    """Marks on a response until they agree or three were given, one of them perhaps revised or surplus."""
    entries: list[Mapping[str, Any]] = [
        {"kind": "response", "response": number, "script": "s", "paper": "M", "group": group.id, "version": 1}
    ]
    counted: list[ResponseMark] = []
    for ordinal in range(1, draw(st.integers(0, 6)) + 1):
        verdict = adjudicate_response(group.scheme, group.items, counted)
        if verdict.next is None:
            break
        values = {i.id: draw(st.integers(0, i.marks // 100)) * 100 for i in group.items}
        mark = {"kind": "mark", "mark": number * 100 + ordinal, "response": number, "marker": f"user:{ordinal}",
                "level": str(verdict.next.level), "purpose": "live", "ordinal": ordinal, "revision": 1}  # fmt: skip
        if draw(st.integers(0, 5)) == 0:
            surplus = {**mark, "mark": number * 100 + 50 + ordinal, "values": {i.id: 0 for i in group.items}, "state": "surplus"}
            entries += [surplus, {"kind": "mark-state", "mark": surplus["mark"], "state": "void"}]
        entries.append({**mark, "values": values, "state": "counted"})
        counted.append(ResponseMark(number * 100 + ordinal, verdict.next.level, values))
    items = adjudicate_response(group.scheme, group.items, counted).items
    return entries, {item: v.mark for item, v in items.items() if isinstance(v, Agreed)}


@given(papers().flatmap(lambda p: scripts(p).map(lambda s: (p, s))))
def test_both_paths_agree_to_the_last_digit(case: tuple[Paper, Said]) -> None:
    paper, said = case
    definition = ExamDefinition.model_validate({"exam": "X", "title": "X", "papers": [paper]})
    one = PaperScoring(paper).compose(said.facts)
    two = Recomposition(replay(said.entries), definition).score("s")
    assert two is not None
    assert list(differences(one, two)) == []
    assert sorted(one.missing) == sorted(two.missing)
    assert dict(one.answers) == dict(two.answers)
    assert one.total <= full_marks(paper) or one.status == "absent"


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 12)), min_size=1), st.sampled_from([1, 50, 100, 150]))
@example([(250, 1)], 100)
@example([(249, 1), (9, 10)], 100)
def test_adding_and_rounding_are_exact_both_ways(parts: list[tuple[int, int]], step: int) -> None:
    total = sum((Fraction(n, d) for n, d in parts), Fraction(0))
    assert Fraction(*add_up(parts)) == total
    assert rounded(total, step) == half_up(add_up(parts), step)
    assert abs(rounded(total, step) - total) <= Fraction(step, 2)


def test_a_half_goes_up() -> None:
    assert [rounded(Fraction(n), 100) for n in (49, 50, 149, 150, 250)] == [0, 100, 100, 200, 300]
    assert [half_up((n, 1), 100) for n in (49, 50, 149, 150, 250)] == [0, 100, 100, 200, 300]
    assert rounded(Fraction(14999, 100), 100) == half_up((14999, 100), 100) == 100


def compose_one(paper: Mapping[str, Any], **facts: Any) -> ComposedScore:
    about = {"secret": "s", "paper": "M", "candidate": "c", "state": ScriptState.COMPLETE} | facts
    return PaperScoring(Paper.model_validate({"code": "M", "title": "M", **paper})).compose(ScriptFacts(**about))


TWO = [{"id": "Q1", "options": "AB", "marks": 2, "key": "A"}, {"id": "Q2", "options": "AB", "marks": 3, "key": "A"}]


def test_a_voided_item_counts_for_nobody_and_leaves_the_full_marks() -> None:
    voided = {"objective": [TWO[0], TWO[1] | {"treatment": "voided"}]}
    score = compose_one(voided, answers={"Q1": "A", "Q2": "A"})
    assert score.total == 200
    assert set(score.items) == {"Q1"}
    assert full_marks(Paper.model_validate({"code": "M", "title": "M", **voided})) == 200


def test_a_given_item_counts_in_full_for_all_who_were_there() -> None:
    given_to_all = {"objective": [TWO[0], TWO[1] | {"treatment": "given"}]}
    assert compose_one(given_to_all, answers={"Q1": "B", "Q2": "B"}).total == 300
    assert compose_one(given_to_all, state=ScriptState.ABSENT).published is None


def test_statuses_are_not_zero() -> None:
    paper = {"objective": TWO}
    wrong = compose_one(paper, answers={"Q1": "B", "Q2": ""})
    blank = compose_one(paper, answers={"Q1": "", "Q2": ""})
    absent = compose_one(paper, state=ScriptState.ABSENT)
    withheld = compose_one(paper, state=ScriptState.WITHHELD, answers={"Q1": "A", "Q2": "A"})
    assert [(s.status, s.published) for s in (wrong, blank, absent, withheld)] == [
        ("present", 0), ("blank", 0), ("absent", None), ("withheld", None),
    ]  # fmt: skip
    assert withheld.total == 500


def test_a_written_zero_beside_blank_bubbles_is_blank_and_a_mark_is_not() -> None:
    paper = {"objective": TWO[:1], "written": [{"id": "W", "title": "w", "items": [{"id": "w", "marks": 5}]}]}
    assert compose_one(paper, answers={"Q1": ""}, finals={"w": Fraction(0)}).status == "blank"
    assert compose_one(paper, answers={"Q1": ""}, finals={"w": Fraction(1)}).status == "present"


CHOICE = """
exam: PICK
title: Choice
papers:
  - code: M
    title: M
    types: [A, B]
    objective: [{items: Q1-Q2, options: AB, marks: 2, keys: [A, B]}, {id: Q3, options: AB, marks: 2, key: {A: A, B: B}}]
    written:
      - {id: W1, title: one, items: [{id: "1", marks: 4}], scheme: "1"}
      - {id: W2, title: two, items: [{id: "2", marks: 6}], scheme: "1"}
    choices: [{id: X, among: [W1, W2]}]
  - code: P
    title: P
    objective: [{items: Q1-Q2, options: AB, marks: 2, keys: [A, B]}]
"""


def test_types_choices_and_several_papers_go_through_the_real_records(open_one: Callable[..., Hall]) -> None:
    hall = open_one(["20000001"], CHOICE)
    scan(hall, {"20000001": {"Q1": "A", "Q2": "A", "Q3": "B"}}, paper_type="B", chosen={"X": "W2"})
    scan(hall, {"20000001": {"Q1": "A", "Q2": "B"}}, paper="P")
    hall.mark("20000001", "W2", ["marker1"], [{"2": "5"}])
    laws = verify(hall.site, hall.exam.id)
    assert [law.detail.en for law in laws if not law.holds] == []
    with hall.site.database.read() as session:
        records = list(with_whole(composed(session, hall.session_exam(session)), 2))
        pseudonym = session.scalars(select(Candidate.pseudonym)).one()
    assert [(r.candidate, r.paper, r.published) for r in records] == [(pseudonym, "M", 900), (pseudonym, "P", 400), (pseudonym, "", 1300)]
