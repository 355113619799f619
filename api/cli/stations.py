"""`markhall station` and `markhall ingest`: frames on their way in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.progress import Bar


def register(main: typer.Typer) -> None:
    @main.command()
    def station(
        folder: Annotated[Path, typer.Argument(help="the scanner's folder", metavar="DIR")],
        url: Annotated[str, typer.Option("--url", help="the server")],
        exam: Annotated[str, typer.Option("--exam")],
        token: Annotated[str, typer.Option("--token", envvar="MARKHALL_STATION_TOKEN", help="the station's token")],
        batch: Annotated[str | None, typer.Option("--batch", help="the batch's name; default: the folder's")] = None,
    ) -> None:
        """Send a folder of scanned frames to the server, resumably, and close the batch."""
        from scanner.station import send_folder

        with Bar("sending") as bar:
            sent = send_folder(folder, url, exam, token, batch=batch or folder.resolve().name, progress=bar)
        typer.echo(str(sent))

    @main.command()
    def ingest(
        paths: Annotated[list[Path], typer.Argument(help="images, TIFFs, PDFs or folders", metavar="PATH...")],
        exam: Annotated[str, typer.Option("--exam")],
        batch: Annotated[str, typer.Option("--batch", help="the batch's name")] = "ingest",
    ) -> None:
        """Take in frames that lie on the server's own disk."""
        from core.loading import exam_by_code
        from core.settings import Settings
        from core.site import open_site
        from scanner import intake
        from scanner.frames import frames_of

        site = open_site(Settings.from_environment())
        with site.database.read() as session:
            exam_id = exam_by_code(session, exam).id
        station_name = "server"
        intake.open_batch(site, exam_id, station_name, batch, {"operator": "ingest"})
        count = 0
        for count, frame in enumerate(frames_of(paths), start=1):
            intake.receive(site, exam_id, station_name, batch, count, 1, frame.data, sha256=None, name=frame.name)
        view = intake.close_batch(site, exam_id, station_name, batch, count)
        typer.echo(f"{batch}: {view.received} of {view.declared} frames are safe")
