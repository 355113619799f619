"""What a scan station says: open a batch, send its frames, close it. Idempotent by place; a reply means durable."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from api.asking import StationDep
from api.routes.guarded import Guarded
from core.errors import BadInput
from scanner import intake

router = APIRouter(prefix="/api/intake/{exam}", tags=["intake"], route_class=Guarded)
LARGEST_FRAME = 64 * 1024 * 1024


class Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    operator: str = Field(default="", max_length=80)
    scanner: str = Field(default="", max_length=80)
    first_imprint: str | None = Field(default=None, max_length=40)
    last_imprint: str | None = Field(default=None, max_length=40)


class Closing(BaseModel):
    frames: int = Field(ge=0)


Name = Annotated[str, Query(max_length=240)]


@router.put("/batches/{batch}")
def open_batch(batch: str, manifest: Manifest, asking: StationDep) -> dict[str, Any]:
    return asdict(intake.open_batch(asking.site, asking.exam.id, asking.station.name, batch, manifest.model_dump(exclude_none=True)))


@router.get("/batches/{batch}")
def batch_state(batch: str, asking: StationDep) -> dict[str, Any]:
    return asdict(intake.batch_view(asking.site, asking.exam.id, asking.station.name, batch))


@router.put("/batches/{batch}/frames/{sequence}/{face}")
async def receive(
    batch: str,
    sequence: int,
    face: int,
    request: Request,
    response: Response,
    asking: StationDep,
    name: Name = "",
    x_content_sha256: Annotated[str | None, Header(pattern="^[0-9a-f]{64}$")] = None,
) -> dict[str, Any]:
    data = await _body(request)
    receipt = await run_in_threadpool(
        intake.receive,
        asking.site,
        asking.exam.id,
        asking.station.name,
        batch,
        sequence,
        face,
        data,
        sha256=x_content_sha256,
        name=name,
    )
    response.status_code = 201 if receipt.fresh else 200
    return asdict(receipt)


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_FRAME:
            raise BadInput("the frame is larger than 64 MiB.", where=request.url.path, remedy="Scan at a lower resolution.")
        parts.append(part)
    return b"".join(parts)


@router.post("/batches/{batch}/close")
def close_batch(batch: str, closing: Closing, asking: StationDep) -> dict[str, Any]:
    return asdict(intake.close_batch(asking.site, asking.exam.id, asking.station.name, batch, closing.frames))
