"""Running the demo: its servers start at once, and while they start the stages are loaded and begin."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from api.demo.folder import DemoFolder
from api.demo.services import Services
from core.settings import Settings

if TYPE_CHECKING:
    from api.demo.compare import Comparison


def run_demo(
    root: Path, *, candidates: int, seed: int, trouble: str, language: Literal["zh", "en"], serve: bool, resume: bool, readers: int
) -> Comparison:
    """The whole main job. Raises NotProven when a comparison does not hold."""
    started = time.monotonic()
    folder = DemoFolder(root)
    if not resume:
        folder.begin({"candidates": candidates, "seed": seed, "trouble": trouble, "exam": "DEMO"})
    state = folder.resume()
    settings = Settings.at(folder.site)
    services = Services(settings, readers)
    try:
        from api.demo.show import Show
        from api.demo.stages import Demo, all_stages, keep_serving
        from api.demo.words import Speaker

        demo = Demo(folder, settings, state, Speaker(language), Show(), services)
        comparison = all_stages(demo)
        demo.show.line(f"{demo.say('took')} {time.monotonic() - started:.0f} s")
        if serve:
            keep_serving(demo)
    finally:
        services.stop()
    return comparison
