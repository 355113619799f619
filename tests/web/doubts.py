"""Doubtful answers in memory, handed out and answered as the desk's server does it, for tests of the clerk's quick page."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fastapi import FastAPI, Response
from PIL import Image, ImageDraw

from tests.web.hall import Hall, problem

OPTIONS = "ABCD"
LEASE_SECONDS = 300


@cache
def crop(seed: int, options: str = OPTIONS) -> bytes:
    """A row of bubbles as a reader cuts it, one of them filled palely."""
    chance = random.Random(seed)
    picture = Image.new("L", (70 * len(options) + 60, 84), 250)
    pen = ImageDraw.Draw(picture)
    for n, letter in enumerate(options):
        box = (40 + 70 * n, 24, 40 + 70 * n + 44, 54)
        pen.rectangle(box, outline=150, width=2)
        pen.text((box[0] + 18, box[1] + 8), letter, fill=160)
    x = 40 + 70 * chance.randrange(len(options))
    for y in range(28, 52, 2):
        pen.line((x + 3, y, x + 40 - chance.randint(0, 9), y + 1), fill=chance.randint(120, 190), width=2)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


@dataclass
class Doubts:
    """What the server knows of the looks, and what it was told."""

    cases: list[dict[str, Any]]
    said: dict[str, dict[str, Any]] = field(default_factory=dict)  # by key
    taken_back: list[int] = field(default_factory=list)
    given_back: int = 0
    gone: set[int] = field(default_factory=set)
    away: bool = False  # the server answers nothing

    def hand_out(self, hold: int, done: list[int]) -> dict[str, Any]:
        answered = {body["case"] for body in self.said.values()} - set(self.taken_back)
        free = [c for c in self.cases if c["case"] not in answered and c["case"] not in done and c["case"] not in self.gone]
        return {"looks": free[:hold], "left": len(free)}

    def install(self, app: FastAPI) -> None:
        @app.post("/api/desk/DEMO/looks/next")
        def following(body: dict[str, Any]) -> Any:
            return problem(503, "unavailable", "away") if self.away else self.hand_out(body["hold"], body["done"])

        @app.post("/api/desk/DEMO/looks/give-back")
        def give_back(body: dict[str, Any]) -> dict[str, int]:
            self.given_back += 1
            return {"given_back": 0}

        @app.post("/api/desk/DEMO/looks/{case}/take-back")
        def take_back(case: int, body: dict[str, Any]) -> dict[str, Any]:
            self.taken_back.append(case)
            self.said = {key: said for key, said in self.said.items() if said["case"] != case}
            return {"look": next(c for c in self.cases if c["case"] == case)}

        @app.post("/api/desk/DEMO/looks")
        def answer(body: dict[str, Any]) -> Any:
            if self.away:
                return problem(503, "unavailable", "away")
            outcome = "gone" if body["case"] in self.gone else "kept"
            if outcome == "kept":
                self.said.setdefault(body["key"], body)
                self.taken_back = [c for c in self.taken_back if c != body["case"]]
            return {"saved": {"case": body["case"], "outcome": outcome}, **self.hand_out(body["hold"], body["done"]), "left": None}

        @app.get("/api/desk/DEMO/looks-pictures/{seed}")
        def picture(seed: int) -> Response:
            return Response(crop(seed), media_type="image/jpeg")

    @property
    def values(self) -> list[tuple[int, dict[str, str]]]:
        return [(body["case"], body["values"]) for body in self.said.values()]


def doubt(case: int, items: tuple[str, ...] = ("Q3",), *, multiple: bool = False, kind: str = "doubt") -> dict[str, Any]:
    return {
        "case": case,
        "version": 1,
        "kind": kind,
        "paper": "M",
        "lease_seconds": LEASE_SECONDS,
        "items": [
            {
                "item": item,
                "value": "B",
                "first": "B",
                "second": "",
                "options": list(OPTIONS),
                "p_wrong": 0.02,
                "why": "a mark is too faint or too small to be sure",
                "multiple": multiple,
                "picture": f"/api/desk/DEMO/looks-pictures/{case * 10 + n}",
            }
            for n, item in enumerate(items)
        ],
    }


def with_doubts(hall: Hall, *cases: dict[str, Any]) -> Doubts:
    doubts = Doubts(list(cases))
    hall.more.append(doubts.install)
    return doubts
