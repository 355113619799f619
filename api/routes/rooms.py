"""What the office's page on rooms says: a paper is scanned, who is missing where, this room balances."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.asking import AskingDep
from api.routes.guarded import Guarded
from scanner import intake

router = APIRouter(prefix="/api/office/{exam}", tags=["rooms"], route_class=Guarded)
OFFICE = ("office", "chief")


class Word(BaseModel):
    over: bool = True
    reason: str = Field(default="", max_length=2000)


@router.post("/papers/{paper}/scanned")
def scanned(paper: str, body: Word, asking: AskingDep) -> dict[str, Any]:
    """A person's word that all of a paper has been scanned, or that it goes on."""
    asking.require(*OFFICE)
    said = intake.say_scanned(asking.site, asking.exam_id, [paper], by=asking.person.actor, over=body.over, reason=body.reason)
    return {"scanned": [asdict(s) for s in said]}
