"""The real scans of a form made by others: every cell as its truth says, none in doubt."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from core.template import load_template
from omr.files import read_file, read_files
from omr.reading import Reader


@pytest.fixture(scope="module")
def openmcr(shared_data: Path) -> Path:
    folder = shared_data / "openmcr"
    if not folder.is_dir():
        pytest.skip(f"the set openmcr is not in {shared_data}")
    return folder


@pytest.mark.parametrize("part", ["75q-core-1", "75q-core-2"])
def test_every_cell_of_the_set_is_as_its_truth_says(openmcr: Path, root: Path, tmp_path: Path, part: str) -> None:
    done: list[int] = []
    out = tmp_path / "out.csv"
    summary = read_files(root / "examples" / "openmcr-75q" / "template.json", [openmcr / part], out, progress=lambda n, of: done.append(n))
    with out.open(encoding="utf-8") as source:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(source)}
    with (openmcr / "truth.csv").open(encoding="utf-8") as source:
        truth = [row for row in csv.DictReader(source) if row["set"] == part]
    assert {(name, row["status"], row["doubt"]) for name, row in rows.items() if row["status"] != "ok" or row["doubt"]} == set()
    assert [t for t in truth if rows[t["file"]][t["field"]] != t["value"].strip()] == []
    assert summary.pages == summary.ok == len({t["file"] for t in truth}) == len(done)
    assert all(row["candidate"] == row["sid"] for row in rows.values())


def test_the_form_printed_blank_and_rendered_from_its_pdf_is_read_as_blank(openmcr: Path, root: Path) -> None:
    template = load_template(root / "examples" / "openmcr-75q" / "template.json")
    (page,) = read_file(Reader([template]), openmcr / "multiple_choice_sheet_75q.pdf")
    assert page.row[2] == "ok", page.row
    assert set(page.row[3:-2]) == {""}
