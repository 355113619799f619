"""`markhall store check`: what lies in the store that no row names, and what a row names that does not lie there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.orphans import Finding, Tally

app = typer.Typer(help="Look after the picture store.", no_args_is_help=True)


@app.callback()
def store() -> None:
    """Look after the picture store."""


@app.command()
def check(
    deep: Annotated[bool, typer.Option("--deep", help="read every byte and compare its hash")] = False,
    remove_orphans: Annotated[
        bool, typer.Option("--remove-orphans", help="move what no row names to orphans/, none younger than an hour")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="put back from orphans/ what a row names after all")] = False,
    copies: Annotated[bool, typer.Option("--copies", help="also list pictures in packs whose bytes have a row elsewhere")] = False,
) -> None:
    """Compare the picture store with the database, whole; exit status 3 when a picture is missing or damaged."""
    from core.orphans import Kind, Tally, check_store, set_aside
    from core.orphans import repair as put_back
    from core.settings import Settings
    from core.site import open_site

    site = open_site(Settings.from_environment())
    tally, lost, moved, young = Tally(), 0, 0, 0
    for finding in check_store(site, tally, deep=deep):
        done = ""
        if repair and put_back(site, finding):
            done = "put back"
        elif remove_orphans and set_aside(site, finding):
            moved, done = moved + 1, "moved aside"
        lost += finding.is_loss and not done
        young += finding.is_young(site.now())
        if copies or finding.kind is not Kind.COPY:
            typer.echo(_line(finding, done))
    for line in _summary(tally, moved, young):
        typer.echo(line)
    site.close()
    raise typer.Exit(3 if lost else 0)


def _line(finding: Finding, done: str) -> str:
    when = f"  {finding.modified:%Y-%m-%d %H:%M:%S}Z" if finding.modified is not None else ""
    detail = "; ".join(filter(None, (finding.detail, done)))
    return f"{finding.kind:8} {finding.size:>12,}{when}  {finding.path}{f'  ({detail})' if detail else ''}"


def _summary(tally: Tally, moved: int, young: int) -> list[str]:
    lines = [f"{tally.objects:,} objects, {tally.bytes / 2**20:,.1f} MiB; {tally.rows:,} rows"]
    lines += [f"{kind}: {many:,}, {size / 2**20:,.1f} MiB" for kind, (many, size) in sorted(tally.found.items())]
    if tally.aside or moved:
        lines.append(f"in orphans/: {tally.aside + moved:,}")
    if young:
        lines.append(f"{young:,} of these are younger than an hour: their rows may be on the way")
    return lines if tally.found else [*lines, "store and rows agree"]
