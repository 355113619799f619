"""The candidates' pages as paper: sheets are printed, filled and scanned by the simulator, sent by stations, read by readers.

What the demo does with its paper, with the rehearsal's exam. For a few hundred candidates: readers take their time.
"""

from __future__ import annotations

import time
from pathlib import Path

from api.demo import setting_up
from api.demo.clerk import Clerk
from api.demo.client import Client
from api.demo.folder import DemoFolder
from api.demo.sending import say_all_is_scanned, send_batches
from api.demo.show import Update
from api.rehearsal import exam
from api.rehearsal.people import add_people
from api.rehearsal.services import House
from core.errors import Unavailable
from core.site import Site
from scanner.intake import register_station

TROUBLE = "typical"
LONGEST = 3600.0
UNREAD = ("received", "queued")


def make_paper(root: Path, candidates: int, seed: int, update: Update) -> None:
    """Printed, filled, and as a scanner would make files of it. From the beginning when it was cut off."""
    paper, definition, roster = DemoFolder(root), exam.definition(), exam.roster(candidates)
    setting_up.print_all(paper, definition, roster, update)
    setting_up.fill_and_scan(paper, definition, roster, seed, TROUBLE, update)


def scan(site: Site, exam_id: int, house: House, root: Path, people: list[exam.Person], update: Update) -> None:
    """Until every frame is read and the desk is clear. Stations send no frame twice, also after a run that was cut off."""
    paper = DemoFolder(root)
    tokens = {name: register_station(site, exam_id, name) for name in setting_up.STATIONS}
    password = add_people(site, exam_id, people)
    office = Client(house.url, exam.CODE).sign_in(exam.OFFICERS[0], password)
    send_batches(house, paper, exam.CODE, tokens, update)
    say_all_is_scanned(office)
    _await_readers(house, office, update)
    Clerk(Client(house.url, exam.CODE).sign_in(exam.CLERK, password), house, paper, tokens).settle_all(update)


def _await_readers(house: House, office: Client, update: Update) -> None:
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        house.check()
        frames = office.status()["frames"]
        total, left = sum(frames.values()), sum(frames.get(state, 0) for state in UNREAD)
        update(total - left, total)
        if total and not left:
            return
        time.sleep(0.3)
    raise Unavailable("the readers have not ended in an hour.", remedy="Rehearse with fewer candidates, or without --paper.")
