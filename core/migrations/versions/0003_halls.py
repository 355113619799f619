"""Halls: numbers that scanners print, tokens for some batches, clerks' looks and leases, rooms, readings beside the first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import core.tables.base

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = core.tables.base.UtcTime(timezone=True)
WAITS = sa.text("state = 'received'")
UNSETTLED = sa.text("state IN ('expected', 'present')")
NEW_TABLES = ("papers_scanned", "room_closings", "rereadings", "reread_pages", "desk_leases", "looks")  # in order of what points to what


def upgrade() -> None:
    _new_columns()
    _scanning_tables()
    _desk_tables()
    _rereading_tables()


def _new_columns() -> None:
    op.drop_index(op.f("ix_cases_exam_id_state"), "cases")
    op.create_index("ix_cases_exam_id_state_kind", "cases", ["exam_id", "state", "kind", "id"])
    op.drop_index(op.f("ix_attempts_exam_id"), "attempts")
    op.create_index("ix_attempts_exam_id_state", "attempts", ["exam_id", "state"])
    op.add_column("attempts", sa.Column("reading", BIG, nullable=True))
    op.add_column("receipts", sa.Column("imprint", sa.String(length=40), server_default="", nullable=False))
    op.create_index("ix_receipts_exam_id_received_at", "receipts", ["exam_id", "received_at"])
    waiting = ["exam_id", "batch_id", "sequence", "face"]
    op.create_index("ix_receipts_waiting", "receipts", waiting, postgresql_where=WAITS, sqlite_where=WAITS)
    op.add_column("batches", sa.Column("searched", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_scripts_unsettled", "scripts", ["exam_id", "paper"], postgresql_where=UNSETTLED, sqlite_where=UNSETTLED)
    op.add_column("pages", sa.Column("cut_from", BIG, nullable=True))
    op.add_column("templates", sa.Column("proposed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("responses", sa.Column("objective", sa.String(length=24), server_default="", nullable=False))
    op.add_column("stations", sa.Column("batches", sa.String(length=80), server_default="*", nullable=False))


def _scanning_tables() -> None:
    op.create_table(
        "papers_scanned",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_papers_scanned_exam_id_exams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_papers_scanned")),
        sa.UniqueConstraint("exam_id", "paper", "version", name=op.f("uq_papers_scanned_exam_id_paper_version")),
    )
    op.create_table(
        "room_closings",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("school_code", sa.String(length=80), nullable=False),
        sa.Column("room", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_room_closings_exam_id_exams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_closings")),
        sa.UniqueConstraint(
            "exam_id", "paper", "school_code", "room", "version", name=op.f("uq_room_closings_exam_id_paper_school_code_room_version")
        ),
    )


def _desk_tables() -> None:
    op.create_table(
        "desk_leases",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("case_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_desk_leases_case_id_cases")),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_desk_leases_exam_id_exams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_desk_leases_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_leases")),
        sa.UniqueConstraint("case_id", "user_id", name=op.f("uq_desk_leases_case_id_user_id")),
    )
    op.create_table(
        "looks",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("case_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("values", JSON, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("taken_back", sa.Boolean(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_looks_case_id_cases")),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_looks_exam_id_exams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_looks_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_looks")),
        sa.UniqueConstraint("case_id", "user_id", "round", name=op.f("uq_looks_case_id_user_id_round")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_looks_user_id_key")),
    )
    op.create_index(op.f("ix_desk_leases_exam_id"), "desk_leases", ["exam_id"])
    op.create_index(op.f("ix_looks_exam_id"), "looks", ["exam_id"])


def _rereading_tables() -> None:
    op.create_table(
        "rereadings",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("paper", sa.String(length=4), nullable=False),
        sa.Column("template_id", BIG, nullable=False),
        sa.Column(
            "state",
            sa.Enum("running", "done", "closed", name="rereadingstate", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("upto", BIG, nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_rereadings_exam_id_exams")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_rereadings_template_id_templates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rereadings")),
    )
    op.create_table(
        "reread_pages",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("exam_id", BIG, nullable=False),
        sa.Column("rereading_id", BIG, nullable=False),
        sa.Column("page_id", BIG, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "same",
                "differs",
                "accepted",
                "kept",
                "failed",
                "overtaken",
                name="rereadstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("differs", JSON, nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("new_page_id", BIG, nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_reread_pages_exam_id_exams")),
        sa.ForeignKeyConstraint(["new_page_id"], ["pages.id"], name=op.f("fk_reread_pages_new_page_id_pages")),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_reread_pages_page_id_pages")),
        sa.ForeignKeyConstraint(["rereading_id"], ["rereadings.id"], name=op.f("fk_reread_pages_rereading_id_rereadings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reread_pages")),
        sa.UniqueConstraint("rereading_id", "page_id", name=op.f("uq_reread_pages_rereading_id_page_id")),
    )
    op.create_index(op.f("ix_rereadings_exam_id"), "rereadings", ["exam_id"])
    op.create_index("ix_reread_pages_rereading_id_state", "reread_pages", ["rereading_id", "state"])


def downgrade() -> None:
    for name in reversed(NEW_TABLES):
        op.drop_table(name)
    with op.batch_alter_table("responses", schema=None) as batch_op:
        batch_op.drop_column("objective")
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_column("batches")
    with op.batch_alter_table("templates", schema=None) as batch_op:
        batch_op.drop_column("proposed")
    with op.batch_alter_table("pages", schema=None) as batch_op:
        batch_op.drop_column("cut_from")
    op.drop_index("ix_scripts_unsettled", "scripts")
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.drop_column("searched")
    op.drop_index("ix_receipts_waiting", "receipts")
    op.drop_index("ix_receipts_exam_id_received_at", "receipts")
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_column("imprint")
    op.drop_index("ix_attempts_exam_id_state", "attempts")
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_column("reading")
    op.create_index(op.f("ix_attempts_exam_id"), "attempts", ["exam_id"])
    op.drop_index("ix_cases_exam_id_state_kind", "cases")
    op.create_index(op.f("ix_cases_exam_id_state"), "cases", ["exam_id", "state"])
