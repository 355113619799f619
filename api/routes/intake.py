"""What a scan station says: open a batch, send its frames, close it. Idempotent by place; a reply means durable."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.asking import StationDep, gatehouse_of, station_asking
from api.plain import Asked, Ways, said
from api.routes.guarded import Guarded
from core.errors import BadInput
from omr import desk
from scanner import intake

router = APIRouter(prefix="/api/intake/{exam}", tags=["intake"], route_class=Guarded)
ways = Ways(router)
LARGEST_FRAME = 64 * 1024 * 1024
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
BatchName = Annotated[str, Path(max_length=80)]


class Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    operator: str = Field(default="", max_length=80)
    scanner: str = Field(default="", max_length=80)
    first_imprint: str | None = Field(default=None, max_length=40)
    last_imprint: str | None = Field(default=None, max_length=40)


class Closing(Manifest):
    """How many frames there were, and what only the end of a batch tells."""

    frames: int = Field(ge=0)
    header: str = Field(default="", max_length=240)  # the file of the batch's header page
    refused: int = Field(default=0, ge=0, le=intake.MOST_FRAMES)  # files that the server did not take


def _parameter(name: str, where: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


FRAME = {
    "parameters": [
        _parameter("exam", "path", {"type": "string"}, required=True),
        _parameter("batch", "path", {"type": "string", "maxLength": 80}, required=True),
        _parameter("sequence", "path", {"type": "integer", "minimum": 1, "maximum": intake.MOST_FRAMES}, required=True),
        _parameter("face", "path", {"type": "integer", "enum": [1, 2]}, required=True),
        _parameter("name", "query", {"type": "string", "maxLength": 240}),
        _parameter("imprint", "query", {"type": "string", "maxLength": 40}),
        _parameter("X-Content-SHA256", "header", {"type": "string", "pattern": f"^{_HASH.pattern}$"}),
    ],
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    "responses": {
        "201": {"description": "The frame is on the disk, and this is its receipt."},
        "200": {"description": "It was here already; the same receipt."},
        "409": {"description": "Other bytes have this place, or the batch is complete."},
        "422": {"description": "The bytes do not have the hash that was said, or the place is none."},
        "429": {"description": "Faster than this station may send; Retry-After says when."},
    },
}


@ways.add("PUT", "/batches/{batch}/frames/{sequence}/{face}", FRAME)
async def receive(asked: Asked) -> Response:
    """One frame. What comes by the hundred a second costs no thread and no query of its own."""
    exam, batch = asked.places["exam"], asked.places["batch"]
    house = gatehouse_of(asked.app)
    asking = await station_asking(asked.app, exam, asked.header(b"authorization"))
    asking.station.require(batch)
    size = _declared_size(asked)
    house.admit(asking.station, size)
    place = _number(asked, "sequence"), _number(asked, "face")
    digest, name, imprint = _said_hash(asked), _short(asked, "name", 240), _short(asked, "imprint", 40)
    with house.room_for(size):
        data = await asked.body(size, lambda: _too_large(asked))
        frame = intake.ArrivingFrame(asking.exam.id, asking.station.name, batch, *place, data, digest, name, imprint)
        receipt = await house.gate.receive(frame)
    body = {"receipt": receipt.receipt, "state": receipt.state, "sha256": receipt.sha256, "fresh": receipt.fresh}
    return said(body, 201 if receipt.fresh else 200)


@router.put("/batches/{batch}")
def open_batch(batch: BatchName, manifest: Manifest, asking: StationDep) -> dict[str, Any]:
    asking.station.require(batch)
    return asdict(intake.open_batch(asking.site, asking.exam.id, asking.station.name, batch, manifest.model_dump(exclude_none=True)))


@router.get("/batches/{batch}")
def batch_state(batch: BatchName, asking: StationDep) -> dict[str, Any]:
    return asdict(intake.batch_view(asking.site, asking.exam.id, asking.station.name, batch))


def _number(asked: Asked, name: str) -> int:
    number = asked.places[name]
    if not _NUMBER.fullmatch(number):
        raise BadInput("a frame's place is a sequence from 1 and a face 1 or 2.", where=asked.path[:200])
    return int(number)


def _short(asked: Asked, name: str, most: int) -> str:
    text = asked.query.get(name, "")
    if len(text) > most:
        raise BadInput(f"the {name} has more than {most} characters.", where=name)
    return text


def _said_hash(asked: Asked) -> str | None:
    told = asked.header(b"x-content-sha256")
    if told is not None and not _HASH.fullmatch(told):
        raise BadInput("the hash is not 64 digits of 0-9 and a-f.", where="header X-Content-SHA256")
    return told


def _declared_size(asked: Asked) -> int:
    """What the request says of its body; one that does not say counts as the largest until it has come."""
    told = asked.header(b"content-length") or ""
    size = int(told) if told.isascii() and told.isdigit() and len(told) < 12 else LARGEST_FRAME
    if size > LARGEST_FRAME:
        raise _too_large(asked)
    return size


def _too_large(asked: Asked) -> BadInput:
    return BadInput("the frame is larger than 64 MiB.", where=asked.path[:200], remedy="Scan at a lower resolution.")


@router.post("/batches/{batch}/close")
def close_batch(batch: BatchName, closing: Closing, asking: StationDep) -> dict[str, Any]:
    asking.station.require(batch)
    told = closing.model_dump(exclude={"frames"}, exclude_none=True, exclude_defaults=True)
    return asdict(intake.close_batch(asking.site, asking.exam.id, asking.station.name, batch, closing.frames, told))


@router.get("/rescans")
def rescans(asking: StationDep) -> dict[str, Any]:
    """Sides that this station is asked to scan again, or that nobody in particular is."""
    mine = (asking.station.name, "")
    return {"rescans": [asdict(one) for one in desk.rescans(asking.site, asking.exam.id) if one.station in mine]}
