"""`markhall doctor` says of each part whether it is there, and what to do where it is not."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.doctor import Finding, findings
from core.settings import Settings
from scoring import keys
from tests.parts.bucket import BucketServer, free_port


def told(settings: Settings, *, ahead: float = 0.0) -> Mapping[str, Finding]:
    return {one.part: one for one in findings(settings, now=lambda: datetime.now(UTC) + timedelta(seconds=ahead))}


def test_many_machines_addresses_are_tried_out(
    tmp_path: Path, postgres_url: str, redis_url: str, bucket_server: BucketServer, built_client: None
) -> None:
    store = bucket_server.make(f"doctor-{secrets.token_hex(4)}")
    found = told(Settings.at(tmp_path, database_url=postgres_url, redis_url=redis_url, store_url=store))
    assert {part: one.state for part, one in found.items() if part not in ("second barcode decoder", "release key")} == dict.fromkeys(
        ("markhall", "queue server", "web client", "database", "tables", "clock", "picture store", "disk"), "ok"
    ), found
    assert found["database"].detail.startswith("PostgreSQL 1")
    assert found["queue server"].detail.split()[0] in ("Valkey", "Redis")
    assert "written, read and removed" in found["picture store"].detail


def test_one_machines_defaults_need_no_server(tmp_path: Path, sqlite_url: str, built_client: None) -> None:
    found = told(Settings.at(tmp_path, database_url=sqlite_url))
    assert found["picture store"].state == "ok"
    assert "GiB free" in found["picture store"].detail
    assert found["tables"].state == "ok"
    assert "clock" not in found  # SQLite has this machine's own


def test_a_clock_that_is_off_is_seen_and_so_is_the_way(tmp_path: Path, postgres_url: str) -> None:
    settings = Settings.at(tmp_path, database_url=postgres_url)
    assert "3.0" in told(settings, ahead=3)["clock"].detail
    assert told(settings, ahead=3)["clock"].state == "missing"
    assert "behind" in told(settings, ahead=-3)["clock"].detail


def test_what_is_away_is_one_line_each_with_its_place(tmp_path: Path, bucket_server: BucketServer) -> None:
    port = free_port()
    settings = Settings.at(
        tmp_path,
        database_url=f"postgresql://nobody:secret@127.0.0.1:{port}/none?connect_timeout=2",
        redis_url=f"redis://:secret@127.0.0.1:{port}/0",
        store_url=bucket_server.url("nobodys-bucket"),
    )
    found = told(settings)
    for part in ("database", "queue server", "picture store"):
        assert found[part].state == "missing"
        assert "\n" not in found[part].detail
        assert "secret" not in found[part].detail
    assert "there is no such bucket. Make it" in found["picture store"].detail


def test_a_fresh_machine_lacks_nothing_and_is_told_how_tables_are_made(tmp_path: Path, built_client: None) -> None:
    found = told(Settings.at(tmp_path / "new"))
    assert [one for one in found.values() if one.state == "missing"] == []
    assert "markhall migrate" in found["tables"].detail
    assert [path.name for path in (tmp_path / "new" / "pictures").rglob("*")] == []


def test_an_older_database_names_the_command(tmp_path: Path, sqlite_url: str) -> None:
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
        database.commit()
    found = told(Settings.at(tmp_path, database_url=sqlite_url))["tables"]
    assert found.state == "missing"
    assert "markhall migrate" in found.detail


def test_machines_compare_the_key_that_signs_releases(tmp_path: Path) -> None:
    assert told(Settings.at(tmp_path))["release key"].state == "off"
    key = keys.release_key(tmp_path)
    assert told(Settings.at(tmp_path))["release key"].detail == keys.fingerprint(keys.public_hex(key))
