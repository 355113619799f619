"""A frame read again beside the reading that stands: what differs, and the pictures that show it. Pure; no database.

A second reading that takes the frame for nothing, or for another side, is no second opinion on that side: it has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import simplejpeg

from core.errors import FrameUnreadable
from core.states import RereadState
from core.template import Region, Side
from omr.clippings import crops
from omr.desk.forms import Forms
from omr.frames import Frame, Read, see_frame, to_file

MOVED = 3.0  # pixels by which a region may lie elsewhere and still show the same
_INK = 0.002  # share of a region's ink that two scans of the same paper may differ by: see BLANK_INK
_INK_RATIO = 0.15
_SURE = 0.3  # of a found shift: below it two pictures have too little in common, or too little on them, to say

Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class First:
    """The reading that stands: of which side, by which template, and what it says."""

    serial: str
    number: int
    side: Side
    fields: Mapping[str, Mapping[str, Any]]
    regions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Second:
    """What the second reading makes of it. `read` is there where it differs; its pictures are those that must be kept."""

    state: RereadState
    differs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    reason: str = ""
    read: Read | None = None
    cut: bool = False  # the regions were cut anew; else those of the first reading stay


def read_beside(data: bytes, frame: Frame, forms: Forms, first: First, fetch: Fetch) -> Second:
    """Read a frame by `forms` and compare. `fetch` brings a stored picture by its hash."""
    try:
        page, reading = see_frame(data, frame, forms)
    except FrameUnreadable as e:
        return Second(RereadState.FAILED, reason=e.message)
    read = to_file(page, reading, frame, forms)
    result = read.result
    if result.kind:
        return Second(RereadState.FAILED, reason=result.reason)
    if result.code is None or (result.code.serial, result.side) != (first.serial, first.number):
        said = f"side {result.side} of sheet {result.code.serial}" if result.code else "no side of any sheet"
        return Second(RereadState.FAILED, reason=f"the second reading takes the frame for {said}.")
    assert reading.template is not None
    assert reading.laid is not None
    side = reading.template.side(first.number)
    regions = regions_that_differ(first, side.regions, result.regions, read.pictures, fetch)
    differs = fields_that_differ(first.fields, result.fields) | {f"region:{name}": pair for name, pair in regions.items()}
    if not differs:
        return Second(RereadState.SAME)
    kept = {name: jpeg for name, jpeg in read.pictures.items() if regions or not name.startswith("region:")}
    kept |= {f"crop:{name}": jpeg for name, jpeg in crops(page, reading.laid, side, differs).items()}
    kept |= {f"first:{name}": jpeg for name, jpeg in crops(page, reading.laid, first.side, differs).items()}
    told = result if regions else replace(result, regions=[])
    return Second(RereadState.DIFFERS, differs, read=Read(told, kept), cut=bool(regions))


def fields_that_differ(first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Fields whose value, or whose doubt, is another: {field: [first, second]}."""
    pairs = {name: [_said(first.get(name)), _said(second.get(name))] for name in sorted({*first, *second})}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _said(field: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"value": str(field["value"]), "doubt": bool(field["doubt"])} if field is not None else {"value": "", "doubt": True}


def regions_that_differ(
    first: First,
    places: Sequence[Region],
    second: Sequence[Mapping[str, Any]],
    pictures: Mapping[str, bytes],
    fetch: Fetch,
) -> dict[str, list[dict[str, Any]]]:
    """Regions that show another part of the page, or another amount of ink: {name: [first, second]}."""
    then = {r["name"]: r for r in first.regions}
    boxes = {r.name: r.box for r in first.side.regions}
    found: dict[str, list[dict[str, Any]]] = {}
    for place, cut in zip(places, second, strict=True):
        old = then.get(place.name)
        if old is None:
            found[place.name] = [{}, _size(cut)]
            continue
        moved = _moved(boxes.get(place.name, place.box), place.box, cut["width"])
        if moved <= MOVED:  # the boxes agree: does the page lie under them as it did?
            moved = max(moved, _slid(fetch(old["sha256"]), pictures[f"region:{place.name}"]))
        if moved > MOVED or abs(cut["ink"] - old["ink"]) > max(_INK, _INK_RATIO * old["ink"]):
            found[place.name] = [_size(old), _size(cut) | {"moved": round(moved, 1)}]
    return found


def _size(region: Mapping[str, Any]) -> dict[str, Any]:
    return {key: region[key] for key in ("width", "height", "ink")}


def _moved(then: Sequence[float], now: Sequence[float], width: int) -> float:
    """By how many pixels the edges of a box differ at most; the second cut is `width` pixels wide."""
    edges = ((box[0], box[1], box[0] + box[2], box[1] + box[3]) for box in (then, now))
    farthest: float = max(abs(a - b) for a, b in zip(*edges, strict=True))
    return farthest * width / now[2]


def _slid(first: bytes, second: bytes) -> float:
    """By how many pixels one picture lies beside the other; 0 where they are the same or too little is on them to say."""
    if first == second:
        return 0.0
    one, two = (simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[:, :, 0] for jpeg in (first, second))
    height, width = (min(a, b) for a, b in zip(one.shape, two.shape, strict=True))
    if max(abs(one.shape[i] - two.shape[i]) for i in (0, 1)) > MOVED:
        return float("inf")
    pair = [np.ascontiguousarray(picture[:height, :width], np.float32) for picture in (one, two)]
    shift, sure = cv2.phaseCorrelate(pair[0], pair[1], cv2.createHanningWindow((width, height), cv2.CV_32F))
    return float(max(map(abs, shift))) if sure >= _SURE else 0.0
