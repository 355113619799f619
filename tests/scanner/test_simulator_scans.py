"""Printed sheets become files: the same for a seed, true to what was told, each trouble visible and accounted for."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray
from PIL import Image

from core.errors import BadInput
from core.ids import PageCode
from scanner.simulator import simulate
from scanner.simulator.cards import Stack
from scanner.simulator.rates import BATCHES, EVENTS, HANDS, MARKS, SIDES, Rates
from scanner.simulator.run import SimulationSummary, simulate_with
from scanner.simulator.scanner import SETTINGS, plan_scanner
from tests.scanner.simulator_form import stack, told, write_form

Files = dict[str, bytes]
QUIET = {"pencil_hb", "written_in_pencil", "written_in_blue", *SETTINGS}
"""Differences that are no trouble: a side with them is a clean side."""


@pytest.fixture(scope="module")
def one_card(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return stack(tmp_path_factory.mktemp("form"))


@pytest.fixture(scope="module")
def make(one_card: Stack, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[SimulationSummary, Path]]:
    def run(*only: str, seed: int = 1) -> tuple[SimulationSummary, Path]:
        out = tmp_path_factory.mktemp("out")
        return simulate_with(one_card, out, rates=Rates("harsh", frozenset(only)), seed=seed), out

    return run


@pytest.fixture(scope="module")
def undisturbed(make: Callable[..., tuple[SimulationSummary, Path]]) -> Callable[[int], Files]:
    made: dict[int, Files] = {}

    def files_for(seed: int) -> Files:
        if seed not in made:
            made[seed] = files(make(seed=seed)[1])
        return made[seed]

    return files_for


def files(out: Path) -> Files:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def picture(path: Path) -> NDArray[np.uint8]:
    found = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert found is not None
    return np.asarray(found, np.uint8)


def test_the_same_seed_gives_the_same_files_whatever_the_jobs(tmp_path: Path) -> None:
    pdf, answers = write_form(tmp_path, sheets=6)
    one = simulate(pdf, answers, tmp_path / "one", trouble="harsh", seed=3, jobs=1)
    two = simulate(pdf, answers, tmp_path / "two", trouble="harsh", seed=3, jobs=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert one.frames == two.frames > 0


def test_another_seed_gives_other_pictures(make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    assert files(make(seed=1)[1]) != files(make(seed=2)[1])


def test_at_none_truth_is_what_was_told_and_every_side_is_clean(tmp_path: Path) -> None:
    pdf, answers = write_form(tmp_path, sheets=4)
    summary = simulate(pdf, answers, tmp_path / "out", trouble="none", seed=2)
    truth = rows(tmp_path / "out" / "truth.csv")
    for sheet in {r["sheet"] for r in truth}:
        assert {r["field"]: r["value"] for r in truth if r["sheet"] == sheet} == told()
    assert not any(r["note"] for r in truth)
    assert (summary.clean, summary.frames, summary.ambiguous, summary.rescans) == (8, 8, 0, 0)


def test_frames_lie_in_scanning_order_and_are_all_listed(tmp_path: Path) -> None:
    pdf, answers = write_form(tmp_path, sheets=3)
    simulate(pdf, answers, tmp_path / "out", trouble="none", seed=2)
    listed = [r["file"] for r in rows(tmp_path / "out" / "frames.csv")]
    assert listed == [f"scans/B001/{card:05d}-{face}.jpg" for card in (1, 2, 3) for face in (1, 2)]
    assert listed == sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out" / "scans").rglob("*.jpg"))


def test_the_printed_codes_can_be_read_from_a_clean_scan(make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    _, out = make()
    found = {b.text for b in zxingcpp.read_barcodes(picture(out / "scans/B001/00001-1.jpg"))}
    assert {PageCode.parse(text) for text in found} >= {PageCode("TEST", "M", "1", "010000001", 1)}
    assert told()["number"] in found


@pytest.mark.parametrize("name", [*HANDS, *MARKS, *SIDES])
def test_each_trouble_of_a_card_changes_the_picture_and_is_named(
    name: str, make: Callable[..., tuple[SimulationSummary, Path]], undisturbed: Callable[[int], Files]
) -> None:
    summary, out = make(name)
    assert [k for k in files(out) if k.startswith("scans")] == [k for k in undisturbed(1) if k.startswith("scans")]
    assert any(data != undisturbed(1)[k] for k, data in files(out).items() if k.startswith("scans"))
    shown = "cancelled" if name == "cancelled_alone" else name
    assert name in QUIET or summary.troubles[shown] > 0


@pytest.mark.parametrize("name", BATCHES)
def test_each_trouble_of_a_scanner_changes_the_picture_and_is_named(
    name: str, make: Callable[..., tuple[SimulationSummary, Path]], undisturbed: Callable[[int], Files]
) -> None:
    rates = Rates("harsh", frozenset({name}))
    seed = next(s for s in itertools.count() if name != "streak" or ((d := plan_scanner(1, rates, s).streak) and d.first == 1))
    summary, out = make(name, seed=seed)
    assert files(out) != undisturbed(seed)
    assert name in QUIET or summary.troubles[name] > 0


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_is_counted_and_changes_what_the_scanner_delivers(
    name: str, make: Callable[..., tuple[SimulationSummary, Path]], undisturbed: Callable[[int], Files]
) -> None:
    summary, out = make(name)
    assert summary.events == {name: 1}
    delivered, before = ({k: v for k, v in f.items() if k.startswith("scans")} for f in (files(out), undisturbed(1)))
    assert delivered != before


@pytest.mark.parametrize("name", ["missing_side", "missing_sheet", "blank", "unreadable_code", "unreadable_barcode", "torn_corner"])
def test_a_side_that_cannot_be_read_can_be_scanned_again(name: str, make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    _, out = make(name)
    again = sorted((out / "rescans").iterdir())
    assert again
    for path in again:
        sheet, side = path.stem.split("-")
        found = {PageCode.parse(b.text) for b in zxingcpp.read_barcodes(picture(path))}
        assert PageCode("TEST", "M", "1", sheet, int(side)) in found


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_page_code_is_not_readable(seed: int, make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    _, out = make("unreadable_code", seed=seed)
    struck = next(r for r in rows(out / "frames.csv") if r["event"] == "unreadable_code")
    assert not any(PageCode.parse(b.text) for b in zxingcpp.read_barcodes(picture(out / struck["file"])))


def test_a_wrong_number_leaves_the_truth_and_says_so(make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    _, out = make("wrong_number")
    row = next(r for r in rows(out / "truth.csv") if r["field"] == "number")
    assert row["value"] == told()["number"]
    assert "is filled instead of" in row["note"]


def test_a_card_of_another_exam_names_another_exam(make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    names = set()
    for seed in range(6):
        _, out = make("foreign", seed=seed)
        for row in rows(out / "frames.csv"):
            if row["event"] == "foreign":
                assert (row["sheet"], row["side"]) == ("", "")
                names |= {code.exam for b in zxingcpp.read_barcodes(picture(out / row["file"])) if (code := PageCode.parse(b.text))}
    assert names == {"OTHER"}


def test_ambiguous_ink_is_ambiguous_in_the_truth(make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    summary, out = make("ring")
    assert {r["value"] for r in rows(out / "truth.csv") if r["field"].startswith("Q")} == {"ambiguous"}
    assert summary.ambiguous == sum(r["value"] == "ambiguous" for r in rows(out / "truth.csv"))


def test_the_summary_lists_every_trouble_with_its_count(make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    summary, _ = make("missing_side", "holes")
    assert str(summary).splitlines()[1:] == ["events: missing_side 1", "troubles: holes 1"]


def test_a_one_bit_scan_is_a_g4_tiff(make: Callable[..., tuple[SimulationSummary, Path]]) -> None:
    _, out = make("one_bit")
    with Image.open(out / "scans/B001/00001-1.tif") as image:
        assert (image.mode, image.info["compression"]) == ("1", "group4")
        assert image.info["dpi"] == (200, 200)


def test_a_new_run_leaves_nothing_of_the_old_one(one_card: Stack, tmp_path: Path) -> None:
    simulate_with(one_card, tmp_path, rates=Rates("harsh", frozenset({"blank"})), seed=1)
    simulate_with(one_card, tmp_path, rates=Rates("none"), seed=1)
    assert list((tmp_path / "rescans").iterdir()) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("010000001,Q1,X", "no value 'X'"),
        ("010000001,Q99,A", "no field or region 'Q99'"),
        ("019999991,Q1,A", "no sheet '019999991'"),
        ("010000001,W,1.5", "not a share"),
        ("010000001,number,123456789", "longer"),
    ],
)
def test_a_wrong_answers_file_gets_one_clear_sentence(line: str, says: str, tmp_path: Path) -> None:
    pdf, answers = write_form(tmp_path)
    answers.write_text(f"sheet,field,value\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=says) as caught:
        simulate(pdf, answers, tmp_path / "out", trouble="none", seed=1)
    assert f"{answers}, line 2" in caught.value.where


def test_an_unknown_trouble_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no trouble 'awful'"):
        simulate(tmp_path / "form.pdf", tmp_path / "answers.csv", tmp_path, trouble="awful", seed=1)
