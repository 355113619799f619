"""A card goes through the scanner: its frames as files, with what was done to each, and its truth.

Pure but for the PDF that it reads: gives bytes; `run` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scanner.simulator import feed, strangers
from scanner.simulator.draws import happens, stream
from scanner.simulator.files import encode
from scanner.simulator.optics import expose, motion_of, streak_hits
from scanner.simulator.paint import Painted, Studio, TruthRow, compose, paint_side
from scanner.simulator.plan import CardPlan, FramePlan
from scanner.simulator.rates import Rates
from scanner.simulator.scanner import ScannerPlan

WHITE_LID, BLACK_LID = 252, 8
FRAME_PLAY_MM = 2.0
"""A scanner that follows the card's outline still loses this much of what sticks out of the usual frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    plan: FramePlan
    name: str  # path below the output folder
    data: bytes
    trouble: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scanned:
    frames: tuple[Frame, ...]
    rescans: tuple[Frame, ...]
    truth: tuple[TruthRow, ...]


def scan_card(studio: Studio, plan: CardPlan) -> Scanned:
    painted = {f.side: _paint(studio, plan, f.side, plan.scanner) for f in plan.card.faces}
    frames = tuple(_frame(studio, plan, frame, painted) for frame in plan.frames)
    rescans = tuple(_rescan(studio, plan, frame) for frame in plan.rescans)
    return Scanned(frames, rescans, tuple(row for side in painted.values() for row in side.truth))


def _paint(studio: Studio, plan: CardPlan, side: int, scanner: ScannerPlan, *, whole: bool = False) -> Painted:
    return paint_side(studio, plan, side, scanner.dpi, colour=scanner.mode == "colour", background=_lid(scanner), whole=whole)


def _lid(scanner: ScannerPlan) -> int:
    return BLACK_LID if scanner.border_mm else WHITE_LID


def _frame(studio: Studio, plan: CardPlan, frame: FramePlan, painted: dict[int, Painted]) -> Frame:
    scanner = plan.scanner
    if frame.content == "side":
        source = painted[frame.side]
        page, bends, done = source.page, list(source.bends), list(source.done)
    else:
        side = frame.side or next(f.side for f in plan.card.faces if f.page == frame.page)
        page, bends, done = _stranger(studio, plan, frame, painted[side].page), [], []
    rates = studio.rates
    picture = _shoot(studio, plan, page, bends, frame, scanner, rates)
    done += [*frame.feed, *(["upside_down"] if frame.turned else []), *scanner.troubles]
    done += ["streak"] if streak_hits(scanner, frame.sequence, frame.face) else []
    extension = {"jpg": "jpg", "png": "png", "tif": "tif"}[scanner.file]
    name = f"scans/{frame.batch}/{frame.sequence:05d}-{frame.face}.{extension}"
    return Frame(frame, name, encode(picture, scanner), tuple(dict.fromkeys(done)))


def _rescan(studio: Studio, plan: CardPlan, frame: FramePlan) -> Frame:
    scanner = plan.scanner.clean()
    source = _paint(studio, plan, frame.side, scanner, whole=True)
    picture = _shoot(studio, plan, source.page, list(source.bends), frame, scanner, Rates("none"))
    return Frame(frame, f"rescans/{frame.sheet}-{frame.side}.jpg", encode(picture, scanner), source.done)


def _shoot(
    studio: Studio, plan: CardPlan, page: NDArray[np.uint8], bends: list[feed.Bend], frame: FramePlan, scanner: ScannerPlan, rates: Rates
) -> NDArray[np.uint8]:
    rng = stream(studio.seed, plan.card.sheet, frame.side, frame.content, frame.page, frame.again, "pass")
    lie = feed.lie_of(frame.feed, scanner.scale, rates, rng)
    if "stretch" in frame.feed:
        bends.append(feed.stretch(studio.size, rates, rng))
    grown = 0.0 if scanner.fixed_frame else max(0.0, feed.overhang(lie, studio.size) - FRAME_PLAY_MM)
    border = scanner.border_mm + grown
    picture = feed.warp(page, scanner.dpi / 25.4, lie, bends, border_mm=border, background=_lid(scanner))
    if frame.turned:
        picture = np.asarray(cv2.rotate(picture, cv2.ROTATE_180), np.uint8)
    motion = motion_of(frame.feed, rates, rng)
    return expose(picture, scanner, sequence=frame.sequence, face=frame.face, motion_mm=motion, rng=rng)


def _stranger(studio: Studio, plan: CardPlan, frame: FramePlan, page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A page that is no side of the exam; `page` has the size that is wanted, and is a filled card."""
    rng = stream(studio.seed, plan.card.sheet, "stranger")
    own_rng = stream(studio.seed, plan.card.sheet, "stranger", frame.face)
    per_mm = plan.scanner.dpi / 25.4
    if frame.content == "white":
        return strangers.white(page)
    if frame.content == "extra":
        return compose(*strangers.loose_sheet(page, plan.scanner.dpi, plan.hand, own_rng, written=frame.face == 1))
    if happens(rng, 0.5):
        side = next(f.side for f in plan.card.faces if f.page == frame.page)
        other = strangers.other_exam(page, studio.template.side(side), f"{int(rng.integers(10**8, 10**9))}", per_mm)
        if other is not None:
            return other
    return strangers.question_paper(page, per_mm, own_rng)
