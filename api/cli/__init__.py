"""The command line. Each command imports what it needs when it runs, so that `markhall` starts at once."""

from __future__ import annotations

import sys

import typer

from api.cli import demo, exam, extra, hall, measures, office, people, quality, reading, rehearse, rereading, running, stations, store
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
app.add_typer(store.app, name="store")
app.add_typer(rereading.app, name="reread")
for part in (demo, exam, reading, stations, running, measures, quality, office, hall, extra, rehearse):
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
    except Exception as error:
        sentence = _of_the_machine(error)
        if sentence is None or sys.argv[1:2] in (["serve"], ["worker"], ["measures"]):  # their logs are for whoever mends them
            raise
        typer.echo(f"markhall: {sentence}", err=True)
        sys.exit(5)


def _of_the_machine(error: Exception) -> str | None:
    """A file, a database or a queue that is not to be had, in one sentence; nothing for a defect of ours."""
    kind = f"{type(error).__module__.split('.')[0]}.{type(error).__name__}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}. Name another place, or make this one usable."
    if kind == "sqlalchemy.OperationalError":
        first = str(getattr(error, "orig", error)).splitlines()[0]
        return f"MARKHALL_DATABASE_URL: the database does not answer ({first}). Start it, or correct the address."
    if kind == "redis.ConnectionError":
        return f"MARKHALL_REDIS_URL: the queue server does not answer ({error}). Start it, or correct the address."
    return None
