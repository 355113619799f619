"""The scanned pages on which reading is timed: 500 bubbles on A4, from the simulator at `typical`.

Owns which pages these are, and the floor: the fastest library that unpacks them, found in the same run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from benchmarks.cards import print_cards
from core.template import Region, Template, load_template
from scanner.simulator.rates import Rates
from scanner.simulator.run import simulate_with

Unpack = Callable[[bytes], Any]
SEEDS = {200: 3, 300: 219}
"""Batches of a grey scanner with good JPEG quality, whose files are as large as real ones: about 740 KiB at 200 dpi."""
CARDS = 6
REGION_MM = (178.0, 11.4)  # ten of them are a third of an A4 page
REGION_TOPS = tuple(112.0 + 16.6 * i for i in range(10))


@dataclass(frozen=True)
class Pages:
    template: Template
    files: tuple[bytes, ...]

    @property
    def kib(self) -> float:
        return statistics.mean(len(file) for file in self.files) / 1024

    def with_regions(self) -> Template:
        """The same form with ten regions to cut, across the bubbles: ink enough, as where somebody wrote."""
        (side,) = self.template.sides
        regions = tuple(
            Region(name=f"R{i}", group=f"R{i}", box=((self.template.width - REGION_MM[0]) / 2, top, *REGION_MM))
            for i, top in enumerate(REGION_TOPS)
        )
        return self.template.model_copy(update={"sides": (side.model_copy(update={"regions": regions}),)})


@cache
def grey_pages(dpi: int) -> Pages:
    return _simulated(Rates("typical"), SEEDS[dpi])


@cache
def one_bit_pages() -> Pages:
    """As a scanner that is set to black and white sends them: TIFF G4."""
    return _simulated(Rates("typical", frozenset({"one_bit"})), SEEDS[200])


def _simulated(rates: Rates, seed: int) -> Pages:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        printed = print_cards("hundred", CARDS, folder, seed=seed)
        simulate_with(printed.stack(0, CARDS), folder / "out", rates=rates, seed=seed)
        files = tuple(file.read_bytes() for file in sorted((folder / "out").glob("scans/*/*")))
        return Pages(load_template(next(folder.glob("*.template.json"))), files)


JPEG: dict[str, Unpack] = {
    "simplejpeg": lambda data: simplejpeg.decode_jpeg(data, colorspace="GRAY"),
    "opencv": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE),
    "imagecodecs": lambda data: imagecodecs.jpeg8_decode(data),
}
TIFF: dict[str, Unpack] = {
    "imagecodecs": lambda data: imagecodecs.tiff_decode(data),
    "opencv": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE),
}


def fastest(libraries: dict[str, Unpack], files: tuple[bytes, ...]) -> tuple[str, Unpack]:
    """The library that unpacks these files in the least CPU time, on this machine and in this run."""
    times: dict[str, list[float]] = {name: [] for name in libraries}
    for _ in range(5):
        for name, unpack in libraries.items():
            start = time.process_time()
            for file in files:
                unpack(file)
            times[name].append(time.process_time() - start)
    best = min(times, key=lambda name: statistics.median(times[name]))
    return best, libraries[best]


def cut_plainly(picture: NDArray[np.uint8], template: Template) -> list[NDArray[np.uint8]]:
    """The pixels of each region, not straightened: what encoding them costs at least."""
    (side,) = template.sides
    down, across = picture.shape[0] / template.height, picture.shape[1] / template.width
    cuts = []
    for region in side.regions:
        x, y, width, height = region.box
        cuts.append(picture[round(y * down) : round((y + height) * down), round(x * across) : round((x + width) * across)].copy())
    return cuts
