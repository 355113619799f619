"""`markhall read` and `markhall simulate`: no database, files in and files out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from api.cli.progress import Bar


def register(main: typer.Typer) -> None:
    @main.command()
    def read(
        paths: Annotated[list[Path], typer.Argument(help="images, TIFFs, PDFs or folders", metavar="PATH...")],
        template: Annotated[Path, typer.Option("--template", help="the form's template, JSON")],
        out: Annotated[Path, typer.Option("-o", "--out", help="the CSV to write")],
        jobs: Annotated[int, typer.Option("--jobs", min=1, help="processes")] = 1,
        wrong: Annotated[
            float | None,
            typer.Option("--expected-wrong", help="how many wrong answers may be expected; more go under review until that holds"),
        ] = None,
    ) -> None:
        """Read filled forms: one CSV row a side, ok, review or rejected."""
        from omr.files import read_files
        from omr.warm import NOTE, is_warm

        if not is_warm():
            typer.echo(f"markhall: {NOTE}.", err=True)
        with Bar("reading") as bar:
            summary = read_files(template, paths, out, jobs=jobs, expected_wrong=wrong, progress=bar)
        typer.echo(f"{out}: {summary.ok} ok, {summary.review} review, {summary.rejected} rejected")
        if wrong is not None:
            typer.echo(f"expected to be wrong among the answers that nobody is asked to look at: {summary.expected_wrong:.2g}")

    @main.command()
    def simulate(
        sheets: Annotated[Path, typer.Argument(help="the printed sheets; template and list lie beside it", metavar="SHEETS.pdf")],
        answers: Annotated[Path, typer.Option("--answers", help="CSV: sheet,field,value")],
        out: Annotated[Path, typer.Option("-o", "--out", help="the folder to fill")],
        trouble: Annotated[str, typer.Option("--trouble", help="none, typical or harsh")] = "typical",
        seed: Annotated[int, typer.Option("--seed", help="the same seed, the same scans")] = 1,
        jobs: Annotated[int, typer.Option("--jobs", min=1, help="processes")] = os.cpu_count() or 1,
    ) -> None:
        """What a scanner would make of filled sheets, with truth.csv."""
        from scanner.simulator import simulate as run

        with Bar("scanning") as bar:
            summary = run(sheets, answers, out, trouble=trouble, seed=seed, jobs=jobs, progress=bar)
        typer.echo(str(summary))
