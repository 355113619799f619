"""`markhall demo`: the whole main job on embedded defaults, with progress."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def language_of_the_machine() -> str:
    names = (os.environ.get(v, "") for v in ("LC_ALL", "LC_MESSAGES", "LANG"))
    first = next((n for n in names if n), "")
    return "zh" if first.startswith("zh") else "en"


def register(main: typer.Typer) -> None:
    @main.command()
    def demo(
        candidates: Annotated[int, typer.Option("--candidates", min=1, max=99_999)] = 100,
        folder: Annotated[Path, typer.Option("--dir", help="where everything goes; an earlier demo there is removed")] = Path("demo"),
        lang: Annotated[str, typer.Option("--lang", help="zh or en; default: the machine's")] = "",
        serve: Annotated[bool, typer.Option("--serve", help="leave the web pages up, with accounts, so that you can mark")] = False,
        resume: Annotated[bool, typer.Option("--resume", help="go on with a demo that was cut off")] = False,
        trouble: Annotated[str, typer.Option("--trouble", help="none, typical or harsh")] = "typical",
        seed: Annotated[int, typer.Option("--seed")] = 2026,
        readers: Annotated[int, typer.Option("--readers", min=1)] = os.cpu_count() or 1,
    ) -> None:
        """See a small exam go through its whole life, from blank sheets to verified scores."""
        from api.demo.run import run_demo

        run_demo(
            folder.resolve(),
            candidates=candidates,
            seed=seed,
            trouble=trouble,
            language="zh" if (lang or language_of_the_machine()) == "zh" else "en",
            serve=serve,
            resume=resume,
            readers=readers,
        )
