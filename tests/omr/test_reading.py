"""A page is read wherever its furniture is where it should be, and never where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from omr.reading import read_page
from scanner.decode import Page
from tests.omr.drawn import KEY, PX, Drawing, answers, expected, form


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_is_read_in_each_of_the_four_turns(turn: int) -> None:
    reading = read_page(Drawing(answers(KEY)).page(turn=turn), [form()], cut=False)
    assert (reading.status, reading.reason) == ("ok", "")
    assert reading.evidence["turn"] == turn
    assert {name: f.value for name, f in reading.fields.items()} == expected()


@pytest.mark.parametrize(("skew", "stretch"), [(2.0, 1.0), (-3.0, 1.0), (0.5, 1.02), (0.0, 0.98)])
def test_skew_and_unequal_scale_change_no_answer(skew: float, stretch: float) -> None:
    reading = read_page(Drawing(answers(KEY)).page(skew=skew, stretch=stretch), [form()], cut=False)
    assert reading.status == "ok", reading.reason
    assert {name: f.value for name, f in reading.fields.items()} == expected()


def test_a_faint_hand_is_read_as_a_hand_and_its_blank_row_as_blank() -> None:
    reading = read_page(Drawing(answers(KEY, share=0.22)).page(), [form()], cut=False)
    assert {name: f.value for name, f in reading.fields.items()} == expected()


@pytest.mark.parametrize("share", [0.06, 0.08, 0.1, 0.15, 0.2])
def test_a_page_marked_too_faintly_is_in_doubt_and_never_a_page_of_blanks(share: float) -> None:
    reading = read_page(Drawing(answers(KEY, share=share)).page(), [form()], cut=False)
    told = expected()
    silent = {name: f.value for name, f in reading.fields.items() if not f.doubt and f.value != told[name]}
    assert silent == {}


def test_an_erased_ghost_beside_a_mark_is_no_mark() -> None:
    reading = read_page(Drawing(answers(KEY) | answers("Q1=D Q11=B", share=0.04)).page(), [form()], cut=False)
    assert reading.status == "ok", reading.reason
    assert reading.fields["Q1"].value == "A"
    assert reading.fields["Q11"].value == ""


def test_a_mark_between_ghost_and_mark_is_a_doubt_and_not_a_guess() -> None:
    reading = read_page(Drawing(answers(KEY) | answers("Q1=D", share=0.14)).page(), [form()], cut=False)
    assert reading.status == "review"
    assert reading.fields["Q1"].doubt
    assert not reading.fields["Q2"].doubt


def test_two_equal_marks_are_a_definite_double_answer() -> None:
    reading = read_page(Drawing(answers(KEY) | answers("Q2=D")).page(), [form()], cut=False)
    assert (reading.fields["Q2"].value, reading.fields["Q2"].doubt) == ("B|D", False)


def test_every_bubble_of_a_letter_filled_is_not_taken_for_print() -> None:
    told = " ".join(f"Q{i}=A" for i in range(1, 16)) + " M1=A M2=A M3=A M4=A number=0427"
    reading = read_page(Drawing(answers(told)).page(), [form()], cut=False)
    assert [reading.fields[f"Q{i}"].value for i in range(1, 16)] == ["A"] * 15


@pytest.mark.parametrize("turn", [0, 90])
@pytest.mark.parametrize(("wide", "left"), [(3, 0.2), (6, 0.5), (14, 0.3)])
def test_a_streak_of_the_scanner_is_never_an_answer(wide: int, left: float, turn: int) -> None:
    told = {name: value for name, value in expected().items() if name != "number"}
    for option in range(4):
        pixels = Drawing(answers(KEY)).page().pixels.astype(np.float32)
        at = round((40 + 7 * option) * 8.0) - wide // 2 + 5  # beside the letter's middle
        pixels[:, at : at + wide] *= left
        streaked = np.ascontiguousarray(np.rot90(pixels.astype(np.uint8), -turn // 90))
        reading = read_page(Page(streaked, "streaked"), [form()], cut=False)
        silent = {n: reading.fields[n].value for n in told if not reading.fields[n].doubt and reading.fields[n].value != told[n]}
        assert silent == {}
        assert wide > 10 or not all(reading.fields[f"Q{i}"].doubt for i in range(1, 16)), "a fill under a thin streak stays one"


@pytest.mark.parametrize("shade", [0, 30, 60])
def test_a_black_page_has_no_answers(shade: int) -> None:
    reading = read_page(Page(np.full((1680, 1184), shade, np.uint8), "black"), [form()], cut=True)
    assert (reading.status, reading.kind, reading.fields) == ("rejected", "unreadable", {})


def test_a_page_blackened_over_its_bubbles_gives_no_silent_answer() -> None:
    page = Drawing(answers(KEY)).page()
    dark = page.pixels.copy()
    dark[430:1350, 280:560] = 25
    reading = read_page(Page(dark, "blackened"), [form()], cut=False)
    assert reading.status != "ok"
    assert all(f.doubt for name, f in reading.fields.items() if name.startswith(("Q", "M")))


def test_a_blank_page_is_called_blank() -> None:
    reading = read_page(Page(np.full((1680, 1184), 245, np.uint8), "blank"), [form()], cut=False)
    assert (reading.status, reading.kind) == ("review", "blank")


def test_a_page_whose_bubbles_are_elsewhere_is_never_read() -> None:
    page = Drawing(answers(KEY)).page()
    moved = page.pixels.copy()
    moved[300:1500, 200:1000] = np.roll(page.pixels[300:1500, 200:1000], (21, 29), axis=(0, 1))
    reading = read_page(Page(moved, "moved"), [form()], cut=False)
    assert (reading.status, reading.kind, reading.fields) == ("review", "registration", {})
    assert "printed bubbles" in reading.reason


def test_a_page_without_its_timing_marks_is_never_read() -> None:
    page = Drawing(answers(KEY)).page()
    bare = page.pixels.copy()
    bare[150:1500, 40:130] = 240
    bare[150:1500, 1060:1150] = 240
    reading = read_page(Page(bare, "bare"), [form()], cut=False)
    assert (reading.kind, reading.fields) == ("registration", {})


def test_two_corners_torn_off_are_borne_by_the_timing_marks_and_three_are_not() -> None:
    torn = Drawing(answers(KEY)).page().pixels.copy()
    torn[:140, 1040:] = 240
    assert {n: f.value for n, f in read_page(Page(torn, "torn"), [form()], cut=False).fields.items()} == expected()
    torn[1500:, 1040:] = 240
    assert {n: f.value for n, f in read_page(Page(torn, "torn twice"), [form()], cut=False).fields.items()} == expected()
    bare = torn.copy()
    bare[150:1500, 1060:1150] = 240
    assert read_page(Page(bare, "without its timing marks"), [form()], cut=False).kind == "registration"
    torn[1500:, :140] = 240
    assert read_page(Page(torn, "torn thrice"), [form()], cut=False).kind == "registration"


def test_a_page_whose_orientation_mark_is_gone_is_not_read_the_wrong_way_up() -> None:
    page = Drawing(answers(KEY)).page(turn=180)
    pixels = page.pixels.copy()
    height, width = pixels.shape
    pixels[height - round(12 * PX) : height - round(6 * PX), width - round(32 * PX) : width - round(16 * PX)] = 240
    reading = read_page(Page(pixels, "no bar"), [form()], cut=False)
    assert reading.status == "review"
    assert not reading.fields
    assert "which way up" in reading.reason


def test_of_two_marks_on_a_black_and_white_scan_one_may_be_crossed_out_unseen() -> None:
    fills = answers(f"{KEY} M1=AB", share=0.9) | answers("Q1=AB", share=0.9)
    page = Drawing(fills).page()
    grey = read_page(page, [form()], cut=False)
    bitten = read_page(Page(np.where(page.pixels < 128, 0, 255).astype(np.uint8), "one bit"), [form()], cut=False)
    assert (grey.fields["Q1"].value, grey.fields["Q1"].doubt) == ("A|B", False)
    assert (bitten.fields["Q1"].value, bitten.fields["Q1"].doubt) == ("A|B", True)
    assert "crossed out" in bitten.fields["Q1"].why
