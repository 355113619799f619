"""`markhall user add|role|station`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.site import Site

app = typer.Typer(help="People, stations and what they may do.", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="what the person signs in with")]


def _site() -> Site:
    from core.db import migrate
    from core.settings import Settings
    from core.site import open_site

    settings = Settings.from_environment()
    migrate(settings.database_url)
    return open_site(settings)


@app.command()
def add(
    login: Login,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="MARKHALL_PASSWORD")],
    name: Annotated[str, typer.Option("--name", help="default: the login")] = "",
    affiliation: Annotated[str, typer.Option("--school", help="the school whose scripts this person must not mark")] = "",
    conflict: Annotated[list[str] | None, typer.Option("--conflict", help="a further school, declared")] = None,
) -> None:
    """Add a person."""
    from api.auth import add_user

    add_user(_site(), login, name or login, password, affiliation=affiliation, conflicts=conflict or ())
    typer.echo(f"{login} was added")


@app.command()
def role(
    login: Login,
    name: Annotated[str, typer.Argument(help="office, chief, clerk, marker, leader, arbiter or auditor")],
    exam: Annotated[str | None, typer.Option("--exam", help="default: every exam")] = None,
    scope: Annotated[str, typer.Option("--scope", help="an item group such as M/W21; default: all")] = "",
) -> None:
    """Give a person a role."""
    from api.auth import grant_role

    grant_role(_site(), login, name, exam, scope)
    typer.echo(f"{login} is {name} of {scope or exam or 'every exam'}")


@app.command()
def station(
    name: Annotated[str, typer.Argument(help="the station's name")],
    exam: Annotated[str, typer.Option("--exam", help="the exam's code")],
    batches: Annotated[
        str | None, typer.Option("--batches", help="which it may send, such as 'hall3-*'; default: as before, or all")
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="end its token; what it sent stays")] = False,
) -> None:
    """Register a scan station; its token is shown once. Again: a new token, and the old one ends."""
    from core.loading import exam_by_code
    from scanner.intake import register_station, revoke_station

    site = _site()
    with site.database.read() as session:
        exam_id = exam_by_code(session, exam).id
    if revoke:
        revoke_station(site, exam_id, name)
        typer.echo(f"the token of {name} opens nothing any more")
    else:
        typer.echo(register_station(site, exam_id, name, batches=batches))
