"""A file -> its pages: a picture is one page, a TIFF or PDF as many as it holds.

A page that cannot be read is an item of its own (`FrameUnreadable`), so that one bad page never stops the pages
after it. Each way in opens the file once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from core.errors import FrameUnreadable
from scanner.bounds import LIMITS, Channel, Limits, Page, check_bytes
from scanner.decode import decode, sniff, tiff_page
from scanner.pdf import Pdf
from scanner.tiff import Directory, directories

PageOrError = Page | FrameUnreadable


def count_pages(data: bytes, *, where: str, limits: Limits = LIMITS) -> int:
    """How many pages the file holds; raises FrameUnreadable when it cannot be opened at all."""
    check_bytes(data, where=where, limits=limits)
    form = sniff(data, where=where)
    if form == "tiff":
        return sum(1 for _ in directories(data, where=where, limits=limits))
    if form == "pdf":
        with Pdf(data, where=where, limits=limits) as pdf:
            return pdf.length
    return 1


def single_page(data: bytes, *, where: str, channel: Channel = "grey", limits: Limits = LIMITS) -> Page:
    """The page of a file that has to hold just one: what a frame is."""
    check_bytes(data, where=where, limits=limits)
    form = sniff(data, where=where)
    if form == "pdf":
        with Pdf(data, where=where, limits=limits) as pdf:
            _only_one(pdf.length, where)
            return pdf.page(1, where=where, channel=channel)
    if form == "tiff":
        pages = list(directories(data, where=where, limits=limits))
        _only_one(len(pages), where)
        return tiff_page(data, 1, pages[0], where=where, channel=channel, limits=limits)
    return decode(data, where=where, channel=channel, limits=limits)


def pages_in(data: bytes, *, where: str, channel: Channel = "grey", limits: Limits = LIMITS) -> Iterator[PageOrError]:
    """Each page of the file in order, or the reason why that page (or the whole file) cannot be read."""
    try:
        check_bytes(data, where=where, limits=limits)
        form = sniff(data, where=where)
        if form == "tiff":
            yield from _tiff(data, where, channel, limits)
        elif form == "pdf":
            with Pdf(data, where=where, limits=limits) as pdf:
                for number in range(1, pdf.length + 1):
                    yield _tried(pdf, number, f"{where}, page {number}", channel)
        else:
            yield decode(data, where=where, channel=channel, limits=limits)
    except FrameUnreadable as e:
        yield e


def page_at(data: bytes, number: int, *, where: str, channel: Channel = "grey", limits: Limits = LIMITS) -> Page:
    """Page `number` (from 1) of the file."""
    check_bytes(data, where=where, limits=limits)
    form = sniff(data, where=where)
    if form == "pdf":
        with Pdf(data, where=where, limits=limits) as pdf:
            if 1 <= number <= pdf.length:
                return pdf.page(number, where=f"{where}, page {number}", channel=channel)
    elif form == "tiff" and number >= 1:
        for directory in islice(directories(data, where=where, limits=limits), number - 1, number):
            return tiff_page(data, number, directory, where=f"{where}, page {number}", channel=channel, limits=limits)
    elif number == 1:
        return decode(data, where=where, channel=channel, limits=limits)
    raise FrameUnreadable(f"has no page {number}.", where=where)


def _only_one(pages: int, where: str) -> None:
    if pages != 1:
        raise FrameUnreadable(f"the file holds {pages} pages.", where=where, remedy="Send each page as a frame of its own.")


def _tiff(data: bytes, where: str, channel: Channel, limits: Limits) -> Iterator[PageOrError]:
    """The pages as far as the list of them goes; a list that is broken is one reason more, after the last of them."""
    found: list[Directory] = []
    broken: FrameUnreadable | None = None
    try:
        for directory in directories(data, where=where, limits=limits):
            found.append(directory)
    except FrameUnreadable as e:
        broken = e
    for number, directory in enumerate(found, 1):
        place = where if len(found) == 1 and broken is None else f"{where}, page {number}"
        try:
            yield tiff_page(data, number, directory, where=place, channel=channel, limits=limits)
        except FrameUnreadable as e:
            yield e
    if broken is not None:
        yield broken


def _tried(pdf: Pdf, number: int, where: str, channel: Channel) -> PageOrError:
    try:
        return pdf.page(number, where=where, channel=channel)
    except FrameUnreadable as e:
        return e
