"""Requests that nobody thinks of over the ways to quality and marking, of an exam that watches: never a failure, and every law holds.

Bodies are drawn from the API's own description, and places in them that lead somewhere are put in, some or all, or nothing
would come further than "there is no such group".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from sqlalchemy import func, select

from api.app import create_app
from api.auth import add_user, grant_role
from core.states import TaskPurpose
from core.tables import Check, Mark
from marking import intake, stopping
from tests.api.conftest import PASSWORD, sign_in
from tests.api.test_schemas import ANY, fault_of, request_of
from tests.marking.exams import Hall, open_hall, read_all
from tests.marking.laws import check_rows, check_stops
from tests.marking.watching_room import make_seeds, watched, work

RULES = (
    "{seeds: {first_of_day: true, one_in: 2, stop_after: 3}, self_marks: {one_in: 2, after_marks: 1, after_minutes: 0}, "
    "back_reading: {share: 0.5}, rounds: {trial: {responses: 1}}}"
)
EXAMPLES = 3  # of each form, for each operation and person
PEOPLE = {"wang": ("marker",), "li": ("leader", "arbiter")}
MOVES = ("admit", "again")
NUMBERS = st.integers(0, 30)
ADDRESS = {"seed": NUMBERS.map(str), "mark": NUMBERS.map(str), "response": NUMBERS.map(str), "problem_id": NUMBERS.map(str)}
BODY: dict[str, st.SearchStrategy[Any]] = {
    "paper": st.just("M"),
    "group": st.just("W21"),
    "marker": st.integers(1, 4),
    "mark": NUMBERS,
    "response": NUMBERS,
    "use": st.sampled_from(["trial", "live"]),
    "outcome": st.sampled_from(["confirm", "correct", "send_back"]),
    "marks": st.sampled_from(["0", "5", "10", "11"]).map(lambda mark: {"21": mark}),
    "key": st.integers(0, 20).map("the key of {}".format),
    "to": st.sampled_from(["live", "trial"]),
    "since": st.sampled_from(["today", "never", "last_passed_seed"]),
}


@pytest.fixture
def hall(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Hall]:
    """Seeds of two uses, and a morning's marks by two markers."""
    made = open_hall(tmp_path, postgres_url, redis_url, watched(RULES), scripts=14, schools=("S1",))
    read_all(made)
    intake.sweep(made.site, made.exam_id)
    for login, roles in PEOPLE.items():
        add_user(made.site, login, login, PASSWORD)
        for role in roles:
            grant_role(made.site, login, role, "T")
    chief = made.person("arbiter")
    make_seeds(made, chief, "trial", 2)
    make_seeds(made, chief, "live", 3)
    for user in (1, made.person("marker")):
        work(made, user, 6)
    yield made
    made.site.close()


@pytest.fixture
def client(hall: Hall, built_client: None) -> Iterator[TestClient]:
    with TestClient(create_app(hall.site, sweep=False), raise_server_exceptions=False) as opened:
        yield opened


def operations(client: TestClient) -> list[Any]:
    schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [op for op in found if op.path.startswith(("/api/quality/", "/api/marking/")) and "pictures" not in op.path]


def drawn(operation: Any, mode: GenerationMode) -> Any:
    """A request of that form, and what is put into it."""
    names = [name for name in ADDRESS if f"{{{name}}}" in operation.path]
    places = st.fixed_dictionaries({"exam": st.just("T"), **{name: ADDRESS[name] for name in names}})
    return given(case=operation.as_strategy(generation_mode=mode), places=places, real=st.fixed_dictionaries({}, optional=BODY))


def test_no_drawn_request_fails_or_breaks_a_law(client: TestClient, hall: Hall) -> None:
    headers = {login: sign_in(client, login) for login in PEOPLE}
    faults: dict[str, str] = {}
    said: set[tuple[str, int]] = set()
    asked = operations(client)
    assert len([op for op in asked if op.path.startswith("/api/quality/")]) > 15

    def ask(operation: Any, login: str) -> Any:
        def send(case: Any, places: dict[str, str], real: dict[str, Any]) -> None:
            for held in (case.body, case.query):
                if isinstance(held, dict):
                    held |= {name: value for name, value in real.items() if name in held}
            kept = request_of(case, places)
            kept["headers"] |= headers[login]
            client.cookies.clear()
            reply = client.request(**kept)
            said.add((f"{operation.method.upper()} {operation.path}", reply.status_code))
            if fault := fault_of(reply):
                faults.setdefault(operation.path, f"{kept['url']} {str(kept)[:300]}: {fault}")

        return send

    for operation, mode, login in product(asked, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE), PEOPLE):
        bounded = settings(max_examples=EXAMPLES, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=ANY)
        with suppress(Unsatisfiable):  # there are operations of which no wrong form can be drawn
            bounded(drawn(operation, mode)(ask(operation, login)))()
    assert faults == {}, "\n".join(faults.values())
    assert len([path for path, status in said if status == 200 and "/quality/" in path]) >= 12, sorted(said)
    the_laws_hold(hall)


def the_laws_hold(hall: Hall) -> None:
    stopping.sweep(hall.site, hall.exam_id)
    check_rows(hall)
    check_stops(hall)
    with hall.site.database.read() as session:
        unannounced = select(func.count()).where(Mark.purpose.in_((TaskPurpose.SEED, TaskPurpose.TRIAL, TaskPurpose.SELF)))
        assert session.scalar(unannounced)
        assert session.scalar(select(func.count(Check.id)))


def test_a_group_or_person_who_is_not_there_is_refused_in_a_sentence(client: TestClient, hall: Hall) -> None:
    headers, nowhere = sign_in(client, "li"), {"paper": "M", "group": "W99"}
    asked = [client.get(f"/api/quality/T/{way}", params=nowhere, headers=headers) for way in ("rates", "standings")]
    asked += [client.post(f"/api/quality/T/{way}", json=nowhere | {"marker": 1, "round": "trial"}, headers=headers) for way in MOVES]
    assert {(reply.status_code, reply.json()["title"]) for reply in asked} == {(404, "there is no item group M/W99.")}
    nobody = {"paper": "M", "group": "W21", "marker": 99, "round": "trial"}
    asked = [client.post(f"/api/quality/T/{way}", json=nobody, headers=headers) for way in MOVES]
    assert {(reply.status_code, reply.json()["title"]) for reply in asked} == {(404, "there is no such person.")}
