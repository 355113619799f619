"""Running a rehearsal: its own installation, its stages, its servers stopped at the end whatever happens."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from api.demo.show import Show
from api.rehearsal.folder import RehearsalFolder
from api.rehearsal.result import Line
from api.rehearsal.services import House, require_empty, settings_at
from api.rehearsal.stages import Rehearsal, all_stages
from api.rehearsal.words import Speaker
from core.db import migrate
from core.exam import Language
from core.site import open_site


def run_rehearsal(root: Path, wishes: dict[str, Any], *, language: Language, resume: bool) -> list[Line]:
    """The whole exam, by `wishes`: candidates, markers, careless, at_once, webs, seed, paper; a resumed one keeps its own.

    Raises NotProven when a law does not hold or something acknowledged is lost.
    """
    started = time.monotonic()
    folder = RehearsalFolder(root)
    if not resume:
        folder.begin(wishes)
    state = folder.state()
    settings = settings_at(folder.site, dict(os.environ))
    migrate(settings.database_url)
    site = open_site(settings)
    if not state["done"]:
        require_empty(site)
    readers = (os.cpu_count() or 1) if state["paper"] else 0
    rehearsal = Rehearsal(folder, site, state, Speaker(language), Show(), lambda: House(settings, readers=readers, webs=int(state["webs"])))
    try:
        rows = all_stages(rehearsal)
        rehearsal.show.line(f"{rehearsal.say('took')} {time.monotonic() - started:.0f} s")
        rehearsal.show.line(f"{rehearsal.say('result')} {folder.result}")
    finally:
        if rehearsal.house is not None:
            rehearsal.house.stop()
        site.close()
    return rows
