"""What this machine has and lacks, one finding a part, each with the line to type where something is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from api.app import client_folder
from core.db import Database
from core.errors import MarkhallError
from core.local import find_server
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    state: Literal["ok", "off", "missing"]
    detail: str


def findings(settings: Settings) -> Iterator[Finding]:
    yield Finding("markhall", "ok", version("markhall"))
    try:
        yield Finding("queue server", "ok", settings.redis_url or find_server())
    except MarkhallError as error:
        yield Finding("queue server", "missing", str(error))
    try:
        yield Finding("web client", "ok", str(client_folder()))
    except MarkhallError as error:
        yield Finding("web client", "missing", str(error))
    yield _second_decoder()
    yield _database(settings)
    home = settings.home if settings.home.exists() else settings.home.parent
    free = shutil.disk_usage(home).free / 2**30
    yield Finding("disk", "ok" if free > 1 else "missing", f"{free:.1f} GiB free at {home}")


def _second_decoder() -> Finding:
    from scanner.codes import second_decoder

    if second_decoder():
        return Finding("second barcode decoder", "ok", "libzbar")
    return Finding(
        "second barcode decoder", "off", "libzbar is not installed; identity rests on other facts. sudo apt-get install libzbar0"
    )


def _database(settings: Settings) -> Finding:
    database = Database(settings.database_url)
    try:
        with database.engine.connect():
            return Finding("database", "ok", database.engine.url.render_as_string(hide_password=True))
    except Exception as error:  # any driver's error means the same to the reader of this line
        return Finding("database", "missing", str(error).splitlines()[0])
    finally:
        database.close()
