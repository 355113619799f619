"""`markhall exam check|load` and `markhall sheets`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.progress import Bar
from core.errors import ExamInvalid

if TYPE_CHECKING:
    from core.definition import RosterRow
    from core.exam import ExamDefinition
    from core.loading import ExpectedSheet
    from core.template import Template

app = typer.Typer(help="Check and load exam definitions.", no_args_is_help=True)
DefinitionFile = Annotated[Path, typer.Argument(help="the exam definition, YAML", metavar="EXAM.yaml")]
RosterFile = Annotated[Path | None, typer.Option("--roster", help="CSV or XLSX; default: the one that the definition names")]


def roster_of(definition: ExamDefinition, path: Path, roster: Path | None) -> list[RosterRow]:
    from core.definition import check_roster, load_roster

    if roster is None and definition.roster is None:
        raise ExamInvalid("names no roster.", where=str(path), remedy="Give one with --roster.")
    file = roster or path.parent / str(definition.roster)
    rows = load_roster(file)
    check_roster(definition, rows, where=str(file))
    return rows


def laid_out(definition: ExamDefinition, roster: list[RosterRow]) -> tuple[dict[str, Template], list[ExpectedSheet]]:
    """The templates of all papers and the sheets that `markhall sheets` prints for this roster."""
    from core.loading import ExpectedSheet
    from omr.copies import copies_of
    from omr.sheet import lay_out

    templates: dict[str, Template] = {}
    sheets: list[ExpectedSheet] = []
    for p, paper in enumerate(definition.papers):
        design = lay_out(definition, paper)
        templates[paper.code] = design.template
        for copy in copies_of(design, p, len(roster)):
            owner = roster[copy.row].number if copy.row is not None and paper.sheet.personalised else None
            sheets.append(ExpectedSheet(copy.serial, paper.code, copy.index, owner, copy.extra))
    return templates, sheets


@app.command()
def check(file: DefinitionFile, roster: RosterFile = None) -> None:
    """Validate an exam definition and its roster."""
    from core.definition import load_definition
    from core.exam import from_hundredths

    definition = load_definition(file)
    for paper in definition.papers:
        written = sum(len(g.items) for g in paper.written)
        marks = from_hundredths(paper.full_marks)
        typer.echo(
            f"{definition.exam}/{paper.code} {paper.title.zh} {paper.title.en}: {len(paper.objective)} + {written} items, {marks} marks"
        )
    if definition.schemes:
        from marking.explain import own_tables

        typer.echo(f"\n{own_tables(definition)}\n")
    rows = roster_of(definition, file, roster) if roster is not None or definition.roster is not None else []
    _, sheets = laid_out(definition, rows)
    typer.echo(f"{len(rows)} candidates, {len(sheets)} sheets")
    typer.echo("ok")


@app.command()
def load(file: DefinitionFile, roster: RosterFile = None, by: Annotated[str, typer.Option(help="who loads it")] = "cli") -> None:
    """Load an exam definition, its roster and its sheets into the installation."""
    from core.db import migrate
    from core.definition import load_definition
    from core.loading import load_exam
    from core.settings import Settings
    from core.site import open_site

    definition = load_definition(file)
    rows = roster_of(definition, file, roster)
    settings = Settings.from_environment()
    migrate(settings.database_url)
    site = open_site(settings)
    templates, sheets = laid_out(definition, rows)
    loaded = load_exam(site, definition, rows, templates, sheets, by=by)
    typer.echo(f"{loaded.code}: definition version {loaded.definition_version}, {len(rows)} candidates, {len(sheets)} sheets")


def register(main: typer.Typer) -> None:
    @main.command()
    def sheets(
        file: DefinitionFile,
        out: Annotated[Path, typer.Option("-o", "--out", help="the PDF to write; template and list go beside it")],
        roster: RosterFile = None,
    ) -> None:
        """Print the answer sheets, each with its own serial, and the template that reads them."""
        from core.definition import load_definition
        from omr.print import print_sheets

        definition = load_definition(file)
        rows = roster_of(definition, file, roster)
        with Bar("printing") as bar:
            printed = print_sheets(definition, rows, out, progress=bar)
        if printed.missing:
            typer.echo(f"the font has no form for: {printed.missing}", err=True)
        for paper in printed.papers:
            typer.echo(f"{paper.pdf}: {paper.sheets} sheets, {paper.pages} pages; {paper.template}; {paper.list}")
