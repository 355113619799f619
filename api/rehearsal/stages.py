"""A rehearsal's stages in their order. Each is done whole or gone on with; a run that was cut off goes on with --resume."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rich.markup import escape
from sqlalchemy import func, select

from api.cli.exam import laid_out
from api.demo.show import Show, Update
from api.rehearsal import exam, findings, paper, result
from api.rehearsal.folder import RehearsalFolder
from api.rehearsal.markers import Simulated
from api.rehearsal.marking import Marking, simulated_people
from api.rehearsal.memory import acknowledged_but_lost, decided, responses_by_state
from api.rehearsal.people import add_people, ids_of
from api.rehearsal.seeding import Seeding
from api.rehearsal.services import House, queue_bytes
from api.rehearsal.telling import tell
from api.rehearsal.words import Speaker
from core.errors import NotProven, Unavailable
from core.loading import exam_by_code, load_exam
from core.site import Site
from core.tables import Task

LONGEST = 1800.0


@dataclass
class Rehearsal:
    folder: RehearsalFolder
    site: Site
    state: dict[str, Any]
    say: Speaker
    show: Show
    start: Callable[[], House]  # the servers, when the database is there
    house: House | None = None
    people: list[exam.Person] = field(init=False)

    def __post_init__(self) -> None:
        self.people = exam.people(int(self.state["markers"]))

    @cached_property
    def exam_id(self) -> int:
        with self.site.database.read() as session:
            return exam_by_code(session, exam.CODE).id

    @property
    def measured(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state["measured"]
        return found

    @property
    def seed(self) -> int:
        return int(self.state["seed"])

    @property
    def responses(self) -> int:
        return int(self.state["candidates"]) * len(exam.ITEMS)

    def servers(self) -> House:
        if self.house is None:
            started = time.monotonic()
            self.house = self.start()
            self.house.wait()
            self.state["seconds"]["servers"] = round(time.monotonic() - started, 2)
            self.measured.setdefault("queue_empty", queue_bytes(self.site))
        return self.house

    def stage(self, number: int, name: str, work: Callable[[Update], None]) -> None:
        """Do a stage, unless an earlier run of this rehearsal has done it; its seconds are kept over all runs."""
        if name in self.state["done"]:
            return
        self.servers()
        started, before = time.monotonic(), float(self.state["seconds"].get(name, 0.0))
        try:
            with self.show.stage(number, self.say(name)) as update:
                work(update)
            self.state["done"].append(name)
        finally:
            self.state["seconds"][name] = round(before + time.monotonic() - started, 2)
            self.folder.save(self.state)


def all_stages(rehearsal: Rehearsal) -> list[result.Line]:
    rehearsal.show.title(rehearsal.say("title"))
    rehearsal.stage(1, "load", lambda update: _load(rehearsal, update))
    if rehearsal.state["paper"]:
        rehearsal.stage(2, "sheets", lambda update: _make_paper(rehearsal, update))
        rehearsal.stage(2, "scan", lambda update: _scan(rehearsal, update))
    else:
        rehearsal.stage(2, "paper", lambda update: _put_in(rehearsal, update))
    rehearsal.stage(3, "responses", lambda update: _await_responses(rehearsal, update))
    rehearsal.stage(4, "seeds", lambda update: _seed(rehearsal, update))
    rehearsal.stage(5, "marking", lambda update: _mark(rehearsal, update))
    rehearsal.stage(6, "close", lambda update: _close(rehearsal, update))
    rehearsal.stage(7, "release", lambda update: _release(rehearsal, update))
    return _compare(rehearsal)


def _load(rehearsal: Rehearsal, update: Update) -> None:
    definition, roster = exam.definition(), exam.roster(int(rehearsal.state["candidates"]))
    templates, sheets = laid_out(definition, roster)
    load_exam(rehearsal.site, definition, roster, templates, sheets, by="rehearsal")
    update(len(roster), len(roster))


def _put_in(rehearsal: Rehearsal, update: Update) -> None:
    cards = paper.cards_of(rehearsal.site, rehearsal.exam_id)
    for done in paper.put_in(rehearsal.site, rehearsal.exam_id, cards, rehearsal.seed):
        update(done, len(cards))


def _make_paper(rehearsal: Rehearsal, update: Update) -> None:
    from api.rehearsal.scanning import make_paper

    make_paper(rehearsal.folder.root, int(rehearsal.state["candidates"]), rehearsal.seed, update)


def _scan(rehearsal: Rehearsal, update: Update) -> None:
    from api.rehearsal.scanning import scan

    scan(rehearsal.site, rehearsal.exam_id, rehearsal.servers(), rehearsal.folder.root, rehearsal.people, update)


def _await_responses(rehearsal: Rehearsal, update: Update) -> None:
    house, deadline = rehearsal.servers(), time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        house.check()
        made = sum(responses_by_state(rehearsal.site, rehearsal.exam_id).values())
        update(made, rehearsal.responses)
        if made >= rehearsal.responses:
            rehearsal.measured["responses"] = made
            return
        time.sleep(0.3)
    raise Unavailable("the pages did not become responses.", remedy="Look into the logs in the rehearsal's folder, then use --resume.")


def _seed(rehearsal: Rehearsal, update: Update) -> None:
    add_people(rehearsal.site, rehearsal.exam_id, rehearsal.people)
    ids, each = ids_of(rehearsal.site), int(rehearsal.state["candidates"])
    seeding = Seeding.of(rehearsal.site, rehearsal.exam_id, rehearsal.people, ids, each, rehearsal.seed)
    rehearsal.measured["seeds"] = seeding.run(update)


def _mark(rehearsal: Rehearsal, update: Update) -> None:
    house, site = rehearsal.servers(), rehearsal.site
    password = add_people(site, rehearsal.exam_id, rehearsal.people)
    at_once = int(rehearsal.state["at_once"])
    marking = Marking(
        site=site,
        exam_id=rehearsal.exam_id,
        people=rehearsal.people,
        simulated=_simulated(rehearsal),
        paces=exam.paces(rehearsal.people, int(rehearsal.state["candidates"])),
        address=house.address,
        password=password,
        responses=rehearsal.responses,
        at_once=at_once,
        check=house.check,
        cpu=lambda: house.cpu(site),
    )
    marked = marking.run(update)
    tally, submits, pictures = marked.tally, sorted(marked.tally.latencies), sorted(marked.tally.pictures)
    rehearsal.measured.update(
        acknowledged=len(tally.keys),
        problems=tally.problems,
        retries=marked.retries,
        signing_in_seconds=round(marked.signing_in, 2),
        marking_seconds=round(marked.seconds, 2),
        at_once=at_once,
        submit_p50=_at(submits, 0.5),
        submit_p99=_at(submits, 0.99),
        picture_p99=_at(pictures, 0.99),
        cpu=marked.cpu,
        queue_bytes=tally.queue_bytes,
        tasks=_tasks(rehearsal),
        outcomes=dict(tally.outcomes),
        refused=dict(tally.refused.most_common(5)),
        lost=acknowledged_but_lost(site, rehearsal.exam_id, tally.keys),
    )


def _simulated(rehearsal: Rehearsal) -> list[Simulated]:
    return simulated_people(rehearsal.seed, int(rehearsal.state["markers"]), int(rehearsal.state["careless"]), rehearsal.people)


def _at(seconds: list[float], share: float) -> float:
    """A percentile of sorted times, in milliseconds."""
    return round(1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))], 2) if seconds else 0.0


def _tasks(rehearsal: Rehearsal) -> int:
    with rehearsal.site.database.read() as session:
        return session.scalar(select(func.count(Task.id)).where(Task.exam_id == rehearsal.exam_id)) or 0


def _close(rehearsal: Rehearsal, update: Update) -> None:
    """As the office does: the laws, a draft, two signatures, publication. That checks the laws and replays the ledger again."""
    from scoring import release

    site, exam_id = rehearsal.site, rehearsal.exam_id
    draft = release.draft(site, exam_id, "office")
    rehearsal.measured["laws"] = draft.laws
    rehearsal.measured["agreed"] = decided(responses_by_state(site, exam_id))
    update(1, 4)
    _require_laws(rehearsal)
    ids = ids_of(site)
    for done, login in enumerate(exam.OFFICERS, start=2):
        release.sign(site, exam_id, draft.number, ids[login])
        update(done, 4)
    release.publish(site, exam_id, draft.number)
    rehearsal.measured["release"] = draft.number
    update(4, 4)


def _require_laws(rehearsal: Rehearsal) -> None:
    language = rehearsal.say.language
    broken = [law for law in rehearsal.measured["laws"] if not law["holds"]]
    for law in broken:
        rehearsal.show.line(f"[red]{law['law']}[/] {escape(law['detail'][language])}")
    if broken:
        raise NotProven(f"{', '.join(law['law'] for law in broken)} did not hold.", where=str(rehearsal.folder.root))


def _release(rehearsal: Rehearsal, update: Update) -> None:
    from scoring.check import verify_release
    from scoring.export import export

    shutil.rmtree(rehearsal.folder.release, ignore_errors=True)
    export(rehearsal.site, rehearsal.exam_id, int(rehearsal.measured["release"]), rehearsal.folder.release)
    update(1, 2)
    rehearsal.measured["release_holds"] = bool(verify_release(rehearsal.folder.release).holds)
    update(2, 2)


def _compare(rehearsal: Rehearsal) -> list[result.Line]:
    with rehearsal.show.stage(8, rehearsal.say("findings")):
        ids = ids_of(rehearsal.site)
        markers = {ids[p.login]: p for p in rehearsal.people if p.role == "marker"}
        paces = exam.paces(rehearsal.people, int(rehearsal.state["candidates"]))
        known = findings.Known(rehearsal.exam_id, exam.definition(), markers, _simulated(rehearsal), paces)
        found = findings.look(rehearsal.site, known)
        rows = result.lines(rehearsal.state, found)
        result.write(rehearsal.folder.result, rehearsal.state, found, rows)
        tell(rehearsal.show, rehearsal.say, found, rows)
    if rehearsal.measured["lost"] or not rehearsal.measured["release_holds"]:
        raise NotProven("what was acknowledged is not what the database or the release holds.", where=str(rehearsal.folder.root))
    return rows
