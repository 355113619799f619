"""OMRChecker's own samples, read from its templates: held against what its engine prints, but where that was judged wrong.

What was judged by looking at the pictures is told in docs/foreign-comparison.md.
"""

from __future__ import annotations

import csv
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.judged import Judged
from core.errors import TemplateInvalid
from omr.files import files_of, read_files

Place = tuple[str, str]  # folder and file of a sample
ON_PAPER = {("3-answer-key/using-image-grouping", "angle-1.jpg", "q31"): "D"}
"""Where that engine's own answer is not what is on the paper."""


def judge_omrchecker(folder: Path) -> Judged:
    samples = folder / "samples"
    truth: dict[Place, dict[str, str]] = defaultdict(dict)
    with (folder / "engine_output_long.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            place = row["sample_dir"], row["file"]
            if (samples / row["sample_dir"] / row["file"]).is_file():
                truth[place][row["field"]] = ON_PAPER.get((*place, row["field"]), row["value"])
    found = _read(samples, set(truth))
    wrong = [
        f"omrchecker {'/'.join(place)} {name}: true {value!r}, read {found[place][name]!r}"
        for place in truth.keys() & found.keys()
        if found[place]["status"] != "rejected"
        for name, value in truth[place].items()
        if name not in found[place]["doubt"].split() and found[place][name].replace("|", "") != value
    ]
    to_a_person = sum(place not in found or found[place]["status"] != "ok" for place in truth)
    return Judged(len(truth), to_a_person, sum(len(fields) for fields in truth.values()), wrong)


def _read(samples: Path, places: set[Place]) -> dict[Place, dict[str, str]]:
    """The rows of `markhall read` for the samples whose template converts."""
    found: dict[Place, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.csv"
        for template in sorted({_template_above(samples / sample) for sample, _ in places}):
            pictures = [p for p in files_of([template.parent]) if _place(samples, p) in places]
            try:
                read_files(template, pictures, out)
            except TemplateInvalid:
                continue  # its pages go to a person
            with out.open(encoding="utf-8") as source:
                found |= {_place(samples, Path(row["file"])): row for row in csv.DictReader(source)}
    return found


def _place(samples: Path, picture: Path) -> Place:
    return str(picture.parent.relative_to(samples)), picture.name


def _template_above(folder: Path) -> Path:
    while not (folder / "template.json").is_file():
        folder = folder.parent
    return folder / "template.json"
