"""A database of any released version becomes the newest, with what is in it, and goes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from core import db


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = Config()
    made.set_main_option("script_location", str(db.MIGRATIONS))
    made.attributes["engine"] = db.Database(f"sqlite:///{tmp_path / 'old.sqlite'}")._writer
    return made


def test_pictures_of_the_first_version_are_files_of_their_own(config: Config, tmp_path: Path) -> None:
    engine = config.attributes["engine"]
    command.upgrade(config, "0001")
    with engine.begin() as connection:
        row = {"sha": "0" * 64, "at": "2026-11-21 00:00:00"}
        connection.execute(text("INSERT INTO pictures (sha256, size, media_type, stored_at) VALUES (:sha, 3, 'image/jpeg', :at)"), row)
    db.migrate(f"sqlite:///{tmp_path / 'old.sqlite'}")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT size, place FROM pictures")).all() == [(3, "")]
    command.downgrade(config, "0001")
    assert "place" not in {column["name"] for column in inspect(engine).get_columns("pictures")}
    engine.dispose()
