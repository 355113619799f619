"""`markhall seed` and `markhall stop`: agreed marks from a file, and stopping a marker, at the server's own shell."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.office import ExamCode, open_exam

if TYPE_CHECKING:
    from core.quality import PutBack
    from core.site import Site

By = Annotated[str, typer.Option("--by", help="the login of who says so: an arbiter for seeds, a leader for stops")]
Since = Annotated[str, typer.Option("--since", help="which marks go back: last_passed_seed, today, never, or a number of hours such as 4h")]


def register(main: typer.Typer) -> None:
    @main.command()
    def seed(exam: ExamCode, file: Annotated[Path, typer.Argument(help="CSV: response, use, note, and a column an item")], by: By) -> None:
        """Make responses definitive: each gets the agreed marks for good and leaves live marking."""
        from core.errors import MarkhallError
        from marking import seeds

        site, exam_id = open_exam(exam)
        with closing(site):
            user, agreed = person(site, by), read_agreed(file)
            for line, (response, use, note, marks) in enumerate(agreed, start=2):
                try:
                    seeds.propose(site, exam_id, user, response, use, marks, note)
                except MarkhallError as e:
                    e.where = f"{file}, line {line}, {e.where}"
                    raise
        typer.echo(f"{len(agreed)} agreed marks are seeds")

    @main.command()
    def stop(
        exam: ExamCode,
        marker: Annotated[str, typer.Argument(help="the marker's login")],
        group: Annotated[str, typer.Argument(help="the item group, as PAPER/GROUP")],
        by: By,
        reason: Annotated[str, typer.Option("--reason", help="why; the marker's leader and the ledger are told")] = "",
        since: Since = "last_passed_seed",
        yes: Annotated[bool, typer.Option("--yes", help="do it; without, it is only shown what would happen")] = False,
    ) -> None:
        """Stop a marker in an item group and put unconfirmed marks back. Shows what would happen; --yes does it."""
        from marking import stopping

        choose, (paper, _, name) = put_back_of(since), group.partition("/")
        site, exam_id = open_exam(exam)
        with closing(site):
            leader, user = person(site, by), person(site, marker)
            shown = stopping.what_would_happen(site, exam_id, leader, user, paper, name, choose)
            typer.echo(f"{marker} in {group}: {shown.marks} marks go back, {shown.reopened} responses open again, {shown.kept} marks stay")
            if yes:
                stopping.stop_as_shown(site, exam_id, leader, user, paper, name, choose, reason, (shown.newest, shown.digest))
                typer.echo(f"{marker} is stopped in {group}")


def person(site: Site, login: str) -> int:
    from sqlalchemy import select

    from core.errors import NotFound
    from core.tables import User

    with site.database.read() as session:
        found = session.scalar(select(User.id).where(User.login == login))
    if found is None:
        raise NotFound(f"there is no person {login}.", where="login", remedy="Add one with `markhall user add`.")
    return found


def put_back_of(since: str) -> PutBack:
    from core.errors import BadInput
    from core.quality import PutBack

    if since.endswith("h") and since[:-1].isascii() and since[:-1].isdigit() and 1 <= int(since[:-1]) <= 10_000:
        return PutBack(since="hours", hours=int(since[:-1]))
    try:
        return PutBack.model_validate({"since": since})
    except ValueError:
        raise BadInput(
            f"{since!r} says nothing.", where="--since", remedy="Use last_passed_seed, today, never, or hours such as 4h."
        ) from None


def read_agreed(file: Path) -> list[tuple[int, str, str, dict[str, object]]]:
    """Rows of response, use, note and marks; an item by steps has a column a step, `23:23a`."""
    import csv

    from core.errors import BadInput

    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    except OSError as e:
        raise BadInput(f"cannot be opened ({e.strerror}).", where=str(file)) from e
    except UnicodeDecodeError:
        raise BadInput("is not UTF-8 text.", where=str(file), remedy="Save it as UTF-8.") from None
    found: list[tuple[int, str, str, dict[str, object]]] = []
    for line, row in enumerate(rows, start=2):
        response = (row.pop("response", "") or "").strip()
        if not (response.isascii() and response.isdigit()):
            raise BadInput("has no number of a response.", where=f"{file}, line {line}", remedy="Name it in a column `response`.")
        use, note = (row.pop("use", "") or "live").strip(), (row.pop("note", "") or "").strip()
        found.append((int(response), use, note, _marks(row)))
    return found


def _marks(row: dict[str, str]) -> dict[str, object]:
    marks: dict[str, object] = {}
    for column, value in row.items():
        item, colon, step = (column or "").partition(":")
        if not (value or "").strip():
            continue
        steps = marks.setdefault(item, {}) if colon else None
        if isinstance(steps, dict):
            steps[step] = value.strip()
        else:
            marks[item] = value.strip()
    return marks
