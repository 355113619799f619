"""How benchmarks call the reader: the one place that changes when its way in changes."""

from __future__ import annotations

from collections.abc import Callable

from core.template import Template
from omr.reading import PageReading, Reader
from scanner.decode import Page

Read = Callable[[Page], PageReading]


def reader_of(template: Template, *, cut: bool = False, whole: bool = True) -> Read:
    """A reader of one page. `whole`: all that a worker does; else the first reading, where the engine has one apart."""
    reader = Reader([template])
    return lambda page: reader.read(page, cut=cut, whole=whole)
