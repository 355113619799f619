"""`markhall station` and `markhall ingest`: frames on their way in."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from api.cli.progress import Bar
from api.cli.station_screen import Screen
from core.errors import BadInput

if TYPE_CHECKING:
    from scanner.station import Plan
    from scanner.station.watching import Grouping

STATION = "server"
Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="the scanner's folder", metavar="DIR")]
Url = Annotated[str, typer.Option("--url", help="the server, such as http://127.0.0.1:8460")]
Exam = Annotated[str, typer.Option("--exam", help="the exam's code")]
Token = Annotated[str, typer.Option("--token", envvar="MARKHALL_STATION_TOKEN", help="the station's token")]
Group = Annotated[
    str, typer.Option("--group", help="what makes a batch: folder (each subfolder), header (printed header pages), time (pauses)")
]


def register(main: typer.Typer) -> None:
    main.command()(station)
    main.command()(batch_headers)
    main.command()(ingest)


def station(
    folder: Folder,
    url: Url,
    exam: Exam,
    token: Token,
    name: Annotated[str, typer.Option("--name", help="the station; default: this machine")] = "",
    group: Group = "folder",
    idle: Annotated[
        float | None, typer.Option("--idle", min=0, help="seconds of rest that end a batch; default: 30, header 600, time 60")
    ] = None,
    batch: Annotated[str, typer.Option("--batch", help="send DIR once, as this batch, and close it, instead of watching")] = "",
    once: Annotated[bool, typer.Option("--once", help="end when all that is there was sent and compared")] = False,
    simplex: Annotated[bool, typer.Option("--simplex", help="each file is a sheet of its own, not a face")] = False,
    imprint: Annotated[str, typer.Option("--imprint", help="the imprinter's number in a file's name, such as '(?P<n>[0-9]+)'")] = "",
    operator: Annotated[str, typer.Option("--operator", help="who scans; goes into the manifest")] = "",
    scanner: Annotated[str, typer.Option("--scanner", help="which scanner; goes into the manifest")] = "",
    poll: Annotated[float, typer.Option("--poll", min=0.05, help="seconds between two looks at the folder")] = 1.0,
    polls: Annotated[int, typer.Option("--polls", min=1, help="looks at which a file must be the same as before")] = 2,
    journal: Annotated[Path | None, typer.Option("--journal", help="a folder on another disk for the journals")] = None,
    rescans: Annotated[bool, typer.Option("--rescans", help="list what is to be scanned again, and end")] = False,
) -> None:
    """The scan station: watch a folder, send what settles in it, resumably, and close each batch."""
    from scanner.station import Plan

    if not url.startswith(("http://", "https://")):
        raise BadInput(f"{url} is no address of a server.", where="--url", remedy="Write it like http://127.0.0.1:8460.")
    if group not in ("folder", "header", "time"):
        raise BadInput(f"{group} is no way to make batches.", where="--group", remedy="Write folder, header or time.")
    name = name or socket.gethostname()
    if rescans:
        _list_rescans(url, exam, token)
    elif batch:
        _send_once(folder, url, exam, token, batch, Plan(name, duplex=not simplex, imprint=imprint, operator=operator, scanner=scanner))
    else:
        plan = Plan(
            name,
            grouping=cast("Grouping", group),
            idle=idle,
            duplex=not simplex,
            imprint=imprint,
            operator=operator,
            scanner=scanner,
            poll=poll,
            polls=polls,
            journal=journal,
            once=once,
        )
        _watch(folder, url, exam, token, plan)


def _watch(folder: Path, url: str, exam: str, token: str, plan: Plan) -> None:
    from scanner.station import watch_folder

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Screen() as screen:
        screen.say(f"watching {folder}; Ctrl+C ends")
        complete = watch_folder(folder, url, exam, token, plan, stop=stop, say=screen.say, show=screen.show)
    if plan.once:
        raise typer.Exit(0 if complete else 3)


def _send_once(folder: Path, url: str, exam: str, token: str, batch: str, plan: Plan) -> None:
    from scanner.station import send_folder

    with Bar("sending") as bar:
        sent = send_folder(
            folder,
            url,
            exam,
            plan.station,
            token,
            batch=batch,
            progress=bar,
            duplex=plan.duplex,
            imprint=plan.imprint,
            operator=plan.operator,
            scanner=plan.scanner,
        )
    for sentence in (*sent.refused, *([sent.numbers] if sent.numbers else ())):
        typer.echo(sentence, err=True)
    declared = sent.declared if sent.declared is not None else "?"
    typer.echo(f"{sent.batch}: {sent.received} of {declared} frames are safe; {'complete' if sent.complete else 'NOT complete'}")
    raise typer.Exit(0 if sent.complete else 3)


def _list_rescans(url: str, exam: str, token: str) -> None:
    from scanner.station import rescans_of
    from scanner.station.watching import rescan_sentence

    listed = rescans_of(url, exam, token, patience=30.0)
    for one in sorted(listed, key=lambda r: (r.paper, r.room, r.seat, r.number, r.side)):
        typer.echo(rescan_sentence(one))
    typer.echo(f"{len(listed)} sides to scan again")


def batch_headers(
    count: Annotated[int, typer.Argument(min=1, max=2000, help="how many", metavar="N")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the PDF to write")],
    name: Annotated[str, typer.Option("--name", help="what their names begin with: capitals, digits, hyphens")] = "B",
    first: Annotated[int, typer.Option("--first", min=1, help="the first number")] = 1,
) -> None:
    """Print batch header pages: one laid before each pile begins a new batch (station --group header)."""
    from omr.batch_header import print_batch_headers

    names = print_batch_headers(count, out, prefix=name, first=first)
    typer.echo(f"{out}: {count} headers, {names[0]} to {names[-1]}, two sides each: print them on both sides of a sheet")


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="images, TIFFs, PDFs or folders", metavar="PATH...")],
    exam: Annotated[str, typer.Option("--exam", help="the exam's code")],
    batch: Annotated[str, typer.Option("--batch", help="the batch's name")] = "ingest",
) -> None:
    """Take in frames that lie on the server's own disk."""
    from core.db import migrate
    from core.loading import exam_by_code
    from core.settings import Settings
    from core.site import open_site
    from omr.files import files_of
    from scanner import intake
    from scanner.station import frames_in

    settings = Settings.from_environment()
    migrate(settings.database_url)
    site = open_site(settings)
    with site.database.read() as session:
        exam_id = exam_by_code(session, exam).id
    files = list(files_of(paths))  # a name that is wrong opens no batch
    intake.open_batch(site, exam_id, STATION, batch, {"operator": "ingest"})
    count = 0
    for file in files:
        for data in frames_in(file):
            count += 1
            intake.receive(site, exam_id, STATION, batch, count, 1, data, name=file.name)
    view = intake.close_batch(site, exam_id, STATION, batch, count)
    typer.echo(f"{batch}: {view.received} of {view.declared} frames are safe")
