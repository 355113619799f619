"""The command line. Each command imports what it needs when it runs, so that `markhall` starts at once."""

from __future__ import annotations

import sys

import typer

from api.cli import demo, exam, office, people, reading, running, stations
from core.errors import MarkhallError

app = typer.Typer(
    name="markhall",
    help="An exam marking engine: from scanned sheets to published scores, with proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(exam.app, name="exam")
app.add_typer(people.app, name="user")
for part in (demo, exam, reading, stations, running, office):
    part.register(app)


def main() -> None:
    try:
        app()
    except MarkhallError as error:
        typer.echo(f"markhall: {error}", err=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        typer.echo("markhall: stopped.", err=True)
        sys.exit(130)
