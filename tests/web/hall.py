"""A marking hall in memory: the HTTP contract as a client meets it, so that what a client does can be counted.

It proves nothing about the server. It records every request, keeps each mark under its idempotency key, and can
be made to refuse, so that a test of the page can say "this was given once".
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from PIL import Image, ImageDraw

import web

EXAM = {"code": "DEMO", "title": {"zh": "示范考试", "en": "Demonstration exam"}}
LEASE_SECONDS = 900
GROUPS: dict[str, dict[str, Any]] = {
    "W21": {
        "title": {"zh": "第21题", "en": "Question 21"},
        "items": [{"id": "21", "title": None, "full": "10", "step": "1", "steps": []}],
    },
    "W22": {
        "title": {"zh": "第22题", "en": "Question 22"},
        "items": [{"id": "22", "title": None, "full": "12", "step": "0.5", "steps": []}],
    },
    "W23": {
        "title": {"zh": "第23题", "en": "Question 23"},
        "items": [
            {
                "id": "23",
                "title": None,
                "full": "16",
                "step": "1",
                "steps": [
                    {"id": "23a", "title": {"zh": "第一问", "en": "First part"}, "full": "6"},
                    {"id": "23b", "title": {"zh": "第二问", "en": "Second part"}, "full": "10"},
                ],
            }
        ],
    },
}


@cache
def handwriting(seed: int, width: int = 1400, height: int = 560) -> bytes:
    """A ruled region with strokes that look like lines of writing, as a JPEG."""
    chance = random.Random(seed)
    page = Image.new("L", (width, height), 250)
    pen = ImageDraw.Draw(page)
    for y in range(70, height, 62):
        pen.line((30, y, width - 30, y), fill=205, width=2)
    for line, y in enumerate(range(70, height - 60, 62)):
        x = 50.0 + 40 * (line == 0)
        while x < width * chance.uniform(0.55, 0.95):
            points = [(x + 7 * n + chance.uniform(-4, 4), y - 6 - chance.uniform(0, 36)) for n in range(chance.randint(3, 7))]
            pen.line(points, fill=chance.randint(40, 90), width=4, joint="curve")
            x = points[-1][0] + chance.uniform(14, 34)
    out = io.BytesIO()
    page.save(out, "JPEG", quality=82)
    return out.getvalue()


def problem(status: int, code: str, title: str, where: str = "", remedy: str = "") -> JSONResponse:
    body = {"code": code, "title": title, "where": where, "remedy": remedy, "status": status}
    return JSONResponse(body, status, media_type="application/problem+json")


@dataclass
class Hall:
    """What the server knows, and every request that it was sent."""

    per_group: int = 12
    level: str = "marker"
    roles: tuple[str, ...] = ("marker", "clerk", "office")
    open: dict[str, list[str]] = field(default_factory=dict)
    leased: list[str] = field(default_factory=list)
    marks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    resolved: list[dict[str, Any]] = field(default_factory=list)
    rescans: list[int] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    signed_in: bool = False
    refuse_revision: bool = False
    more: list[Callable[[FastAPI], None]] = field(default_factory=list)  # rooms that a test brings itself

    def __post_init__(self) -> None:
        self.open = {group: [f"{group}-{n:03d}" for n in range(1, self.per_group + 1)] for group in GROUPS}

    def task(self, token: str) -> dict[str, Any]:
        group = token.split("-")[0]
        task = {
            "task": token,
            "paper": "M",
            "group": group,
            **GROUPS[group],
            "pictures": [{"url": f"/api/marking/pictures/p-{token}", "width": 1400, "height": 560}],
            "lease_seconds": LEASE_SECONDS,
            "level": self.level,
        }
        if self.level == "arbiter":
            task["shown"] = [{"marks": {"21": "7"}}, {"marks": {"21": "3"}}]
        return task

    def lease(self, group: str | None, hold: int) -> dict[str, Any]:
        held = [token for token in self.leased if group is None or token.startswith(f"{group}-")]
        queue = self.open[group] if group else next(iter(self.open.values()))
        while len(held) < hold and queue:
            held.append(queue.pop(0))
            self.leased.append(held[-1])
        return {"tasks": [self.task(token) for token in held[:hold]], "open": len(queue)}

    def take_marks(self, body: dict[str, Any]) -> dict[str, Any]:
        token, group = body["task"], body["task"].split("-")[0]
        if body["key"] not in self.by_key:
            outcome = "surplus" if token in self.marks else "counted"
            self.marks.setdefault(token, []).append(body["marks"])
            self.by_key[body["key"]] = {"task": token, "outcome": outcome}
            if token in self.leased:
                self.leased.remove(token)
        return {"saved": self.by_key[body["key"]], **(self.lease(group, body["hold"]) if body.get("hold") else {"tasks": [], "open": 0})}

    def revise(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["key"] not in self.by_key:
            self.marks[body["task"]][-1] = body["marks"]
            self.by_key[body["key"]] = {"task": body["task"], "outcome": "revised"}
        return {"saved": self.by_key[body["key"]]}

    def report(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["key"] not in self.by_key:
            self.problems.append(body)
            self.by_key[body["key"]] = {"task": body["task"], "outcome": "problem"}
            self.leased.remove(body["task"])
        return self.lease(body["task"].split("-")[0], 3)

    def release_all(self) -> int:
        given_back, self.leased = self.leased, []
        for token in given_back:
            self.open[token.split("-")[0]].insert(0, token)
        return len(given_back)

    def sent(self, ending: str) -> list[Any]:
        return [body for _, path, body in self.requests if path.endswith(ending)]


def hall_app(hall: Hall) -> FastAPI:
    app = FastAPI(openapi_url=None)
    _recorded(app, hall)
    _session(app, hall)
    _marking(app, hall)
    _desk(app, hall)
    _office(app, hall)
    for add in hall.more:
        add(app)
    app.mount("/assets", StaticFiles(directory=web.STATIC / "assets"))

    @app.get("/")
    def index() -> FileResponse:
        return FileResponse(web.STATIC / "index.html")

    return app


def _recorded(app: FastAPI, hall: Hall) -> None:
    @app.middleware("http")
    async def record(request: Request, forward: Any) -> Response:
        path = request.url.path
        if path.startswith("/api/"):
            body = await request.json() if request.method == "POST" else None
            hall.requests.append((request.method, path, body))
            if request.method != "GET" and request.headers.get("X-Markhall") != "1":
                return problem(403, "forbidden", "the header X-Markhall is missing.")
            if not hall.signed_in and path != "/api/session":
                return problem(401, "not-signed-in", "nobody is signed in.")
        response: Response = await forward(request)
        for name, value in web.HEADERS.items():
            response.headers[name] = value
        if path.startswith("/api/"):
            response.headers["Cache-Control"] = "no-store"
        return response


def _session(app: FastAPI, hall: Hall) -> None:
    def user() -> dict[str, Any]:
        roles = [{"role": role, "exam": "DEMO", "scope": ""} for role in hall.roles]
        return {"id": 1, "login": "marker01", "name": "王老师", "roles": roles}

    @app.post("/api/session")
    def begin(body: dict[str, str]) -> Any:
        if body["password"] != "right":
            return problem(401, "not-signed-in", "the login or the password is wrong.", "login", "Type both again, or ask the exam office.")
        hall.signed_in = True
        return {"token": "t", "user": user()}

    @app.delete("/api/session", status_code=204)
    def end() -> None:
        hall.release_all()
        hall.signed_in = False

    @app.get("/api/me")
    def me() -> dict[str, Any]:
        return {"user": user(), "exams": [EXAM]}


def _marking(app: FastAPI, hall: Hall) -> None:
    @app.get("/api/marking/DEMO/work")
    def work() -> dict[str, Any]:
        return {
            "groups": [
                {
                    "paper": "M",
                    "group": group,
                    "title": GROUPS[group]["title"],
                    "level": hall.level,
                    "open": len(queue),
                    "done_by_me": sum(token.startswith(group) for token in hall.marks),
                }
                for group, queue in hall.open.items()
            ]
        }

    @app.post("/api/marking/DEMO/next")
    def following(body: dict[str, Any]) -> dict[str, Any]:
        return hall.lease(body["group"].split("/")[1], body.get("hold", 1))

    @app.post("/api/marking/DEMO/marks")
    def marks(body: dict[str, Any]) -> dict[str, Any]:
        return hall.take_marks(body)

    @app.post("/api/marking/DEMO/revise")
    def revise(body: dict[str, Any]) -> Any:
        if hall.refuse_revision:
            return problem(409, "conflict", "the grace period of this mark is over.", body["task"], "Tell your leader.")
        return hall.revise(body)

    @app.post("/api/marking/DEMO/problem")
    def report(body: dict[str, Any]) -> dict[str, Any]:
        return hall.report(body)

    @app.post("/api/marking/DEMO/release")
    def release() -> dict[str, Any]:
        return {"released": hall.release_all()}

    @app.get("/api/marking/pictures/{token}")
    def picture(token: str) -> Response:
        task = token.removeprefix("p-")
        if task not in hall.leased and task not in hall.marks:
            return problem(404, "not-found", "there is no such picture for you.")
        return Response(handwriting(sum(token.encode())), media_type="image/jpeg")


def _desk(app: FastAPI, hall: Hall) -> None:
    @app.get("/api/desk/DEMO/cases")
    def cases() -> dict[str, Any]:
        return {"cases": hall.cases}

    @app.get("/api/desk/DEMO/cases/{case}/picture")
    def page(case: int) -> Response:
        return Response(handwriting(case, 1654, 2339), media_type="image/jpeg")

    @app.get("/api/desk/DEMO/cases/{case}/items/{item}/picture")
    def item(case: int, item: str) -> Response:
        return Response(handwriting(sum(item.encode()), 420, 90), media_type="image/jpeg")

    @app.post("/api/desk/DEMO/cases/{case}/resolve")
    def resolve(case: int, body: dict[str, Any]) -> Any:
        found = next((one for one in hall.cases if one["id"] == case), None)
        if found is None or found["version"] != body["version"]:
            return problem(409, "conflict", "another clerk has settled this case.", f"case {case}", "Take the next one.")
        if body["action"] == "rescan":
            found["version"] += 1
            hall.rescans.append(case)
            return {"case": found, "state": "open"}
        hall.cases.remove(found)
        hall.resolved.append({"case": found, **body})
        return {"case": case, "state": "resolved"}

    @app.post("/api/desk/DEMO/cases/{case}/undo")
    def undo(case: int) -> dict[str, Any]:
        hall.cases.insert(0, hall.resolved.pop()["case"])
        return {"case": case, "state": "open"}


def _office(app: FastAPI, hall: Hall) -> None:
    @app.get("/api/office/DEMO/status")
    def status() -> dict[str, Any]:
        latest = hall.releases[-1] if hall.releases else None
        return {
            "frames": {"received": 0, "read": 196, "waiting": 4},
            "cases": {"open": len(hall.cases), "resolved": len(hall.resolved)},
            "cases_open_by_kind": {"doubt": 2, "code_unknown": 1},
            "scripts": {"complete": 97, "absent": 2, "incomplete": 1},
            "groups": [{"paper": "M", "group": group, "states": {"open": 12, "agreed": 88}} for group in GROUPS],
            "batches": [{"station": "station-1", "batch": "b01", "state": "closed", "declared": 100, "received": 100}],
            "release": latest and {"number": latest["number"], "state": latest["state"]},
        }

    @app.post("/api/office/DEMO/verify")
    def verify() -> dict[str, Any]:
        laws = [("Z1", "图像", "frames"), ("Z2", "答题卡", "sheets"), ("Z5", "分数", "marks"), ("Z8", "账本", "ledger")]
        return {
            "laws": [
                {
                    "law": law,
                    "name": {"zh": zh, "en": en},
                    "holds": law != "Z1",
                    "detail": {"zh": f"{law} 的说明", "en": f"what {law} found"},
                }
                for law, zh, en in laws
            ]
        }

    @app.post("/api/office/DEMO/release/draft")
    def draft() -> dict[str, Any]:
        hall.releases.append({"number": len(hall.releases) + 1, "state": "draft", "signatures": [], "digest": "ab12" * 16})
        return hall.releases[-1]

    @app.get("/api/office/DEMO/release/{number}")
    def show(number: int) -> dict[str, Any]:
        return hall.releases[number - 1]

    @app.post("/api/office/DEMO/release/{number}/sign")
    def sign(number: int, body: dict[str, str]) -> Any:
        if body["password"] != "right":
            return problem(401 + 2, "forbidden", "the password is wrong.", "password", "Type it again.")
        release = hall.releases[number - 1]
        release["signatures"].append({"name": f"signer {len(release['signatures']) + 1}"})
        release["state"] = "signed" if len(release["signatures"]) > 1 else "draft"
        return release

    @app.post("/api/office/DEMO/release/{number}/publish")
    def publish(number: int) -> dict[str, Any]:
        hall.releases[number - 1] |= {"state": "released", "files": ["release.zip", "reports.zip"]}
        return hall.releases[number - 1]


def doubtful_case(number: int, items: tuple[str, ...] = ("Q3", "Q7")) -> dict[str, Any]:
    base = f"/api/desk/DEMO/cases/{number}"
    return {
        "id": number,
        "kind": "doubt",
        "state": "open",
        "version": 1,
        "opened_at": "2026-06-08T03:20:00+00:00",
        "frame": {"station": "station-1", "batch": "b01", "sequence": 17, "side": 1, "name": "00017-1.jpg"},
        "sheet": "204518833",
        "candidate": "26010417",
        "side": 1,
        "paper": "M",
        "evidence": {"residual_mm": 0.08213, "marks_found": 38, "scale": {"x": 1.0012, "y": 0.9987}},
        "picture": f"{base}/picture",
        "actions": ["set_answer", "accept", "rescan", "discard"],
        "items": [
            {
                "item": item,
                "value": "B",
                "first": "B",
                "second": "B|D",
                "options": list("ABCD"),
                "p_wrong": 0.02,
                "picture": f"{base}/items/{item}/picture",
            }
            for item in items
        ],
    }


def unknown_page(number: int) -> dict[str, Any]:
    case = doubtful_case(number, ())
    return {
        **case,
        "kind": "code_unknown",
        "sheet": None,
        "candidate": None,
        "side": None,
        "actions": ["set_page", "rescan", "discard"],
    }


def page_twice(number: int) -> dict[str, Any]:
    case = doubtful_case(number, ())
    return {
        **case,
        "kind": "page_twice",
        "other": f"/api/desk/DEMO/cases/{number}/picture?other=true",
        "actions": ["take_this", "keep_other"],
    }
