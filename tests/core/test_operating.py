"""The examples of an installation on several machines, and the page about it, name what exists."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from api.cli import app
from core.settings import Settings
from core.store.bucket import BucketAddress

NAME = re.compile(r"\b(?:MARKHALL|AWS)_[A-Z0-9_]+\b")
COMMAND = typer.main.get_command(app)
OTHERS = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "examples" / "operating"


@pytest.fixture(scope="module")
def pages(root: Path) -> tuple[str, str]:
    english, chinese = ((root / "docs" / name).read_text("utf-8") for name in ("operating.md", "operating.zh-CN.md"))
    return english, chinese


def in_code(root: Path) -> set[str]:
    files = [file for room in ("core", "scanner", "omr", "marking", "scoring", "api") for file in (root / room).rglob("*.py")]
    return {name.rstrip("_") for file in files for name in NAME.findall(file.read_text("utf-8"))}


def units(folder: Path) -> Iterator[tuple[str, configparser.ConfigParser]]:
    for file in sorted(folder.glob("*.service")):
        parsed = configparser.ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
        parsed.read(file, "utf-8")
        yield file.name, parsed


def assert_exists(words: list[str]) -> None:
    """A command line of `markhall` whose command and options are there."""
    command: Any = COMMAND
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest, words
        assert rest[0] in command.commands, words
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known, words


def environment(folder: Path) -> dict[str, str]:
    lines = (folder / "markhall.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_environment_file_opens_an_installation(folder: Path, root: Path) -> None:
    named = environment(folder)
    assert named.keys() <= in_code(root) | OTHERS
    settings = Settings.from_environment(named)
    assert settings.database_url.startswith("postgresql://")
    assert settings.redis_url.startswith("redis://")
    address = BucketAddress.read(settings.store_url, named)
    assert (address.bucket, address.prefix, address.endpoint) == ("exam-scans", "2026", "https://s3.hall.example")


def test_every_service_of_the_compose_file_starts_a_command_that_exists(folder: Path) -> None:
    compose = yaml.safe_load((folder / "compose.yaml").read_text("utf-8"))
    ours = {name: one for name, one in compose["services"].items() if one["image"] == "markhall"}
    assert ours.keys() == {"migrate", "web", "reader"}
    for one in ours.values():
        assert_exists(one["command"])
        assert (folder / one["env_file"]).is_file()
    assert all(one.get("profiles") for one in compose["services"].values())
    mounted = {volume.partition(":")[0] for one in compose["services"].values() for volume in one.get("volumes", ())}
    assert {name for name in mounted if not name.startswith(".")} == compose["volumes"].keys()
    assert all((folder / name).is_file() for name in mounted if name.startswith("."))


def test_every_unit_starts_a_command_that_exists(folder: Path) -> None:
    found = dict(units(folder))
    assert found.keys() == {f"markhall-{name}.service" for name in ("web@", "reader@", "migrate", "store-check")}
    for unit in found.values():
        program, *words = shlex.split(unit["Service"]["ExecStart"])
        assert program == "/opt/markhall/bin/markhall"
        assert_exists(words)
        assert unit["Service"]["EnvironmentFile"] == "/etc/markhall/markhall.env"


def test_systemd_itself_understands_the_units(folder: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    files = [*folder.glob("*.service"), *folder.glob("*.timer")]
    for file in files:  # the program is not installed where the tests run
        (tmp_path / file.name).write_text(file.read_text("utf-8").replace("/opt/markhall/bin/markhall", "/bin/true"), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", *(str(tmp_path / file.name) for file in files)], capture_output=True, text=True)
    mine = [line for line in done.stderr.splitlines() if "markhall" in line]
    assert mine == []


def test_the_page_names_every_variable_and_no_other(pages: tuple[str, str], root: Path) -> None:
    for page in pages:
        assert in_code(root) <= set(NAME.findall(page))
        assert set(NAME.findall(page)) <= in_code(root)


def test_the_page_names_commands_that_exist(pages: tuple[str, str]) -> None:
    for page in pages:
        commands = re.findall(r"`markhall ([^`]+)`", page)
        assert len(commands) > 10
        for line in commands:
            assert_exists([word for word in shlex.split(line) if not word.isupper() and word != "..."])


def test_both_languages_have_the_same_parts(pages: tuple[str, str]) -> None:
    english, chinese = pages
    for outline in (r"^#{1,3} ", r"^\|", r"^```", r"`markhall [a-z]"):
        assert len(re.findall(outline, english, re.M)) == len(re.findall(outline, chinese, re.M)), outline
