"""Reading a filled sheet whole, over unpacking it alone: every check, both readers, regions cut and encoded.

The sheets are the demonstration exam's own, printed, filled and scanned by the simulator without trouble.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import cv2
import simplejpeg

from api.demo import setting_up
from api.demo.folder import DemoFolder
from benchmarks.harness import Row, in_turns
from core.definition import load_definition, load_roster
from core.template import Template, load_template
from omr.reading import read_page
from scanner.decode import decode

SHEETS = 3


def scanned(folder: Path) -> tuple[Template, list[bytes]]:
    """The template and a few scanned sides, first and second faces alike."""
    demo = DemoFolder(folder)
    demo.begin({})
    setting_up.write_exam(demo, SHEETS, 3)
    definition, roster = load_definition(demo.definition), load_roster(demo.roster)
    setting_up.print_all(demo, definition, roster, lambda done, total: None)
    setting_up.fill_and_scan(demo, definition, roster, 3, "none", lambda done, total: None)
    scans = sorted(demo.paper.glob("scans/*/*.*"))
    return load_template(folder / "sheets.template.json"), [scan.read_bytes() for scan in scans]


def rows() -> list[Row]:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        template, scans = scanned(Path(folder) / "demo")

    def read() -> None:
        for scan in scans:
            read_page(decode(scan, where="benchmark"), [template], cut=True)

    def unpack() -> None:
        for scan in scans:
            simplejpeg.decode_jpeg(scan, colorspace="GRAY")

    pair = in_turns(read, unpack, rounds=10)
    return [
        Row.told("reading: a side, everything that a reader does, over simplejpeg alone", pair.ratio, "times"),
        Row.told("reading: a side at 200 dpi", statistics.median(pair.subject) * 1000 / len(scans), "ms"),
    ]
