"""The pages of Auto Multiple Choice's own test suite, read by this engine from its layouts."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.template import Template
from omr.foreign.amc import answers_of, template_of
from omr.reading import PageReading, read_page
from scanner.decode import Page
from scanner.frames import pages_in

# Looked at: on the first the boxes of a question were painted over; on the second the boxes of three rows have another
# step than its layout, so that "ticked" is the digit printed beside an empty box.
FOR_A_PERSON = {"numeric__image_0003.tif", "upgrade__xx-copie-0002.pdf-page-1_0001.pdf.png"}


@pytest.fixture(scope="module")
def amc(shared_data: Path) -> Path:
    folder = shared_data / "amc"
    if not folder.is_dir():
        pytest.skip(f"the set amc is not in {shared_data}")
    return folder


@pytest.fixture(scope="module")
def read(amc: Path) -> dict[str, tuple[dict[str, Any], PageReading]]:
    found = {}
    for page in json.loads((amc / "pages.json").read_text()):
        found[page["image"]] = (page, read_page(_page(amc, page["image"]), [_template(page)], cut=False))
    return found


def _template(page: dict[str, Any]) -> Template:
    return template_of(page["layout"], name=page["image"], bounds=(page["seuil"], page["seuil_up"]))


def _page(amc: Path, image: str) -> Page:
    (page,) = pages_in((amc / "images" / image).read_bytes(), where=image, channel="grey")
    assert isinstance(page, Page)
    return page


def test_every_box_is_as_its_truth_says(amc: Path, read: dict[str, tuple[dict[str, Any], PageReading]]) -> None:
    truth: dict[str, dict[tuple[str, str], bool]] = defaultdict(dict)
    with (amc / "truth_boxes.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            truth[row["image"]][row["question"], row["answer"]] = row["ticked"] == "1"
    assert len(read) == 49
    assert sum(len(boxes) for boxes in truth.values()) == 3073
    for image, (page, reading) in read.items():
        ticked = answers_of(_template(page), {name: f.value for name, f in reading.fields.items()})
        assert ticked == truth[image], image


def test_only_pages_that_a_person_must_see_go_to_one(read: dict[str, tuple[dict[str, Any], PageReading]]) -> None:
    assert {image for image, (_, reading) in read.items() if reading.status != "ok"} <= FOR_A_PERSON
    assert not any(f.doubt for image, (_, r) in read.items() if image not in FOR_A_PERSON for f in r.fields.values())


def test_the_discs_are_found_where_the_truth_has_them(read: dict[str, tuple[dict[str, Any], PageReading]]) -> None:
    apart: list[float] = []
    for page, reading in read.values():
        assert reading.laid is not None
        marks = _template(page).sides[0].registration.marks
        centres = reading.laid.places(np.array([(m.x, m.y) for m in marks]))
        apart.extend(np.hypot(*(centres - np.array([m[1:3] for m in page["marks_in_scan"]])).T))
    assert float(np.median(apart)) < 0.5
