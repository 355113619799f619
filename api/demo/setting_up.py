"""The demo's first stages: the exam and its people, the printed sheets, the filled and scanned paper."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from pathlib import Path

from api.auth import add_user, grant_role
from api.cli.exam import laid_out
from api.demo.folder import DemoFolder
from api.demo.markers import PERSONAS
from api.demo.plan import instructions, invented_roster, sheets_of, write_instructions, write_roster
from api.demo.show import Update
from core.definition import RosterRow, load_definition, load_roster
from core.errors import Conflict, NotInstalled
from core.exam import ExamDefinition
from core.loading import exam_by_code, load_exam
from core.site import Site
from omr.print import print_sheets
from scanner.intake import register_station
from scanner.simulator import simulate

OFFICERS = (("office1", "office"), ("office2", "office"), ("clerk1", "clerk"))
STATIONS = ("hall-a", "hall-b")
_HERE = Path(__file__).resolve()


def example_folder() -> Path:
    """The demonstration exam: beside the packages in a checkout, inside them in an installed wheel."""
    for folder in (_HERE.parents[2] / "examples" / "demo-exam", _HERE.parents[1] / "examples" / "demo-exam"):
        if (folder / "exam.yaml").exists():
            return folder
    raise NotInstalled("the demonstration exam is not here.", where="examples/demo-exam", remedy="Install Markhall again.")


def write_exam(folder: DemoFolder, candidates: int, seed: int) -> None:
    """The example's definition, and as many candidates as asked: the example's own first, then invented ones."""
    shutil.copyfile(example_folder() / "exam.yaml", folder.definition)
    known = load_roster(example_folder() / "roster.csv")[:candidates]
    taken = {r.number for r in known}
    further = [r for r in invented_roster(candidates + len(taken), seed) if r.number not in taken] if candidates > len(known) else []
    write_roster([*known, *further][:candidates], folder.roster)


def load(site: Site, folder: DemoFolder) -> tuple[ExamDefinition, list[RosterRow]]:
    definition, roster = load_definition(folder.definition), load_roster(folder.roster)
    templates, sheets = laid_out(definition, roster)
    load_exam(site, definition, roster, templates, sheets, by="demo")
    return definition, roster


def password_of(folder: DemoFolder) -> str:
    """One password for all of the demo's accounts, made anew for each demo."""
    path = folder.root / "password.txt"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9) + "\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def add_people(site: Site, folder: DemoFolder, exam: str) -> dict[str, str]:
    """Everyone's accounts, and the stations' tokens."""
    password = password_of(folder)
    roles = [*OFFICERS, *((p.login, p.role) for p in PERSONAS)]
    for login, role in roles:
        with contextlib.suppress(Conflict):
            add_user(site, login, login, password)
        grant_role(site, login, role, exam)
    path = folder.root / "stations.json"
    if path.exists():
        tokens: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return tokens
    with site.database.read() as session:
        exam_id = exam_by_code(session, exam).id
    tokens = {name: register_station(site, exam_id, name) for name in STATIONS}
    path.touch(mode=0o600)
    path.write_text(json.dumps(tokens), encoding="utf-8")
    return tokens


def print_all(folder: DemoFolder, definition: ExamDefinition, roster: list[RosterRow], update: Update) -> None:
    print_sheets(definition, roster, folder.sheets, progress=update)


def fill_and_scan(folder: DemoFolder, definition: ExamDefinition, roster: list[RosterRow], seed: int, trouble: str, update: Update) -> None:
    lists = sorted(folder.root.glob("*.sheets.csv"))
    write_instructions(instructions(definition, roster, sheets_of(lists), seed), folder.answers)
    shutil.rmtree(folder.paper, ignore_errors=True)
    simulate(folder.sheets, folder.answers, folder.paper, trouble=trouble, seed=seed, jobs=os.cpu_count() or 1, progress=update)
