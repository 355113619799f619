"""An exam of any size that is ready to be marked, and people who mark it, by statements that the database runs alone.

What markers meet is what `marking.intake` leaves behind: responses with a picture and the first tasks of their scheme. Of
how they came (frames, pages) there is one row each, for the foreign keys. Names and tokens are made up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, text

from core.bulk import insert_rows
from core.definition import parse_definition
from core.exam import ExamDefinition, Step, from_hundredths
from core.loading import load_exam
from core.site import Site
from core.tables import Response, Role, Session, User
from marking import seeds
from marking.schemes import first_slots

CODE = "BENCH"
PAPER = "M"
SCHOOLS = 200
DEFINITION = """
exam: BENCH
title: Marking at full speed
papers:
  - code: M
    title: Mathematics
    written:
      - {id: W21, title: Question 21, items: [{id: "21", marks: 8}], scheme: "1"}
      - {id: W22, title: Question 22, items: [{id: "22", marks: 10}], scheme: {name: 1+1, tolerance: {marks: 1}}}
      - {id: W23, title: Question 23, items: [{id: "23", marks: 12, step: 0.5}], scheme: {name: 1+1, tolerance: {marks: 1}}}
      - id: W24
        title: Question 24
        items: [{id: "24", marks: 12}]
        scheme: {name: 2+1+1, tolerance: {fraction: 1/6}, reading: either}
      - id: W25
        title: Question 25
        items:
          - {id: "25", marks: 16, steps: [{id: 25a, title: First part, marks: 6}, {id: 25b, title: Second part, marks: 10}]}
        scheme: {name: 2+1+1, tolerance: {marks: 2}}
"""
QUALITY = """
quality:
  seeds: {first_of_day: false, one_in: 20, stop_after: null}
  self_marks: {one_in: 20, after_marks: 1, after_minutes: 0}
  limits: {refuse_faster_than: 2}
"""
_NOW = "'2026-06-08 09:00:00.000000'"
_BULKY = 200_000  # tasks from which on indexes are made after the rows
_FILLED = ("candidates", "scripts", "responses", "response_pictures", "tasks")


@dataclass(frozen=True)
class MarkingExam:
    exam_id: int
    definition: ExamDefinition
    tasks: int  # open, when it was made

    @property
    def groups(self) -> list[str]:
        return [group.id for group in self.definition.papers[0].written]


@dataclass(frozen=True)
class Marker:
    id: int
    token: str  # of a session
    group: str  # as a marker's page names it: PAPER/GROUP


def definition(quality: str = "") -> ExamDefinition:
    """With `quality` (QUALITY) markers are watched: a seed and an own response in so many marks, and a least time to read."""
    return parse_definition(DEFINITION + quality, where="benchmark")


def scripts_for(tasks: int) -> int:
    """How many scripts have about so many first tasks."""
    return max(1, round(tasks / sum(first_slots(g.scheme) for g in definition().papers[0].written)))


def make_exam(site: Site, scripts: int, said: ExamDefinition | None = None) -> MarkingExam:
    """Into a database that was migrated and is empty."""
    said = said or definition()
    exam = load_exam(site, said, [], {}, [], by="user:0")
    slots = {group.id: first_slots(group.scheme) for group in said.papers[0].written}
    tasks = scripts * sum(slots.values())
    with site.database.engine.connect() as connection:
        kind = _Postgres if connection.dialect.name == "postgresql" else _Sqlite
        with kind.filling(connection, bulky=tasks >= _BULKY):
            for statement in _statements(kind, exam.id, scripts, slots):
                connection.execute(text(statement))
        connection.commit()
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(kind.analyze))
    return MarkingExam(exam.id, said, tasks)


def add_markers(site: Site, exam: MarkingExam, count: int, *, signed_in: bool = True) -> list[Marker]:
    """Each marks one item group, as many people a group as it has tasks; of a school whose scripts they must not see."""
    now, names = site.now(), _dealt(exam, count)
    tokens = [f"benchmark-{n:06d}-of-a-session" for n in range(1, count + 1)]
    users = [
        {
            "id": n,
            "login": f"m{n:06d}",
            "name": f"Marker {n}",
            "password_hash": "-",
            "affiliation": _school(n),
            "active": True,
            "made_at": now,
        }
        for n in range(1, count + 1)
    ]
    roles = [{"user_id": n, "role": "marker", "exam_id": exam.exam_id, "scope": f"{PAPER}/{names[n - 1]}"} for n in range(1, count + 1)]
    sessions = [
        {"token_hash": hashlib.sha256(token.encode()).hexdigest(), "user_id": n, "made_at": now, "expires_at": now + timedelta(hours=16)}
        for n, token in enumerate(tokens, 1)
    ]
    with site.database.write() as session:
        insert_rows(session, User, users)
        insert_rows(session, Role, roles)
        if signed_in:
            insert_rows(session, Session, sessions)
        if not site.database.is_sqlite:
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('users', 'id'), {count})"))
    with site.database.engine.connect() as connection:  # as the database does by itself within minutes
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    return [Marker(n, tokens[n - 1], f"{PAPER}/{names[n - 1]}") for n in range(1, count + 1)]


def agree_seeds(site: Site, exam: MarkingExam, chief: Marker, each: int) -> None:
    """So many definitive responses in each item group, half of the full marks each."""
    with site.database.write() as session:
        session.add(Role(user_id=chief.id, role="arbiter", exam_id=exam.exam_id, scope=""))
    for group in exam.definition.papers[0].written:
        marks = {item.id: _half(item.steps) if item.steps else from_hundredths(item.marks // 2) for item in group.items}
        with site.database.read() as session:
            here = Response.group == group.id, Response.school_code != _school(chief.id)
            found = session.scalars(
                select(Response.id).where(Response.exam_id == exam.exam_id, *here).order_by(Response.id).limit(each)
            ).all()
        for response in found:
            seeds.propose(site, exam.exam_id, chief.id, response, "live", marks)


def _half(steps: Sequence[Step]) -> dict[str, str]:
    return {step.id: from_hundredths(step.marks // 2) for step in steps}


def _dealt(exam: MarkingExam, count: int) -> list[str]:
    """Groups in turn, each as often as it has first slots."""
    turn = [g.id for g in exam.definition.papers[0].written for _ in range(first_slots(g.scheme))]
    return [turn[n % len(turn)] for n in range(count)]


def _school(n: int) -> str:
    return f"S{n % SCHOOLS:03d}"


class _Postgres:
    random = "floor(random() * 281474976710656)::bigint"
    token = "substr(translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), 1, 22)"
    analyze = "VACUUM ANALYZE"

    @staticmethod
    def numbers(count: int) -> str:
        return f"generate_series(1, {count}) AS count(n)"

    @staticmethod
    def padded(number: str) -> str:
        return f"lpad(({number})::text, 3, '0')"

    @staticmethod
    def hexadecimal(number: str) -> str:
        return f"lpad(to_hex({number}), 64, '0')"

    @staticmethod
    @contextmanager
    def filling(connection: Connection, *, bulky: bool) -> Iterator[None]:
        """Rows that are right by their making need no look at their foreign keys, and their indexes are built once."""
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        put_back = [again for table in _FILLED for again in _drop_indexes(connection, table)] if bulky else []
        yield
        for statement in put_back:
            connection.execute(text(statement))
        for table in ("candidates", "scripts", "responses"):
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"))


class _Sqlite:
    random = "abs(random()) % 281474976710656"
    token = "substr(hex(randomblob(11)), 1, 22)"
    analyze = "ANALYZE"

    @staticmethod
    def numbers(count: int) -> str:
        return f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c) AS count"

    @staticmethod
    def padded(number: str) -> str:
        return f"printf('%03d', {number})"

    @staticmethod
    def hexadecimal(number: str) -> str:
        return f"printf('%064x', {number})"

    @staticmethod
    @contextmanager
    def filling(connection: Connection, *, bulky: bool) -> Iterator[None]:
        yield


def _drop_indexes(connection: Connection, table: str) -> Sequence[str]:
    """All but the primary key; the statements that make them again."""
    unique = text("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = CAST(:t AS regclass) AND contype = 'u'")
    constraints = [(str(name), str(what)) for name, what in connection.execute(unique, {"t": table})]
    for name, _ in constraints:
        connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
    # Lists of values in a condition come back in other words; those indexes are of few rows and stay.
    mine = "tablename = :t AND indexname NOT LIKE 'pk_%' AND indexdef NOT LIKE '%ANY (%'"
    plain = text(f"SELECT indexname, indexdef FROM pg_indexes WHERE {mine}")
    indexes = [(str(name), str(what)) for name, what in connection.execute(plain, {"t": table})]
    for name, _ in indexes:
        connection.execute(text(f'DROP INDEX "{name}"'))
    return [f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {what}' for name, what in constraints] + [what for _, what in indexes]


def _statements(kind: type[_Postgres] | type[_Sqlite], exam: int, scripts: int, slots: dict[str, int]) -> Iterator[str]:
    """One for each table. A response's number is its script's, times the groups, plus its group's place."""
    every, school = kind.numbers(scripts), f"'S' || {kind.padded(f'n % {SCHOOLS}')}"
    named = " UNION ALL ".join(f"SELECT {i} AS place, '{g}' AS name, {s} AS slots" for i, (g, s) in enumerate(slots.items(), 1))
    of_groups = f"{every} CROSS JOIN ({named}) g"
    number, mine, paper = f"(n - 1) * {len(slots)} + place", {"exam_id": str(exam)}, {"paper": f"'{PAPER}'"}
    yield _insert(
        "batches",
        mine | {"id": "1", "station": "'s'", "name": "'b'", "state": "'open'", "manifest": "'{}'", "opened_at": _NOW, "searched": "true"},
    )
    yield _insert(
        "receipts",
        mine
        | {"id": "1", "batch_id": "1", "sequence": "1", "face": "1", "sha256": f"'{'0' * 64}'", "size": "1", "name": "'f'"}
        | {"state": "'read'", "reason": "''", "tries": "1", "received_at": _NOW},
    )
    yield _insert(
        "pages",
        mine
        | paper
        | {"id": "1", "receipt_id": "1", "version": "1", "state": "'read'", "side": "1", "evidence": "'{}'", "fields": "'{}'"}
        | {"regions": "'[]'", "attempt_id": "'a'", "read_at": _NOW},
    )
    yield _insert("candidates", mine | {"id": "n", "pseudonym": "'c' || n", "school_code": school, "row": "n"}, every)
    yield _insert(
        "scripts", mine | paper | {"id": "n", "candidate_id": "n", "state": "'complete'", "chosen": "'{}'", "secret": "'s' || n"}, every
    )
    yield _insert(
        "responses",
        mine
        | paper
        | {"id": number, "script_id": "n", "group": "name", "version": "1", "current": "true", "state": "'open'"}
        | {"school_code": school, "definition_version": "1", "made_at": _NOW},
        of_groups,
    )
    picture = {"response_id": number, "ordinal": "1", "sha256": kind.hexadecimal(number), "width": "1400", "height": "300", "page_id": "1"}
    yield _insert("response_pictures", picture, of_groups)
    yield _insert(
        "tasks",
        mine
        | paper
        | {"response_id": number, "group": "name", "purpose": "'live'", "level": "'marker'", "ordinal": "slot", "state": "'open'"}
        | {"priority": "0", "shuffle": kind.random, "token": kind.token, "made_at": _NOW},
        f"{of_groups} JOIN (SELECT 1 AS slot UNION ALL SELECT 2) s ON slot <= slots",
    )


def _insert(table: str, values: Mapping[str, str], source: str = "") -> str:
    """A row of these values for each row of the source; one row where there is none."""
    columns = ", ".join(f'"{name}"' for name in values)
    return f"INSERT INTO {table} ({columns}) SELECT {', '.join(values.values())}{f' FROM {source}' if source else ''}"
