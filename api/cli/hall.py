"""`markhall scanned` and `markhall reconcile`: a paper is scanned, and every seat is accounted for."""

from __future__ import annotations

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
        for said in intake.say_scanned(site, exam_id, paper or [], by="cli", over=not not_over, reason=reason):
            typer.echo(f"{said.paper}: {'all is scanned' if said.over else 'scanning goes on'}")
