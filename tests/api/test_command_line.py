"""Wrong input at the command line: one sentence with its place, the promised exit status, and no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.cli import main
from core.settings import Settings
from core.site import open_site
from core.tables import Batch

Say = Callable[..., tuple[int, str]]
EXAMPLE = Path(__file__).parents[2] / "examples" / "demo-exam" / "exam.yaml"


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command in an empty folder with an installation of its own: its exit status and what it told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARKHALL_HOME", str(tmp_path / "site"))
    for name in ("MARKHALL_DATABASE_URL", "MARKHALL_REDIS_URL", "MARKHALL_STORE_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["markhall", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return run


def test_an_installation_that_is_new_has_no_exam_and_says_how_to_load_one(say: Say) -> None:
    assert say("status", "--exam", "DEMO") == (2, "markhall: exam: there is no exam DEMO. Load it with `markhall exam load EXAM.yaml`.\n")


def test_a_home_that_cannot_be_made_is_named(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MARKHALL_HOME", str(tmp_path / "file" / "site"))
    status, told = say("status", "--exam", "DEMO")
    assert status == 5
    assert told.startswith(f"markhall: {tmp_path}/file")
    assert told.count("\n") == 1


def test_a_database_that_does_not_answer_is_named_by_its_setting(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKHALL_DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/none")
    status, told = say("status", "--exam", "DEMO")
    assert status == 5
    assert told.startswith("markhall: MARKHALL_DATABASE_URL: the database does not answer")
    assert told.count("\n") == 1


def test_a_station_is_told_that_its_server_has_no_address(say: Say, tmp_path: Path) -> None:
    status, told = say("station", str(tmp_path), "--url", "hall", "--exam", "DEMO", "--token", "t")
    assert (status, told) == (2, "markhall: --url: hall is no address of a server. Write it like http://127.0.0.1:8460.\n")


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("station", "nowhere", "--url", "http://127.0.0.1:1", "--exam", "DEMO", "--token", "t"), "nowhere"),
        (("demo", "--lang", "fr"), "fr"),
        (("demo", "--trouble", "wild"), "wild"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_done(say: Say, tmp_path: Path, words: tuple[str, ...], wrong: str) -> None:
    status, told = say(*words)
    assert status == 2
    assert wrong in told
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_opens_no_batch(say: Say, tmp_path: Path) -> None:
    assert say("exam", "load", str(EXAMPLE))[0] == 0
    assert say("ingest", "--exam", "DEMO", "nowhere") == (2, "markhall: nowhere: there is no such file or folder. Check its name.\n")
    with open_site(Settings.at(tmp_path / "site")).database.read() as session:
        assert session.scalar(select(func.count()).select_from(Batch)) == 0
