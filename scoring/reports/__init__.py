"""Reports of a release: a page and a workbook in each language, and a slip for each candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import NotFound
from core.exam import Language
from core.site import Site
from scoring.reports.gather import gather
from scoring.reports.page import page_of
from scoring.reports.slips import write_slips
from scoring.reports.workbook import write_workbook
from scoring.statistics import Rates
from scoring.verify import exam_of

__all__ = ["Reports", "write_reports"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reports:
    pages: tuple[Path, ...]
    workbooks: tuple[Path, ...]
    slips: Path
    single_slips: tuple[Path, ...]


def write_reports(
    site: Site,
    exam_id: int,
    number: int | None,
    out_dir: Path,
    *,
    languages: Sequence[Language] = ("zh", "en"),
    singles: Iterable[str] = (),
    rates: Rates | None = None,
    progress: Progress | None = None,
) -> Reports:
    """Write the reports of release `number` (None: the newest) into `out_dir`. `singles` are the candidates' numbers
    whose slips are wanted as files of their own. `progress` counts slips."""
    out_dir.mkdir(parents=True, exist_ok=True)
    with site.database.read() as session:
        data = gather(session, exam_of(session, exam_id), number, rates)
    pages, workbooks = [], []
    for language in languages:
        other = next((one for one in languages if one != language), None)
        page, workbook = out_dir / f"report.{language}.html", out_dir / f"scores.{language}.xlsx"
        page.write_text(page_of(data, language, other), encoding="utf-8")
        write_workbook(data, workbook, language)
        pages.append(page)
        workbooks.append(workbook)
    slips = out_dir / "slips.pdf"
    write_slips(data, slips, languages, progress=progress)
    found, known = [], {person.number for person, _ in data.people}
    for candidate in singles:
        if candidate not in known:
            raise NotFound(f"there is no candidate {candidate} in this release.", where="slips")
        (out_dir / "slips").mkdir(exist_ok=True)
        found.append(out_dir / "slips" / f"{candidate}.pdf")
        write_slips(data, found[-1], languages, only=frozenset({candidate}))
    return Reports(tuple(pages), tuple(workbooks), slips, tuple(found))
