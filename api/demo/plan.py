"""What the demo's candidates are told to do: invented people, their answers, their writing. Seeded.

Writes the roster and the answers file that `markhall simulate` reads. Knows the exam definition, nothing of the engine.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.definition import RosterRow
from core.exam import ExamDefinition, ObjectiveItem, Paper

SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林罗高梁郑谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余"
GIVEN = ["子涵", "梓轩", "欣怡", "宇航", "诗涵", "浩然", "雨桐", "俊杰", "思远", "佳怡", "明哲", "若溪", "文博"]
GIVEN += ["静怡", "天佑", "晓彤", "建国", "春燕", "海洋", "雪梅", "志强", "丽娜", "晨曦", "嘉豪", "芷若", "书瑶"]
SCHOOLS = (("101", "第一中学"), ("102", "第二中学"), ("103", "实验中学"), ("104", "外国语学校"))
SEATS_A_ROOM = 30
ABSENT_SHARE = 0.02
BLANK_SHARE = 0.012
DOUBLE_SHARE = 0.004


@dataclass(frozen=True, slots=True)
class Instruction:
    """One row of the answers file: what a candidate was told to do in a field of a sheet."""

    sheet: str
    field: str
    value: str


def invented_roster(count: int, seed: int) -> list[RosterRow]:
    draw = random.Random(f"roster {seed}")
    rows = []
    for i in range(count):
        code, school = SCHOOLS[i * len(SCHOOLS) // count]
        name = draw.choice(SURNAMES) + draw.choice(GIVEN)
        number = f"{26010000 + i + 1:08d}"
        room, seat = divmod(i, SEATS_A_ROOM)
        rows.append(RosterRow(number, name, school, code, f"{1 + i % 6}班", f"{room + 1:02d}", f"{seat + 1:02d}"))
    return rows


def write_roster(rows: Sequence[RosterRow], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["number", "name", "school", "school_code", "class", "room", "seat"])
        out.writerows([r.number, r.name, r.school, r.school_code, r.class_name, r.room, r.seat] for r in rows)


def instructions(
    definition: ExamDefinition, roster: Sequence[RosterRow], sheets: Mapping[tuple[str, str], Sequence[str]], seed: int
) -> Iterator[Instruction]:
    """Everything that every candidate is told. `sheets` gives the serials of a (paper, number)."""
    for row in roster:
        draw = random.Random(f"candidate {seed} {row.number}")
        ability = draw.gauss(0, 1)
        for paper in definition.papers:
            absent = draw.random() < ABSENT_SHARE
            for serial in sheets[paper.code, row.number]:
                fields = _absent(paper) if absent else _present(paper, row, ability, draw)
                yield from (Instruction(serial, field, value) for field, value in fields)


def _absent(paper: Paper) -> Iterator[tuple[str, str]]:
    if paper.sheet.absent_box:
        yield "absent", "1"


def _present(paper: Paper, row: RosterRow, ability: float, draw: random.Random) -> Iterator[tuple[str, str]]:
    if paper.sheet.number.grid:
        yield "number", row.number
    kind = draw.choice(paper.types) if paper.types else None
    if kind:
        yield "type", kind
    for item in paper.objective:
        yield item.id, _answer(item, kind, ability, draw)
    chosen = {c.id: draw.choice(c.among) for c in paper.choices}
    yield from chosen.items()
    left_out = {g for c in paper.choices for g in c.among} - set(chosen.values())
    for group in paper.written:
        share = 0.0 if group.id in left_out or draw.random() < 0.02 else min(1.0, max(0.08, draw.gauss(0.55 + 0.17 * ability, 0.17)))
        yield group.id, f"{share:.3f}"


def _answer(item: ObjectiveItem, kind: str | None, ability: float, draw: random.Random) -> str:
    if draw.random() < BLANK_SHARE:
        return ""
    right = set(item.key_for(kind)[0])
    if item.type == "multiple":
        chosen = {o for o in item.options if draw.random() < (0.82 + 0.1 * ability if o in right else 0.12 - 0.05 * ability)}
        chosen = chosen or {draw.choice(item.options)}
    else:
        knows = draw.random() < min(0.97, max(0.15, 0.65 + 0.18 * ability))
        chosen = right if knows else {draw.choice(item.options)}
        if item.type == "single" and draw.random() < DOUBLE_SHARE:
            chosen = chosen | {draw.choice(item.options)}
    return "|".join(o for o in item.options if o in chosen)


def write_instructions(told: Iterator[Instruction], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["sheet", "field", "value"])
        out.writerows([i.sheet, i.field, i.value] for i in told)


def sheets_of(lists: Sequence[Path]) -> dict[tuple[str, str], list[str]]:
    """The serials of each (paper, candidate number), from the lists that were printed beside the sheets."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in lists:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                serials = found.setdefault((row["paper"], row["candidate"]), [])
                if row["candidate"] and row["sheet"] not in serials:
                    serials.append(row["sheet"])
    return found
