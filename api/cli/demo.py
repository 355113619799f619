"""`markhall demo`: the whole main job on embedded defaults, with progress."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer


def language_of_the_machine() -> Literal["zh", "en"]:
    names = (os.environ.get(v, "") for v in ("LC_ALL", "LC_MESSAGES", "LANG"))
    first = next((n for n in names if n), "")
    return "zh" if first.startswith("zh") else "en"


def register(main: typer.Typer) -> None:
    @main.command()
    def demo(
        candidates: Annotated[int, typer.Option("--candidates", min=1, max=99_999, help="how many sit the exam")] = 100,
        folder: Annotated[
            Path, typer.Option("--dir", file_okay=False, help="where everything goes; an earlier demo there is removed")
        ] = Path("demo"),
        lang: Annotated[Literal["zh", "en"] | None, typer.Option("--lang", help="default: the machine's language")] = None,
        serve: Annotated[bool, typer.Option("--serve", help="leave the web pages up, with accounts, so that you can mark")] = False,
        resume: Annotated[bool, typer.Option("--resume", help="go on with a demo that was cut off")] = False,
        trouble: Annotated[Literal["none", "typical", "harsh"], typer.Option("--trouble", help="how bad the paper is")] = "typical",
        seed: Annotated[int, typer.Option("--seed", help="the same seed, the same exam")] = 2026,
        readers: Annotated[int, typer.Option("--readers", min=1, help="reader processes; default: one a core")] = os.cpu_count() or 1,
    ) -> None:
        """See a small exam go through its whole life, from blank sheets to verified scores."""
        from api.demo.run import run_demo

        run_demo(
            folder.resolve(),
            candidates=candidates,
            seed=seed,
            trouble=trouble,
            language=lang or language_of_the_machine(),
            serve=serve,
            resume=resume,
            readers=readers,
        )
