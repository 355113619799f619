"""Alembic's entry: runs the versions on the engine that `core.db.migrate` hands over, in one transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Engine

from core.tables import Table


def run() -> None:
    engine: Engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Table.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
