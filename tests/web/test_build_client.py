"""The client is built once for its sources, from either Node.js, and into every wheel."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

import web
from web import build_client

START_KIB, ROOM_KIB = 56, 24  # packed: what a marker's first look fetches, and what entering another room adds


def planted(folder: Path) -> tuple[Path, Path]:
    """A client's folder, and a static folder that says it was built from it."""
    client, static = folder / "client", folder / "static"
    (client / "src").mkdir(parents=True)
    (client / "src/main.ts").write_text("export {};\n")
    static.mkdir()
    (static / "index.html").write_text("<!doctype html>\n")
    (static / build_client.STAMP).write_text(build_client.fingerprint(client) + "\n")
    return client, static


def test_nothing_is_built_while_the_sources_stay(tmp_path: Path) -> None:
    client, static = planted(tmp_path)
    assert build_client.build(client, static) is False


@pytest.mark.parametrize("change", ["edit", "add", "rename"])
def test_a_changed_source_makes_the_built_client_old(tmp_path: Path, change: str) -> None:
    client, static = planted(tmp_path)
    source = client / "src/main.ts"
    if change == "edit":
        source.write_text("export const one = 1;\n")
    elif change == "add":
        (client / "src/more.ts").write_text("")
    else:
        source.rename(client / "src/first.ts")
    assert not build_client.is_current(client, static)


def test_what_npm_puts_there_is_no_source(tmp_path: Path) -> None:
    client, static = planted(tmp_path)
    (client / "node_modules/x").mkdir(parents=True)
    (client / "node_modules/x/index.js").write_text("")
    assert build_client.is_current(client, static)


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("v18.20.4", False),
        ("v20.18.1", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0", True),
        ("", False),
    ],
)
def test_node_is_used_from_the_version_that_vite_asks_for(version: str, enough: bool) -> None:
    assert build_client.new_enough(version) is enough


def test_without_node_the_build_asks_for_the_packaged_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build_client.needed_packages() == [build_client.NODE_PACKAGE]
    monkeypatch.setattr(build_client, "packaged_node", lambda: None)
    with pytest.raises(build_client.ClientNotBuilt, match=r"Node\.js 20\.19 or newer.*pip install"):
        build_client.find_node()


def test_a_build_that_fails_says_what_npm_said(tmp_path: Path) -> None:
    client, static = planted(tmp_path)
    (client / "package-lock.json").write_text("{")
    (client / "package.json").write_text("{")
    (client / "src/main.ts").write_text("broken")
    with pytest.raises(build_client.ClientNotBuilt, match=r"package\.json"):
        build_client.build(client, static)
    assert (static / "index.html").is_file()


def test_the_built_client_asks_for_nothing_from_elsewhere(built_client: None) -> None:
    index = (web.STATIC / "index.html").read_text("utf-8")
    assert re.findall(r'(?:src|href)="(?!/assets/)[^"]*"', index) == []
    assert re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|<style|\son\w+=", index) is None
    scripts = "".join(path.read_text("utf-8") for path in web.STATIC.glob("assets/*.js"))
    assert set(re.findall(r"https?://([\w.-]+)", scripts)) <= {"svelte.dev", "www.w3.org"}


def test_the_client_stays_small(built_client: None) -> None:
    index = (web.STATIC / "index.html").read_text("utf-8")
    at_once = set(re.findall(r'"/assets/([^"]+)"', index))
    packed = {path.name: len(gzip.compress(path.read_bytes())) for path in web.STATIC.rglob("*") if path.is_file()}
    assert sum(packed[name] for name in at_once | {"index.html"}) < START_KIB * 1024
    rooms = {name.partition("-")[0] for name in packed if name not in at_once and name.endswith(".js")}
    assert rooms >= {"Desk", "Hall", "Office", "Rooms"}  # a marker carries none of them
    for room in rooms:
        assert sum(size for name, size in packed.items() if name.startswith(f"{room}-") and name not in at_once) < ROOM_KIB * 1024


def test_no_source_parses_markup_or_runs_text() -> None:
    risky = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|\{@html|\beval\(|new Function\(|document\.write")
    found = [str(path) for path in build_client.sources() if path.suffix in {".ts", ".svelte"} and risky.search(path.read_text("utf-8"))]
    assert found == []
