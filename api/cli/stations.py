"""`markhall station` and `markhall ingest`: frames on their way in."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from api.cli.progress import Bar
from core.errors import BadInput

STATION = "server"


def register(main: typer.Typer) -> None:
    @main.command()
    def station(
        folder: Annotated[
            Path, typer.Argument(exists=True, file_okay=False, help="the scanner's folder; each subfolder is a batch", metavar="DIR")
        ],
        url: Annotated[str, typer.Option("--url", help="the server, such as http://127.0.0.1:8460")],
        exam: Annotated[str, typer.Option("--exam", help="the exam's code")],
        token: Annotated[str, typer.Option("--token", envvar="MARKHALL_STATION_TOKEN", help="the station's token")],
        name: Annotated[str, typer.Option("--name", help="the station; default: this machine")] = "",
        batch: Annotated[str, typer.Option("--batch", help="send DIR once, as this batch, and close it, instead of watching")] = "",
        simplex: Annotated[bool, typer.Option("--simplex", help="each file is a sheet of its own, not a face")] = False,
    ) -> None:
        """The scan station: watch a folder, send what settles in it, resumably, and close each batch."""
        from scanner.station import send_folder, watch_folder

        if not url.startswith(("http://", "https://")):
            raise BadInput(f"{url} is no address of a server.", where="--url", remedy="Write it like http://127.0.0.1:8460.")
        name = name or socket.gethostname()
        if not batch:
            typer.echo(f"watching {folder}; Ctrl+C ends")
            watch_folder(folder, url, exam, name, token, stop=lambda: False, duplex=not simplex)
            return
        with Bar("sending") as bar:
            sent = send_folder(folder, url, exam, name, token, batch=batch, progress=bar, duplex=not simplex)
        for sentence in sent.refused:
            typer.echo(sentence, err=True)
        declared = sent.declared if sent.declared is not None else "?"
        typer.echo(f"{sent.batch}: {sent.received} of {declared} frames are safe; {'complete' if sent.complete else 'NOT complete'}")
        raise typer.Exit(0 if sent.complete else 3)

    @main.command()
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
