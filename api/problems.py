"""Errors as they leave over HTTP: problem+json (RFC 9457) with what, where and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core.errors import MarkhallError, TooMany


def problem(
    status: int, code: str, title: str, *, where: str = "", remedy: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body: dict[str, Any] = {
        "type": f"urn:markhall:{code}",
        "status": status,
        "code": code,
        "title": title,
        "where": where,
        "remedy": remedy,
    }
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def refusal(error: MarkhallError) -> JSONResponse:
    # Whole seconds are all that the header can say.
    again = {"Retry-After": str(ceil(error.retry_after))} if isinstance(error, TooMany) else None
    return problem(error.http_status, error.code, error.message, where=error.where, remedy=error.remedy, headers=again)


def install(app: FastAPI) -> None:
    @app.exception_handler(MarkhallError)
    def known(request: Request, error: MarkhallError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        return problem(422, "bad-input", f"{first['msg']}.", where=place, remedy="See /api/openapi.json for the form of the request.")

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, "http", str(error.detail), where=request.url.path)
