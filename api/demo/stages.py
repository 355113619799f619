"""The demo's stages in their order. Each is done whole or done again; a run that was killed goes on with --resume."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from api.demo import setting_up
from api.demo.clerk import Clerk
from api.demo.client import Client
from api.demo.compare import Comparison, compare
from api.demo.folder import DemoFolder
from api.demo.markers import PERSONAS, Marker
from api.demo.sending import say_all_is_scanned, send_batches
from api.demo.services import Services
from api.demo.show import Show, Update
from api.demo.words import Speaker
from core.definition import load_definition, load_roster
from core.errors import NotProven, Unavailable
from core.exam import ExamDefinition
from core.loading import exam_by_code
from core.settings import Settings
from core.site import Site, open_site

LONGEST_STAGE = 1800.0
PRACTICE_CANDIDATES = 12


@dataclass
class Demo:
    folder: DemoFolder
    settings: Settings
    state: dict[str, Any]
    say: Speaker
    show: Show
    services: Services

    @property
    def exam(self) -> str:
        return str(self.state["exam"])

    @property
    def site(self) -> Site:
        return open_site(self.settings)

    def office(self, login: str = "office1") -> Client:
        return Client(self.services.url, self.exam).sign_in(login, setting_up.password_of(self.folder))

    def stage(self, number: int, name: str, work: Callable[[Update], None], *, again: bool = False) -> None:
        """Do a stage, unless an earlier run of this demo has done it. `again`: always, it is quick and harmless."""
        if name in self.state["done"] and not again:
            return
        with self.show.stage(number, self.say(name)) as update:
            work(update)
        if name not in self.state["done"]:
            self.state["done"].append(name)
        self.folder.save(self.state)


def all_stages(demo: Demo) -> Comparison:
    demo.show.title(demo.say("title"))
    seed, trouble = int(demo.state["seed"]), str(demo.state["trouble"])
    demo.stage(1, "load", lambda update: _load(demo, update))
    definition, roster = load_definition(demo.folder.definition), load_roster(demo.folder.roster)
    demo.stage(2, "print", lambda update: setting_up.print_all(demo.folder, definition, roster, update))
    demo.stage(3, "simulate", lambda update: setting_up.fill_and_scan(demo.folder, definition, roster, seed, trouble, update))
    demo.services.wait()
    tokens = setting_up.add_people(demo.site, demo.folder, demo.exam)
    demo.stage(4, "send", lambda update: send_batches(demo.services, demo.folder, demo.exam, tokens, update))
    demo.stage(5, "read", lambda update: _read(demo, update))
    demo.stage(6, "desk", lambda update: Clerk(demo.office("clerk1"), demo.services, demo.folder, tokens).settle_all(update))
    demo.stage(7, "mark", lambda update: _mark(demo, update))
    demo.stage(8, "verify", lambda update: _verify(demo, update), again=True)
    demo.stage(9, "release", lambda update: _release(demo, update))
    demo.stage(10, "report", lambda update: _report(demo, update))
    return _compare(demo)


def _load(demo: Demo, update: Update) -> None:
    from core.db import migrate

    migrate(demo.settings.database_url)
    setting_up.write_exam(demo.folder, int(demo.state["candidates"]), int(demo.state["seed"]))
    _, roster = setting_up.load(demo.site, demo.folder)
    update(len(roster), len(roster))


def _read(demo: Demo, update: Update) -> None:
    office = demo.office()
    say_all_is_scanned(office)
    for frames in _polling(demo, lambda: office.status()["frames"]):
        total = sum(frames.values())
        left = frames.get("received", 0) + frames.get("queued", 0)
        update(total - left, total)
        if total and not left:
            return


def _mark(demo: Demo, update: Update) -> None:
    demo.folder.journals.mkdir(exist_ok=True)
    finished = threading.Event()
    password, seed = setting_up.password_of(demo.folder), int(demo.state["seed"])
    faults: list[BaseException] = []

    def be(marker: Marker) -> None:
        try:
            marker.work(finished)
        except BaseException as fault:
            faults.append(fault)
            finished.set()

    definition = load_definition(demo.folder.definition)
    markers = [Marker(p, demo.services.url, demo.exam, password, demo.folder.journals, seed) for p in PERSONAS]
    threads = [threading.Thread(target=be, args=(m,), name=m.persona.login) for m in markers]
    for thread in threads:
        thread.start()
    try:
        office = demo.office()
        for status in _polling(demo, office.status):
            responses, expected = status["responses"], _expected_responses(definition, status)
            final = responses.get("agreed", 0) + responses.get("final", 0)
            update(final, expected)
            if final >= expected or faults:
                break
    finally:
        finished.set()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]


def _expected_responses(definition: ExamDefinition, status: dict[str, Any]) -> int:
    groups = sum(len(p.written) - sum(len(c.among) - 1 for c in p.choices) for p in definition.papers)
    return int(status["scripts"].get("complete", 0)) * groups // len(definition.papers)


def _verify(demo: Demo, update: Update) -> None:
    laws = demo.office().post(f"/api/office/{demo.exam}/verify")["laws"]
    update(sum(law["holds"] for law in laws), len(laws))
    language = demo.say.language
    rows = [
        (
            law["law"],
            law["name"][language],
            f"[green]{demo.say('yes')}[/]" if law["holds"] else f"[red]{demo.say('no')}[/]",
            escape(law["detail"][language]),
        )
        for law in laws
    ]
    demo.show.table(("", demo.say("law"), demo.say("holds"), demo.say("detail")), rows)


def _release(demo: Demo, update: Update) -> None:
    office = demo.office()
    number = office.post(f"/api/office/{demo.exam}/release/draft")["number"]
    password = setting_up.password_of(demo.folder)
    for signed, login in enumerate(("office1", "office2"), start=1):
        demo.office(login).post(f"/api/office/{demo.exam}/release/{number}/sign", {"password": password})
        update(signed, 2)
    office.post(f"/api/office/{demo.exam}/release/{number}/publish")


def _report(demo: Demo, update: Update) -> None:
    from scoring.export import export
    from scoring.reports import write_reports

    site = demo.site
    with site.database.read() as session:
        exam_id = exam_by_code(session, demo.exam).id
    number = int(demo.office().status()["release"]["number"])
    export(site, exam_id, number, demo.folder.release)
    write_reports(site, exam_id, number, demo.folder.reports, languages=("zh", "en"), progress=update)


def _compare(demo: Demo) -> Comparison:
    with demo.show.stage(11, demo.say("compare")) as update:
        tasks = demo.office().get(f"/api/office/{demo.exam}/tasks")["tasks"]
        desk = demo.office("clerk1").get(f"/api/desk/{demo.exam}/cases?state=all")["cases"]
        marks = demo.office().get(f"/api/office/{demo.exam}/marks")["marks"]
        comparison = compare(demo.folder.root, tasks, marks, desk)
        update(comparison.checks, comparison.checks)
    demo.show.table(("", ""), [(demo.say(line.word), line.value) for line in comparison.lines])
    if comparison.faults:
        for fault in comparison.faults[:20]:
            demo.show.line(f"[red]{demo.say('not_equal')}[/] {escape(fault)}")
        raise NotProven(f"{len(comparison.faults)} comparisons are not equal.", where=str(demo.folder.root))
    demo.show.line(f"[bold green]{demo.say('all_equal')}[/]")
    demo.show.line(demo.say("open_these"))
    reports, language = demo.folder.reports, demo.say.language
    made = (reports / f"report.{language}.html", reports / f"scores.{language}.xlsx", reports / "slips.pdf")
    for path in (demo.folder.sheets, demo.folder.paper / "scans", *made, demo.folder.release):
        demo.show.line(f"  {path}")
    return comparison


def _polling(demo: Demo, look: Callable[[], Any], every: float = 0.2) -> Iterator[Any]:
    """What `look` sees, again and again; an error when a stage takes half an hour."""
    deadline = time.monotonic() + LONGEST_STAGE
    while time.monotonic() < deadline:
        demo.services.check()
        yield look()
        time.sleep(every)
    raise Unavailable("this stage has not ended in half an hour.", remedy="Look into the logs in the demo's folder, then use --resume.")


def keep_serving(demo: Demo) -> None:
    """Leave the pages up, with a few fresh scripts that nobody has marked yet."""
    practice = Demo(
        DemoFolder(demo.folder.root / "practice"),
        demo.settings,
        {"candidates": PRACTICE_CANDIDATES, "seed": int(demo.state["seed"]) + 1, "exam": "TRY", "done": []},
        demo.say,
        demo.show,
        demo.services,
    )
    if not practice.folder.root.exists():
        practice.folder.begin(practice.state)
        with demo.show.stage(12, demo.say("practice")) as update:
            _prepare_practice(practice, demo, update)
    demo.show.line(f"[bold]{demo.say('serving')}[/]  {demo.services.url}")
    people = ", ".join([*(login for login, _ in setting_up.OFFICERS), *(p.login for p in PERSONAS)])
    demo.show.line(f"{demo.say('accounts')}: {people}  →  {setting_up.password_of(demo.folder)}")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _prepare_practice(practice: Demo, demo: Demo, update: Update) -> None:
    seed = int(practice.state["seed"])
    setting_up.write_exam(practice.folder, PRACTICE_CANDIDATES, seed)
    text = practice.folder.definition.read_text(encoding="utf-8")
    text = text.replace("exam: DEMO", "exam: TRY").replace("{zh: 示范考试, en: Demonstration exam}", "{zh: 练习考试, en: Practice exam}")
    practice.folder.definition.write_text(text, encoding="utf-8")
    (practice.folder.root / "password.txt").write_text(setting_up.password_of(demo.folder), encoding="utf-8")
    definition, roster = setting_up.load(practice.site, practice.folder)
    setting_up.print_all(practice.folder, definition, roster, update)
    setting_up.fill_and_scan(practice.folder, definition, roster, seed, "none", update)
    tokens = setting_up.add_people(practice.site, practice.folder, practice.exam)
    send_batches(practice.services, practice.folder, practice.exam, tokens, update)
    _read(practice, update)
