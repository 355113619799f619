"""`markhall rehearse`: the whole exam as a load test, with a table at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from api.cli.demo import language_of_the_machine


def register(main: typer.Typer) -> None:
    @main.command()
    def rehearse(
        candidates: Annotated[int, typer.Option("--candidates", min=1, max=900_000, help="four responses each")] = 500,
        markers: Annotated[int, typer.Option("--markers", min=12, max=20_000, help="simulated markers, in four teams")] = 40,
        careless: Annotated[int, typer.Option("--careless", min=0, help="how many of them do not look")] = 3,
        folder: Annotated[
            Path, typer.Option("--dir", file_okay=False, help="where everything goes; an earlier rehearsal there is removed")
        ] = Path("rehearsal"),
        at_once: Annotated[int, typer.Option("--at-once", min=1, help="how many people may be asking the server at one time")] = 16,
        paper: Annotated[
            bool, typer.Option("--paper", help="with simulated paper and the readers; else pages are put in as if read")
        ] = False,
        webs: Annotated[int, typer.Option("--webs", min=1, help="web processes")] = 2,
        lang: Annotated[Literal["zh", "en"] | None, typer.Option("--lang", help="default: the machine's language")] = None,
        resume: Annotated[bool, typer.Option("--resume", help="go on with a rehearsal that was cut off")] = False,
        seed: Annotated[int, typer.Option("--seed", help="the same seed, the same candidates and markers")] = 2026,
    ) -> None:
        """Rehearse the whole exam on this machine: simulated people mark it, and a table says how it went."""
        from api.rehearsal.run import run_rehearsal

        wishes = {"candidates": candidates, "markers": markers, "careless": min(careless, markers), "at_once": at_once}
        wishes |= {"webs": webs, "seed": seed, "paper": paper}
        run_rehearsal(folder.resolve(), wishes, language=lang or language_of_the_machine(), resume=resume)
