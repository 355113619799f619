"""`markhall measures`: the process that measures markers while they mark and raises alarms; one at a time, beside the others."""

from __future__ import annotations

import signal
import threading

import typer

from core.settings import Settings


def register(main: typer.Typer) -> None:
    @main.command()
    def measures() -> None:
        """Measure the markers of all exams, and hold alarms against it, until told to stop. `markhall up` runs one."""
        from api.cli.running import await_database
        from core.site import open_site
        from marking.live import run

        await_database()
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        site = open_site(Settings.from_environment())
        try:
            run(site, stop)
        except KeyboardInterrupt:
            stop.set()
        finally:
            site.close()
