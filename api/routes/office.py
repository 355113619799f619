"""What the exam office's page says: where everything stands, do the laws hold, draft, sign, publish, take out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api import records
from api.asking import AskingDep
from api.auth import check_password
from api.guesses import Guesses
from api.routes.guarded import Guarded, Number
from api.status import status
from core.errors import Forbidden
from scoring import export
from scoring import release as releases
from scoring.verify import verify
from scoring.view import release_view

router = APIRouter(prefix="/api/office/{exam}", tags=["office"], route_class=Guarded)
OFFICE = ("office", "chief")


class Signing(BaseModel):
    password: str = Field(max_length=200)


class Override(BaseModel):
    law: str = Field(pattern="^Z[1-8]$")
    reason: str = Field(min_length=1, max_length=2000)


@router.get("/status")
def stand(asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE, "clerk", "auditor")
    with asking.site.database.read() as session:
        return status(session, asking.exam_id)


@router.post("/verify")
def check(asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE, "auditor")
    return {"laws": [law.as_json() for law in verify(asking.site, asking.exam_id)]}


@router.get("/tasks")
def tasks(asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE)
    with asking.site.database.read() as session:
        return {"tasks": records.tasks(session, asking.exam_id)}


@router.get("/marks")
def marks(asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE)
    with asking.site.database.read() as session:
        return {"marks": records.marks(session, asking.exam_id)}


@router.post("/release/draft")
def draft(asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE)
    made = releases.draft(asking.site, asking.exam_id, asking.person.actor)
    return _shown(asking, made.number)


@router.get("/release/{number}")
def show(number: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE, "auditor")
    return _shown(asking, number)


@router.post("/release/{number}/override")
def override(number: Number, body: Override, asking: AskingDep) -> dict[str, Any]:
    releases.override(asking.site, asking.exam_id, number, law=body.law, user_id=asking.person.id, reason=body.reason)
    return _shown(asking, number)


@router.post("/release/{number}/sign")
def sign(number: Number, body: Signing, request: Request, asking: AskingDep) -> dict[str, Any]:
    """A signature asks for the password again: an open session at an empty desk must not sign."""
    guesses: Guesses = request.app.state.guesses
    with guesses.counted(asking.person.login):
        owner = check_password(asking.site, asking.person.login, body.password)
    if owner != asking.person.id:
        raise Forbidden("that is another person's password.", where="password")
    releases.sign(asking.site, asking.exam_id, number, asking.person.id)
    return _shown(asking, number)


@router.post("/release/{number}/publish")
def publish(number: Number, asking: AskingDep) -> dict[str, Any]:
    asking.require(*OFFICE)
    releases.publish(asking.site, asking.exam_id, number)
    return _shown(asking, number)


@router.get("/release/{number}/release.zip")
def release_zip(number: Number, asking: AskingDep) -> Response:
    """The self-contained release, checkable off line with `markhall verify-release`."""
    asking.require(*OFFICE, "auditor")
    with TemporaryDirectory() as folder:
        export.export(asking.site, asking.exam_id, number, Path(folder) / "release")
        return _zipped(Path(folder) / "release", f"{asking.exam.code}-release-{number}")


@router.get("/release/{number}/reports.zip")
def reports_zip(number: Number, asking: AskingDep) -> Response:
    asking.require(*OFFICE)
    from scoring import reports  # charts, workbooks and slips: only the web process that makes them loads what makes them

    with TemporaryDirectory() as folder:
        reports.write_reports(asking.site, asking.exam_id, number, Path(folder) / "reports", languages=("zh", "en"))
        return _zipped(Path(folder) / "reports", f"{asking.exam.code}-reports-{number}")


def _shown(asking: AskingDep, number: int) -> dict[str, Any]:
    release = release_view(asking.site, asking.exam_id, number)
    return release.as_json() | {"files": ["release.zip", "reports.zip"] if release.released_at else []}


def _zipped(folder: Path, name: str) -> Response:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(path, f"{name}/{path.relative_to(folder)}")
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return Response(buffer.getvalue(), media_type="application/zip", headers=headers)
