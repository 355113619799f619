"""Another engine beside this one: pages that share a layout are one project of it."""

import json
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peers_amc import groups_of


def test_pages_of_one_layout_are_one_group(tmp_path: Path) -> None:
    a, b = {"dpi": 300, "boxes": []}, {"dpi": 200, "boxes": []}
    pages = [{"image": "1", "layout": a}, {"image": "2", "layout": b}, {"image": "3", "layout": a}]
    (tmp_path / "pages.json").write_text(json.dumps(pages), encoding="utf-8")
    assert {tuple(p["image"] for p in group.pages) for group in groups_of(tmp_path)} == {("1", "3"), ("2",)}


def test_without_the_real_pages_there_is_no_row_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARKHALL_DATA", str(tmp_path / "none"))
    assert peers.rows() == []
    assert "MARKHALL_DATA" in capsys.readouterr().err
