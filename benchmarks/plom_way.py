"""Handing out tasks as Plom does it, on the same PostgreSQL, without its web framework: a floor for a queue beside the table.

Plom (plomgrading.org) looks for the first waiting task of a question by priority, paper and question, tells it to the client,
and the client then claims that task: the row is locked, and if somebody else has it by now the client begins again. The tables
have the columns and indexes that decide what this costs; the statements are those its ORM makes of it, sent by a bare driver,
so it is rather faster here than there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import psycopg

QUESTIONS = 10
MOST_TRIES = 200
_TABLES = """
CREATE TABLE plom_paper (id bigserial PRIMARY KEY, paper_number integer NOT NULL UNIQUE);
CREATE TABLE plom_user (id serial PRIMARY KEY, username varchar(150) NOT NULL UNIQUE);
CREATE TABLE plom_task (
    id bigserial PRIMARY KEY, time timestamptz NOT NULL DEFAULT now(), status integer NOT NULL DEFAULT 1,
    assigned_user_id integer REFERENCES plom_user, paper_id bigint NOT NULL REFERENCES plom_paper, code text NOT NULL,
    question_index integer NOT NULL, question_version integer NOT NULL, marking_priority double precision NOT NULL);
CREATE TABLE plom_tag (id bigserial PRIMARY KEY, text text NOT NULL);
CREATE TABLE plom_tag_task (id bigserial PRIMARY KEY, tag_id bigint NOT NULL REFERENCES plom_tag, task_id bigint NOT NULL);
"""
_INDEXES = """
CREATE INDEX ON plom_task (assigned_user_id);
CREATE INDEX ON plom_task (paper_id);
CREATE INDEX ON plom_tag_task (tag_id);
CREATE INDEX ON plom_tag_task (task_id);
"""
_WAITING = "t.status = 1 AND t.question_index = %(question)s AND t.question_version = 1 AND NOT EXISTS " \
    "(SELECT 1 FROM plom_tag_task a JOIN plom_tag g ON g.id = a.tag_id WHERE a.task_id = t.id AND g.text = ANY(%(others)s))"  # fmt: skip
_ANY = f"SELECT 1 FROM plom_task t WHERE {_WAITING} LIMIT 1"
_FIRST = (
    f"SELECT t.* FROM plom_task t JOIN plom_paper p ON p.id = t.paper_id WHERE {_WAITING} "
    "ORDER BY t.marking_priority DESC, p.paper_number, t.question_index LIMIT 1"
)
_LOCK = "SELECT * FROM plom_task WHERE id = %s FOR UPDATE"
_SAVE = "UPDATE plom_task SET status = 2, assigned_user_id = %s WHERE id = %s"


@dataclass
class Claims:
    """What one client met."""

    claimed: int = 0
    lost: int = 0  # races
    nothing: int = 0


def fill(address: str, tasks: int, users: int) -> None:
    """`address` is one that psycopg knows."""
    papers = tasks // QUESTIONS
    with psycopg.connect(address) as connection:
        for statement in _TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO plom_user (username) SELECT 'marker' || n FROM generate_series(1, %s) n", (users,))
        connection.execute("INSERT INTO plom_paper (paper_number) SELECT n FROM generate_series(1, %s) n", (papers,))
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO plom_task (paper_id, code, question_index, question_version, marking_priority) "
            "SELECT n, 'q' || n || 'g' || q, q, 1, floor(random() * 1001) "
            "FROM generate_series(1, %s) n CROSS JOIN generate_series(1, %s) q",
            (papers, QUESTIONS),
        )
        for statement in _INDEXES.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


class Client:
    """One marker's client, and the server's thread that serves it."""

    def __init__(self, address: str, user: int) -> None:
        self._connection = psycopg.connect(address)
        self._user = user
        self.met = Claims()
        self._question = random.Random(user).randint(1, QUESTIONS)

    def claim(self) -> int | None:
        """A task that is this client's now, however often the race is lost."""
        for _ in range(MOST_TRIES):
            task = self._first()
            if task is None:
                self.met.nothing += 1
                return None
            if self._assign(task):
                self.met.claimed += 1
                return task
            self.met.lost += 1
        return None

    def _first(self) -> int | None:
        with self._connection.transaction():
            users = self._connection.execute("SELECT username FROM plom_user WHERE id <> %s", (self._user,)).fetchall()
            known = {"question": self._question, "others": [f"@{row[0]}" for row in users]}
            if self._connection.execute(_ANY, known).fetchone() is None:
                return None
            found = self._connection.execute(_FIRST, known).fetchone()
            return int(found[0]) if found else None

    def _assign(self, task: int) -> bool:
        with self._connection.transaction():
            row = self._connection.execute(_LOCK, (task,)).fetchone()
            if row is None or row[2] != 1:
                return False
            self._connection.execute(_SAVE, (self._user, task))
            return True

    def close(self) -> None:
        self._connection.close()
