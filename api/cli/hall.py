"""`markhall scanned` and `markhall reconcile`: a paper is scanned, and every seat is accounted for."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from api.cli.office import ExamCode, open_exam

Papers = Annotated[list[str] | None, typer.Option("--paper", help="a paper's code; may be repeated; default: all")]


def register(main: typer.Typer) -> None:
    @main.command()
    def scanned(
        exam: ExamCode,
        paper: Papers = None,
        not_over: Annotated[bool, typer.Option("--not-over", help="take it back: scanning goes on")] = False,
        reason: Annotated[str, typer.Option("--reason", help="why; needed to take it back")] = "",
    ) -> None:
        """Say that all of a paper has been scanned: from now on what never came is asked for."""
        from scanner import intake

        site, exam_id = open_exam(exam)
        with closing(site):
            words = intake.say_scanned(site, exam_id, paper or [], by="cli", over=not not_over, reason=reason)
        for said in words:
            typer.echo(f"{said.paper}: {'all is scanned' if said.over else 'scanning goes on'}")

    @main.command()
    def reconcile(
        exam: ExamCode,
        out: Annotated[Path | None, typer.Option("-o", "--out", help="write a workbook (.xlsx)")] = None,
        lang: Annotated[str, typer.Option("--lang", help="the workbook's language: zh or en")] = "zh",
    ) -> None:
        """Expected, present, absent, missing and extra by paper and school. Exit status 0 when everything balances, else 1."""
        from core.errors import BadInput
        from omr.desk.rooms import rooms
        from omr.desk.rooms_book import as_rows, by_school, write_book
        from omr.desk.rooms_seats import unsettled

        if lang not in ("zh", "en"):
            raise BadInput(f"there is no language {lang}.", where="--lang", remedy="One of: zh, en.")
        site, exam_id = open_exam(exam)
        with closing(site), site.database.read() as session:
            found = rooms(session, exam_id)
            if out is not None:
                write_book(out, "en" if lang == "en" else "zh", found, unsettled(session, exam_id))
        print_table(as_rows(by_school(found)))
        raise typer.Exit(0 if all(room.counts.balances for room in found) else 1)


HEADINGS = ("paper", "school", "expected", "present", "absent", "withheld", "missing", "unclear", "extra", "waiting", "closed", "balances")


def print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(HEADINGS, *rows, strict=True)]
    for row in (HEADINGS, *rows):
        cells = [cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        typer.echo("  ".join(cells))
