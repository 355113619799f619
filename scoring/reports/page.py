"""The HTML report of a release: one self-contained page a language, no script, charts drawn inline."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from core.exam import Language, from_hundredths
from scoring.reports.charts import bar, histogram
from scoring.reports.gather import ReportData
from scoring.reports.words import rating_word, word


def page_of(data: ReportData, language: Language, other: Language | None) -> str:
    return _template().render(
        data=data,
        lang=language,
        other=other,
        w=lambda name: word(name, language),
        marks=from_hundredths,
        number=lambda value, places: "–" if value is None else f"{value:.{places}f}",
        rating=rating_word,
        bar=lambda share: Markup(bar(share)),
        histogram=lambda *about: Markup(histogram(*about)),
    )


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html")
