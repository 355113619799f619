"""What a scan station says: open a batch, send its frames, close it. Idempotent by place; a reply means durable."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.asking import StationDep, gatehouse_of, station_asking
from api.routes.guarded import Guarded
from core.errors import BadInput
from omr import desk
from scanner import intake

router = APIRouter(prefix="/api/intake/{exam}", tags=["intake"], route_class=Guarded)
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


@router.put("/batches/{batch}/frames/{sequence}/{face}", openapi_extra=FRAME, response_model=None)
async def receive(request: Request) -> Response:
    """One frame. What comes by the hundred a second is taken apart here by hand, without a thread or a query of its own."""
    exam, batch, query = str(request.path_params["exam"]), str(request.path_params["batch"]), request.query_params
    house = gatehouse_of(request)
    asking = await station_asking(request, exam, request.headers.get("authorization"))
    asking.station.require(batch)
    size = _declared_size(request)
    house.admit(asking.station, size)
    frame_at = _number(request, "sequence"), _number(request, "face")
    said, name, imprint = _said_hash(request), _short(query.get("name", ""), 240, "name"), _short(query.get("imprint", ""), 40, "imprint")
    with house.room_for(size):
        data = await _body(request, size)
        receipt = await house.gate.receive(
            intake.ArrivingFrame(asking.exam.id, asking.station.name, batch, *frame_at, data, said, name, imprint)
        )
    body = {"receipt": receipt.receipt, "state": receipt.state, "sha256": receipt.sha256, "fresh": receipt.fresh}
    return JSONResponse(body, status_code=201 if receipt.fresh else 200)


@router.put("/batches/{batch}")
def open_batch(batch: BatchName, manifest: Manifest, asking: StationDep) -> dict[str, Any]:
    asking.station.require(batch)
    return asdict(intake.open_batch(asking.site, asking.exam.id, asking.station.name, batch, manifest.model_dump(exclude_none=True)))


@router.get("/batches/{batch}")
def batch_state(batch: BatchName, asking: StationDep) -> dict[str, Any]:
    return asdict(intake.batch_view(asking.site, asking.exam.id, asking.station.name, batch))


def _number(request: Request, name: str) -> int:
    said = str(request.path_params[name])
    if not _NUMBER.fullmatch(said):
        raise BadInput("a frame's place is a sequence from 1 and a face 1 or 2.", where=request.url.path[:200])
    return int(said)


def _short(text: str, most: int, where: str) -> str:
    if len(text) > most:
        raise BadInput(f"the {where} has more than {most} characters.", where=where)
    return text


def _said_hash(request: Request) -> str | None:
    said = request.headers.get("x-content-sha256")
    if said is not None and not _HASH.fullmatch(said):
        raise BadInput("the hash is not 64 digits of 0-9 and a-f.", where="header X-Content-SHA256")
    return said


def _declared_size(request: Request) -> int:
    """What the request says of its body; one that does not say counts as the largest until it has come."""
    said = request.headers.get("content-length", "")
    size = int(said) if said.isascii() and said.isdigit() and len(said) < 12 else LARGEST_FRAME
    if size > LARGEST_FRAME:
        raise BadInput("the frame is larger than 64 MiB.", where=request.url.path[:200], remedy="Scan at a lower resolution.")
    return size


async def _body(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise BadInput("the frame is larger than 64 MiB.", where=request.url.path[:200], remedy="Scan at a lower resolution.")
        parts.append(part)
    return b"".join(parts)


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
