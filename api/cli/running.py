"""`markhall up`, `serve`, `worker`, `migrate`, `doctor`: the processes of an installation."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from typing import Annotated

import typer

from core.settings import Settings

KEPT_SECONDS = 75  # a marker's connection outlasts the reading of an answer: opening one for each mark costs both sides
Host = Annotated[str, typer.Option("--host", help="the address to listen at; 0.0.0.0: every one of this machine")]
Port = Annotated[int, typer.Option("--port", help="the port to listen at")]


def await_database() -> None:
    from core.db import Database
    from core.migrating import await_current

    database = Database(Settings.from_environment().database_url)
    try:
        await_current(database, lambda sentence: typer.echo(f"markhall: {sentence}", err=True))
    finally:
        database.close()


def leave_alone_what_stays() -> None:
    """The collector looked through all that the program consists of, every second and for 140 ms; now at what came since."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(0.001)  # whoever keeps marks waits for its turn twenty times a round, and hundreds wait for it


def register(main: typer.Typer) -> None:
    @main.command()
    def up(
        host: Host = "127.0.0.1",
        port: Port = 8460,
        readers: Annotated[int, typer.Option("--readers", min=0, help="reader processes; default: one a core")] = os.cpu_count() or 1,
        webs: Annotated[int, typer.Option("--webs", min=1, help="web processes")] = 1,
    ) -> None:
        """Run everything on this machine: queue server, web, readers, measures of markers."""
        from api.processes import House

        house = House(Settings.from_environment(), host=host, port=port, readers=readers, webs=webs)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        house.start()
        typer.echo(f"Markhall is at http://{host}:{port}")
        try:
            house.watch()
        finally:
            house.stop()

    @main.command()
    def serve(
        host: Host = "127.0.0.1",
        port: Port = 8460,
        share: Annotated[bool, typer.Option("--share-port", help="several web processes take turns at one port")] = False,
    ) -> None:
        """Run a web process."""
        import uvicorn

        from api.processes import listening

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                leave_alone_what_stays()

        await_database()
        config = uvicorn.Config("api.app:served", factory=True, log_level="warning", access_log=False, timeout_keep_alive=KEPT_SECONDS)
        Server(config).run(sockets=[listening(host, port, share=share)])

    @main.command()
    def worker() -> None:
        """Run one reader, warm, until it is told to stop."""
        from core.queue import work
        from omr.jobs import warm_site
        from omr.warm import warm_up

        await_database()
        warm_up(typer.echo)
        work(warm_site().redis)

    _register_care(main)


def _register_care(main: typer.Typer) -> None:
    @main.command("migrate")
    def migrate_database() -> None:
        """Bring the database to this version's form, from empty or from any released one; nothing when it is there."""
        from core.db import migrate

        settings = Settings.from_environment()
        migrate(settings.database_url)
        typer.echo("the database has this version's form")

    @main.command()
    def doctor() -> None:
        """Say what is there on this machine and what is missing."""
        from api.doctor import findings

        faults = 0
        for finding in findings(Settings.from_environment()):
            faults += finding.state == "missing"
            typer.echo(f"{finding.state:8} {finding.part}: {finding.detail}")
        raise typer.Exit(5 if faults else 0)
