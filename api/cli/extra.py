"""`markhall extra`: one more blind mark where it helps most, shown before it is asked for; and what came of it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.office import ExamCode, open_exam

if TYPE_CHECKING:
    from marking.extra import Preview, Report

Paper = Annotated[str, typer.Option("--paper", help="the paper's code")]
Group = Annotated[str, typer.Option("--group", help="the item group")]
AtMost = Annotated[int | None, typer.Option("--at-most", help="responses; default: what the scheme's share leaves")]


def register(main: typer.Typer) -> None:
    @main.command()
    def extra(
        exam: ExamCode,
        paper: Paper,
        group: Group,
        preview: Annotated[bool, typer.Option("--preview", help="only say what would be asked for")] = False,
        report: Annotated[bool, typer.Option("--report", help="say what came of what was asked for")] = False,
        at_most: AtMost = None,
    ) -> None:
        """Ask for one more blind mark on the responses whose final marks it is most likely to put right."""
        from core.errors import BadInput
        from marking import extra as marks

        if at_most is not None and at_most < 0:
            raise BadInput(f"{at_most} is no number of responses.", where="--at-most", remedy="Use 0 or more.")
        site, exam_id = open_exam(exam)
        with closing(site):
            if report:
                lines = _reported(marks.report(site, exam_id, paper, group))
            elif preview:
                lines = _planned(marks.preview(site, exam_id, paper, group, at_most=at_most), asked=False)
            else:
                lines = _planned(marks.ask(site, exam_id, paper, group, "cli", at_most=at_most), asked=True)
        for line in lines:
            typer.echo(line)


def _planned(found: Preview, *, asked: bool) -> list[str]:
    measure, other = ("exact", "within the tolerance") if found.exact else ("within the tolerance", "exact")
    share = max(1, found.items)
    lines = [
        f"{found.paper}/{found.group}: {found.responses} responses, {found.undecided} of them not decided yet; "
        f"{found.allowed} extra marks are allowed, {found.asked} were asked for before",
        f"one more mark {'is asked for' if asked else 'would be asked for'} on {found.chosen} responses, "
        f"which takes about {found.marks:.0f} marks, experts' included",
        f"final marks that are definitive ({measure}): {found.now / share:.2%} now, {found.after / share:.2%} expected after; "
        f"{other}: {found.other_now / share:.2%} now",
    ]
    if not found.measured:
        lines.append("too few responses were marked twice or are seeds: these figures rest on the usual error of markers")
    return lines


def _reported(found: Report) -> list[str]:
    return [
        f"asked for {found.asked} responses, {found.done} are done; {found.marks} marks were given for them, {found.experts} by experts",
        f"definitive final marks among those done: {found.before:.1f} before, {found.expected:.1f} expected, {found.now:.1f} as it stands",
    ]
