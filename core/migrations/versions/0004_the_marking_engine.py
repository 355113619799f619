"""The marking engine: queues by an index, definitive marks, where markers stand, checks, stops, alarms, extra marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import core.tables.base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = core.tables.base.UtcTime(timezone=True)
WAITING = sa.text("state = 'open' AND marker_id IS NULL")
OWN = sa.text("state = 'open' AND marker_id IS NOT NULL")
BESIDE_A_KEY = ("scripts", "candidates", "candidate_details")  # which have a key that begins with the exam
NEW_TABLES = ("seeds", "standings", "stops", "alarms", "checks")  # in order of what points to what


def upgrade() -> None:
    _queues()
    _seeds()
    _standings()
    _stops_and_alarms()
    _checks()


def _queues() -> None:
    op.drop_index(op.f("ix_ledger_exam_id"), table_name="ledger")
    op.drop_index(op.f("ix_ledger_heads_exam_id"), table_name="ledger_heads")
    for table in BESIDE_A_KEY:
        op.drop_index(op.f(f"ix_{table}_exam_id"), table_name=table)
    op.add_column("responses", sa.Column("extra", sa.Integer(), server_default="0", nullable=False))
    op.drop_index(op.f("ix_tasks_exam_id_paper_group_level_state"), table_name="tasks")
    op.create_index("ix_tasks_own", "tasks", ["marker_id"], postgresql_where=OWN, sqlite_where=OWN)
    op.create_index(
        "ix_tasks_waiting", "tasks", ["exam_id", "paper", "group", "level", "shuffle"], postgresql_where=WAITING, sqlite_where=WAITING
    )


def _seeds() -> None:
    op.create_table(
        "seeds",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("response_id", BIG, nullable=False),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("group", sa.String(length=24), nullable=False),
        sa.Column(
            "use",
            sa.Enum("trial", "first", "second", "live", name="seeduse", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("values", JSON, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_seeds_exam_id_exams")),
        sa.ForeignKeyConstraint(["response_id"], ["responses.id"], name=op.f("fk_seeds_response_id_responses")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seeds")),
        sa.UniqueConstraint("response_id", "use", name=op.f("uq_seeds_response_id_use")),
    )
    op.create_index("ix_seeds_exam_id_paper_group_use", "seeds", ["exam_id", "paper", "group", "use"])


def _standings() -> None:
    op.create_table(
        "standings",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("group", sa.String(length=24), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "trial",
                "first",
                "second",
                "live",
                "failed",
                "stopped",
                "suspended",
                name="standingstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("today", sa.Integer(), nullable=False),
        sa.Column("marks", sa.Integer(), nullable=False),
        sa.Column("until_seed", sa.Integer(), nullable=False),
        sa.Column("until_self", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_standings_exam_id_exams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_standings_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standings")),
        sa.UniqueConstraint("user_id", "exam_id", "paper", "group", name=op.f("uq_standings_user_id_exam_id_paper_group")),
    )


def _stops_and_alarms() -> None:
    op.create_table(
        "stops",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("group", sa.String(length=24), nullable=False),
        sa.Column("rule", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("put_back", JSON, nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("lifted_by", sa.String(length=80), nullable=False),
        sa.Column("lifted_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_stops_exam_id_exams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_stops_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stops")),
    )
    op.create_index(op.f("ix_stops_exam_id"), "stops", ["exam_id"])
    op.create_table(
        "alarms",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("user_id", BIG, nullable=True),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("group", sa.String(length=24), nullable=False),
        sa.Column("item", sa.String(length=24), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("limit", sa.Float(), nullable=False),
        sa.Column("marks", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "seen", "over", name="alarmstate", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_alarms_exam_id_exams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_alarms_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    op.create_index("ix_alarms_exam_id_state", "alarms", ["exam_id", "state"])


def _checks() -> None:
    op.create_table(
        "checks",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("mark_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("group", sa.String(length=24), nullable=False),
        sa.Column(
            "kind", sa.Enum("seed", "self", "back", name="checkkind", native_enum=False, create_constraint=True, length=20), nullable=False
        ),
        sa.Column("use", sa.String(length=8), nullable=False),
        sa.Column("against", BIG, nullable=True),
        sa.Column("seed_id", BIG, nullable=True),
        sa.Column("differences", JSON, nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["against"], ["marks.id"], name=op.f("fk_checks_against_marks")),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_checks_exam_id_exams")),
        sa.ForeignKeyConstraint(["mark_id"], ["marks.id"], name=op.f("fk_checks_mark_id_marks")),
        sa.ForeignKeyConstraint(["seed_id"], ["seeds.id"], name=op.f("fk_checks_seed_id_seeds")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_checks_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
        sa.UniqueConstraint("mark_id", "kind", name=op.f("uq_checks_mark_id_kind")),
    )
    op.create_index(op.f("ix_checks_exam_id"), "checks", ["exam_id"])
    op.create_index("ix_checks_user_id_exam_id", "checks", ["user_id", "exam_id"])


def downgrade() -> None:
    for name in reversed(NEW_TABLES):
        op.drop_table(name)
    op.drop_index("ix_tasks_waiting", "tasks")
    op.drop_index("ix_tasks_own", "tasks")
    op.create_index(op.f("ix_tasks_exam_id_paper_group_level_state"), "tasks", ["exam_id", "paper", "group", "level", "state"])
    with op.batch_alter_table("responses", schema=None) as batch_op:
        batch_op.drop_column("extra")
    for table in BESIDE_A_KEY:
        op.create_index(op.f(f"ix_{table}_exam_id"), table, ["exam_id"])
    op.create_index(op.f("ix_ledger_heads_exam_id"), "ledger_heads", ["exam_id"])
    op.create_index(op.f("ix_ledger_exam_id"), "ledger", ["exam_id"])
