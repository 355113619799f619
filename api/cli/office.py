"""`markhall status`, `verify`, `release`, `verify-release`, `report`, `recover`: the exam office's commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.progress import Bar

if TYPE_CHECKING:
    from core.site import Site

ExamCode = Annotated[str, typer.Option("--exam", help="the exam's code")]
Out = Annotated[Path, typer.Option("-o", "--out", help="the folder to write")]
Number = Annotated[int | None, typer.Option("--number", help="which release; default: the published one")]


def open_exam(code: str) -> tuple[Site, int]:
    from core.db import migrate
    from core.loading import exam_by_code
    from core.settings import Settings
    from core.site import open_site

    settings = Settings.from_environment()
    migrate(settings.database_url)
    site = open_site(settings)
    with site.database.read() as session:
        return site, exam_by_code(session, code).id


def _number(site: Site, exam_id: int, number: int | None) -> int:
    from sqlalchemy import select

    from core.errors import NotFound
    from core.states import ReleaseState
    from core.tables import Release

    if number is not None:
        return number
    with site.database.read() as session:
        published = session.scalar(select(Release.number).where(Release.exam_id == exam_id, Release.state == ReleaseState.RELEASED))
    if published is None:
        raise NotFound("nothing has been released yet.", where="release", remedy="Draft, sign and publish it in the office page.")
    return published


def register(main: typer.Typer) -> None:
    _register_checks(main)
    _register_outputs(main)


def _register_checks(main: typer.Typer) -> None:
    @main.command()
    def status(exam: ExamCode) -> None:
        """Where every frame, script and response stands."""
        from api.status import status as stand

        site, exam_id = open_exam(exam)
        with site.database.read() as session:
            found = stand(session, exam_id)
        for what in ("frames", "cases", "scripts", "responses", "tasks", "marks"):
            counts = ", ".join(f"{n} {state}" for state, n in sorted(found[what].items())) or "none"
            typer.echo(f"{what:10} {counts}")
        for batch in found["batches"]:
            declared = batch["declared"] if batch["declared"] is not None else "?"
            typer.echo(f"batch      {batch['station']}/{batch['batch']} {batch['state']}: {batch['received']} of {declared} frames")
        for paper in found["scanned"]:
            typer.echo(f"paper      {paper['paper']}: {'all is scanned' if paper['over'] else 'nobody has said that all is scanned'}")

    @main.command()
    def budget(
        exam: ExamCode,
        wrong: Annotated[float, typer.Option("--expected-wrong", help="how many wrong answers the exam may be expected to have")],
        ask: Annotated[bool, typer.Option("--ask", help="open a case for each page that a person must look at")] = False,
    ) -> None:
        """How many answers a person must look at so that no more than so many of the others are wrong."""
        from omr import desk

        site, exam_id = open_exam(exam)
        found = desk.ask_for_looks(site, exam_id, wrong, "cli") if ask else desk.budget(site, exam_id, wrong)
        typer.echo(f"{found.answers} answers were read and not looked at; {found.expected:.2g} of them are expected to be wrong")
        if found.holds:
            typer.echo(f"that is within {wrong:g}: nobody need look at more")
        else:
            done = "opened for" if ask else "needed at"
            typer.echo(f"looks {done} {found.looks} answers on {found.pages} pages; then {found.left:.2g} are expected to be wrong")

    @main.command()
    def verify(exam: ExamCode) -> None:
        """Check the laws Z1-Z8; exit status 3 when one does not hold."""
        from rich.console import Console
        from rich.table import Table

        from scoring.verify import verify as check

        site, exam_id = open_exam(exam)
        laws = check(site, exam_id)
        table = Table("", "", "", "", show_header=False, show_edge=False)
        for law in laws:
            table.add_row(law.law, f"{law.name.zh} {law.name.en}", "[green]ok[/]" if law.holds else "[red]FAILS[/]", law.detail.en)
        Console().print(table)
        raise typer.Exit(0 if all(law.holds for law in laws) else 3)


def _register_outputs(main: typer.Typer) -> None:
    @main.command()
    def release(exam: ExamCode, out: Out, number: Number = None) -> None:
        """Write the signed, self-contained release."""
        from scoring.export import export

        site, exam_id = open_exam(exam)
        typer.echo(str(export(site, exam_id, _number(site, exam_id, number), out)))

    @main.command("verify-release")
    def verify_release(folder: Annotated[Path, typer.Argument(help="a release folder", metavar="DIR")]) -> None:
        """Check a release off line: sums, chains, signatures, scores from the ledger."""
        from scoring.check import verify_release as check

        found = check(folder)
        for one in found.checks:
            typer.echo(f"{'ok' if one.holds else 'FAILS':6} {one.name.zh} {one.name.en}: {one.detail}")
        typer.echo(f"{found.exam} release {found.number}, digest {found.digest}, key {found.key}")
        raise typer.Exit(0 if found.holds else 3)

    @main.command()
    def report(exam: ExamCode, out: Out, number: Number = None) -> None:
        """Write the score reports and the candidates' slips."""
        from scoring.reports import write_reports

        site, exam_id = open_exam(exam)
        with Bar("reports") as bar:
            write_reports(site, exam_id, _number(site, exam_id, number), out, languages=("zh", "en"), progress=bar)
        typer.echo(str(out))

    @main.command()
    def recover(exam: ExamCode) -> None:
        """Rebuild the queues in Redis from the database."""
        from marking.recover import recover as rebuild

        site, exam_id = open_exam(exam)
        typer.echo(f"{rebuild(site, exam_id)} open tasks are in the queues again")
