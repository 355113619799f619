"""A table of answers is read within a budget of mistakes: the likeliest go under review, the others hold the promise."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import simplejpeg

from core.errors import BadInput
from core.template import dump_template
from omr.files import read_files
from omr.looks import Looks, put_under_review
from tests.omr.drawn import KEY, Drawing, answers, form


def test_the_likeliest_mistakes_are_chosen_until_the_others_are_within_the_budget() -> None:
    looks = Looks()
    looks.note(1, [("Q1", 0.02), ("Q2", 1e-12)])
    looks.note(2, [("Q1", 0.3), ("Q2", 0.001)])
    assert looks.choose(0.0211) == {2: ["Q1"]}
    assert looks.expected == pytest.approx(0.021)


def test_chosen_rows_go_under_review_and_the_others_stay_as_they_are(tmp_path: Path) -> None:
    table = tmp_path / "out.csv"
    rows = [["file", "page", "status", "candidate", "Q1", "doubt", "reason"], ["a", "1", "ok", "7", "A", "", ""]]
    rows += [["b", "1", "ok", "8", "B", "", ""], ["c", "1", "review", "9", "", "Q1", "Q1: too faint"]]
    with table.open("w", encoding="utf-8", newline="") as sink:
        csv.writer(sink).writerows(rows)
    assert put_under_review(table, {2: ["Q1"], 3: ["Q1"]}) == 1
    with table.open(encoding="utf-8", newline="") as source:
        after = list(csv.reader(source))
    assert after[:2] == rows[:2]
    assert after[2] == ["b", "1", "review", "8", "B", "Q1", "Q1: the budget of wrong answers asks for a look"]
    assert after[3] == rows[3]


def test_reading_says_what_it_expects_and_a_hard_budget_asks_for_more_looks(tmp_path: Path) -> None:
    pixels = Drawing(answers(KEY)).page().pixels
    (tmp_path / "page.jpg").write_bytes(simplejpeg.encode_jpeg(pixels[:, :, None], quality=90, colorspace="GRAY", colorsubsampling="Gray"))
    template = tmp_path / "template.json"
    template.write_text(dump_template(form()), encoding="utf-8")
    plain = read_files(template, [tmp_path / "page.jpg"], tmp_path / "plain.csv")
    assert plain.ok == 1
    assert 0 < plain.expected_wrong < 0.1
    hard = read_files(template, [tmp_path / "page.jpg"], tmp_path / "hard.csv", expected_wrong=plain.expected_wrong / 2)
    assert hard.review == 1
    assert hard.expected_wrong <= plain.expected_wrong / 2


@pytest.mark.parametrize("allowed", [0.0, -1.0, float("nan")])
def test_a_budget_that_cannot_be_kept_is_refused_before_anything_is_read(tmp_path: Path, allowed: float) -> None:
    with pytest.raises(BadInput, match="above zero"):
        read_files(tmp_path / "form.json", [tmp_path], tmp_path / "out.csv", expected_wrong=allowed)
    assert not (tmp_path / "out.csv").exists()
