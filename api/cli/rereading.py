"""`markhall reread`: a paper read again beside the first reading, its differences, and which reading stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.site import Site
    from core.states import RereadState
    from omr.desk.rereading import RereadingView
    from omr.desk.rereading_accept import Settle

app = typer.Typer(help="Read a paper again beside the first reading, and say which stands.", invoke_without_command=True)
ExamCode = Annotated[str, typer.Option("--exam", help="the exam's code")]
Number = Annotated[int, typer.Argument(help="the rereading", metavar="N")]
Fields = Annotated[list[str] | None, typer.Option("--field", help="pages that differ in nothing else; several may be named")]
Pages = Annotated[list[int] | None, typer.Option("--page", help="this page of the list; several may be named")]
Expected = Annotated[int, typer.Option("--expected", help="how many pages you saw chosen; if there are others, nothing is done")]
Reason = Annotated[str, typer.Option("--reason", help="why; it stands in the ledger")]
By = Annotated[str, typer.Option("--by", help="who says so")]


def _open(code: str) -> tuple[Site, int]:
    from core.db import migrate
    from core.loading import exam_by_code
    from core.settings import Settings
    from core.site import open_site

    settings = Settings.from_environment()
    migrate(settings.database_url)
    site = open_site(settings)
    with site.database.read() as session:
        return site, exam_by_code(session, code).id


@app.callback()
def start(
    context: typer.Context,
    exam: ExamCode = "",
    paper: Annotated[str, typer.Option("--paper", help="the paper's code")] = "",
    template: Annotated[Path | None, typer.Option("--template", help="a corrected template; default: the one that stands")] = None,
    reason: Reason = "",
    by: By = "cli",
) -> None:
    """Read every page of a paper again, beside the first reading. Readers do it while nothing else waits."""
    if context.invoked_subcommand is not None:
        return
    if not exam or not paper:
        raise typer.BadParameter("name the exam and the paper: markhall reread --exam E --paper P")
    from core.template import load_template
    from omr.desk import rereading

    corrected = load_template(template) if template is not None else None
    site, exam_id = _open(exam)
    view = rereading.start(site, exam_id, by, paper, template=corrected, reason=reason)
    typer.echo(f"rereading {view.id}: {view.pages} pages of paper {view.paper} by template version {view.template}")


@app.command("list")
def list_all(exam: ExamCode) -> None:
    """Every rereading of an exam, and how far each is."""
    from omr.desk import rereading

    site, exam_id = _open(exam)
    for view in rereading.list_rereadings(site, exam_id):
        typer.echo(_line(view))


def _line(view: RereadingView) -> str:
    counts = ", ".join(f"{n} {state}" for state, n in sorted(view.counts.items()))
    use = ", for reading again only" if view.proposed else ""
    return f"{view.id}  paper {view.paper}, template version {view.template}{use}: {view.state}; {view.pages} pages: {counts}"


@app.command()
def differences(
    number: Number,
    exam: ExamCode,
    field: Annotated[str, typer.Option("--field", help="pages that differ in this field")] = "",
    state: Annotated[str, typer.Option("--state", help="differs, accepted, kept, failed or overtaken")] = "differs",
) -> None:
    """What both readings say, page by page, and how many pages differ in each field."""
    from omr.desk import rereading_list

    site, exam_id = _open(exam)
    for name, count in rereading_list.fields_that_differ(site, exam_id, number).items():
        typer.echo(f"{name:24} {count} pages")
    after = 0
    while found := rereading_list.differences(site, exam_id, number, state=_state(state), field=field, after=after):
        for one in found:
            frame = f"{one.frame.station}/{one.frame.batch}/{one.frame.sequence}-{one.frame.face}"
            typer.echo(f"{one.id}  sheet {one.sheet} side {one.side} ({frame}) {one.reason}".rstrip())
            for name, (first, second) in one.differs.items():
                said = f"; kept by a person: {one.kept[name]['value']!r}" if name in one.kept else ""
                typer.echo(f"    {name}: {_said(first)} -> {_said(second)}{said}")
        after = found[-1].id


def _state(name: str) -> RereadState:
    from core.states import RereadState

    if name not in {str(state) for state in RereadState}:
        raise typer.BadParameter("one of differs, accepted, kept, failed, overtaken", param_hint="--state")
    return RereadState(name)


def _said(reading: dict[str, object]) -> str:
    if "value" in reading:
        return repr(reading["value"]) + (" (doubtful)" if reading["doubt"] else "")
    return ", ".join(f"{key} {value}" for key, value in reading.items()) or "nothing"


@app.command()
def accept(
    number: Number, exam: ExamCode, expected: Expected, field: Fields = None, page: Pages = None, reason: Reason = "", by: By = "cli"
) -> None:
    """Let the second reading stand on the chosen pages: all, or by --field or --page. What people decided stays."""
    from omr.desk.rereading_accept import accept as settle

    _settle(settle, number, exam, expected, field, page, reason, by)


@app.command()
def keep(
    number: Number, exam: ExamCode, expected: Expected, field: Fields = None, page: Pages = None, reason: Reason = "", by: By = "cli"
) -> None:
    """Let the first reading stand on the chosen pages."""
    from omr.desk.rereading_accept import keep as settle

    _settle(settle, number, exam, expected, field, page, reason, by)


@app.command()
def undo(
    number: Number, exam: ExamCode, expected: Expected, field: Fields = None, page: Pages = None, reason: Reason = "", by: By = "cli"
) -> None:
    """Let the first reading stand again where the second was accepted; possible until a release is signed."""
    from omr.desk.rereading_accept import take_back as settle

    _settle(settle, number, exam, expected, field, page, reason, by)


def _settle(
    settle: Settle, number: int, exam: str, expected: int, field: list[str] | None, page: list[int] | None, reason: str, by: str
) -> None:
    from omr.desk.rereading_accept import Chosen

    site, exam_id = _open(exam)
    chosen = Chosen(tuple(field or ()), tuple(page or ()))
    settled = settle(site, exam_id, by, number, chosen, expected=expected, reason=reason, most=expected)
    overtaken = f", of which {settled.overtaken} did not stand any more" if settled.overtaken else ""
    typer.echo(f"{settled.pages} pages settled{overtaken}")


@app.command()
def adopt(number: Number, exam: ExamCode, reason: Reason = "", by: By = "cli") -> None:
    """Let frames that come from now on be read by the rereading's template."""
    from omr.desk import rereading_accept

    site, exam_id = _open(exam)
    frames = rereading_accept.adopt(site, exam_id, by, number, reason=reason)
    typer.echo(f"frames are first read by the template of rereading {number} now; {frames} that waited are read again")


@app.command()
def close(number: Number, exam: ExamCode, reason: Reason = "", by: By = "cli") -> None:
    """End a rereading: nothing more is read or accepted."""
    from omr.desk import rereading_accept

    site, exam_id = _open(exam)
    rereading_accept.close(site, exam_id, by, number, reason=reason)
    typer.echo(f"rereading {number} is closed")
