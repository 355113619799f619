"""The sheets that benchmarks read, printed and filled: the timed page of 500 bubbles, and the demonstration exam's front.

Owns which sheets they are and what their candidates are told to mark. Only faces with bubbles are simulated.
"""

from __future__ import annotations

import csv
import random
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from core.definition import RosterRow, load_definition, load_roster
from core.template import Template, load_template
from omr.print import print_sheets
from scanner.simulator.cards import Card, Stack, load_stack

HERE = Path(__file__).resolve().parent
EXAMS = {"hundred": HERE / "hundred-items.yaml", "demo": HERE.parent / "examples" / "demo-exam" / "exam.yaml"}
"""`hundred`: 100 items of four options and a ten-digit number. `demo`: side 1 of the demonstration exam."""

TOLD_BLANK, TOLD_TWO = 0.03, 0.005


@dataclass(frozen=True)
class Printed:
    """A pile of printed cards, told what to mark."""

    pdf: Path
    answers: Path

    def stack(self, first: int, count: int) -> Stack:
        """`count` cards from the `first` (from 0) on, each with its front only."""
        whole = load_stack(self.pdf, self.answers)
        cards = tuple(_front(whole.template, card) for card in whole.cards[first : first + count])
        return replace(whole, cards=cards, spares=())


def _front(template: Template, card: Card) -> Card:
    return replace(card, faces=tuple(face for face in card.faces if template.side(face.side).grids)[:1])


def print_cards(sheet: str, cards: int, folder: Path, *, seed: int) -> Printed:
    """Print `cards` cards of the sheet (a name in EXAMS) into the folder; the seed says what each is told."""
    folder.mkdir(parents=True, exist_ok=True)
    prints = _prints(sheet, cards)
    for name, data in prints.files.items():
        (folder / name).write_bytes(data)
    answers = folder / "answers.csv"
    write_answers(load_template(folder / prints.template), folder / prints.list, answers, random.Random(seed))
    return Printed(folder / prints.pdf, answers)


@dataclass(frozen=True)
class _Prints:
    """A pile as it comes from the printer, whatever its candidates will be told."""

    files: dict[str, bytes]
    pdf: str
    list: str
    template: str


@lru_cache(maxsize=8)
def _prints(sheet: str, cards: int) -> _Prints:
    """Printed once in a process: a long count fills the same pile with other answers again and again."""
    exam = load_definition(EXAMS[sheet])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        printed = print_sheets(exam, roster(exam.papers[0].sheet.number.digits, cards, folder), folder / "sheets.pdf").papers[0]
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return _Prints(files, printed.pdf.name, printed.list.name, printed.template.name)


def roster(digits: int, count: int, folder: Path) -> list[RosterRow]:
    """Numbers that share few digits with their neighbours, so that no digit is read by habit."""
    file = folder / "roster.csv"
    numbers = ((i * 7_919_777_771 + 1_234_567_891) % 10**digits for i in range(1, count + 1))
    file.write_text("number\n" + "".join(f"{n:0{digits}d}\n" for n in numbers), encoding="utf-8")
    return load_roster(file)


def write_answers(template: Template, sheets: Path, out: Path, dice: random.Random) -> None:
    """Each candidate's answers: mostly one mark, some blanks, now and then two."""
    with sheets.open(encoding="utf-8") as source, out.open("w", encoding="utf-8", newline="") as sink:
        table = csv.writer(sink)
        table.writerow(["sheet", "field", "value"])
        for row in csv.DictReader(source):
            side = template.side(int(row["side"]))
            for grid in side.grids:
                for name in grid.fields:
                    table.writerow([row["sheet"], name, answer(grid.role, grid.values, grid.multiple, row["candidate"], dice)])
            for region in side.regions:
                table.writerow([row["sheet"], region.group, f"{dice.choice([0, 0.2, 0.5, 0.8]):.1f}"])


def answer(role: str, values: tuple[str, ...], multiple: bool, candidate: str, dice: random.Random) -> str:
    if role == "candidate":
        return candidate
    if role == "absent" or dice.random() < TOLD_BLANK:
        return ""
    count = dice.randint(1, len(values)) if multiple else 2 if len(values) > 2 and dice.random() < TOLD_TWO else 1
    chosen = dice.sample(range(len(values)), count)
    return "|".join(values[i] for i in sorted(chosen))
