"""Holding the release against what was told and what was marked, with code that shares nothing with the engine.

Reads files that people wrote or that others could read: the answers file and the simulator's truth, the markers'
own journals, the exam definition's YAML, and the published release. Adjudicates and adds up by itself, for the
schemes that the demonstration exam uses. Imports nothing of the engine: a test holds it to that.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

Marks = dict[str, Fraction]
PICTURE_FITS = 0.2  # of the space; what a marker saw against what the candidate was told to fill


@dataclass(frozen=True, slots=True)
class Line:
    word: str
    value: str


@dataclass
class Comparison:
    lines: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    checks: int = 0

    def equal(self, found: object, expected: object, what: str) -> bool:
        self.checks += 1
        if found != expected:
            self.faults.append(f"{what}: {found}, expected {expected}")
        return found == expected

    def say(self, word: str, value: object) -> None:
        self.lines.append(Line(word, str(value)))


@dataclass(frozen=True, slots=True)
class Told:
    """What the paper side of the demo knows: told values, ambiguous ink, whose each sheet is, what each frame went through."""

    values: dict[tuple[str, str], str]  # (candidate, field)
    ambiguous: set[tuple[str, str]]
    frames: list[dict[str, str]]


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def compare(
    root: Path, tasks: Sequence[Mapping[str, Any]], marks: Sequence[Mapping[str, Any]], cases: Sequence[Mapping[str, Any]]
) -> Comparison:
    result = Comparison()
    exam = yaml.safe_load((root / "exam.yaml").read_text(encoding="utf-8"))
    told = read_told(root)
    scores = list(rows(root / "release" / "scores.csv"))
    items = read_items(root, scores)
    _sides(result, told, cases)
    _answers(result, told, items, cases, exam)
    journal = read_journals(root / "journals")
    finals = _finals(result, journal, tasks, items, exam)
    _once(result, journal, marks)
    _pictures(result, journal, tasks, told)
    _totals(result, scores, told, items, finals, exam)
    return result


def read_told(root: Path) -> Told:
    owner = {r["sheet"]: r["candidate"] for path in root.glob("*.sheets.csv") for r in rows(path)}
    values = {(owner[r["sheet"]], r["field"]): r["value"] for r in rows(root / "answers.csv")}
    truth = list(rows(root / "paper" / "truth.csv"))
    ambiguous = {(owner[r["sheet"]], r["field"]) for r in truth if r["value"] == "ambiguous"}
    return Told(values, ambiguous, list(rows(root / "paper" / "frames.csv")))


def read_items(root: Path, scores: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """The published items by candidate number, with the status of the candidate's paper."""
    numbers = {r["candidate"]: r["number"] for r in scores}
    status = {(r["candidate"], r["paper"]): r["status"] for r in scores}
    return {
        (numbers[r["candidate"]], r["item"]): {**r, "status": status[r["candidate"], r["paper"]]}
        for r in rows(root / "release" / "items.csv")
    }


def _sides(result: Comparison, told: Told, cases: Sequence[Mapping[str, Any]]) -> None:
    """How many scanned sides a person had to look at, and whether any of them was clean."""
    clean = {(f["batch"], int(f["sequence"]), int(f["face"])) for f in told.frames if f["event"] == "normal" and not f["trouble"]}
    looked = {(c["frame"]["batch"], c["frame"]["sequence"], c["frame"]["side"]) for c in cases if c["frame"]}
    missing = {(c["sheet"], c["side"]) for c in cases if not c["frame"]}
    sides = len(looked) + len(missing)
    result.say("sides", len(told.frames))
    result.say("person_sides", f"{sides} ({100 * sides / max(1, len(told.frames)):.1f} %)")
    result.say("clean_sides", len(looked & clean))
    for place in sorted(looked & clean):
        result.faults.append(f"a clean side went to a person: {place}")


def _answers(
    result: Comparison,
    told: Told,
    items: Mapping[tuple[str, str], Mapping[str, str]],
    cases: Sequence[Mapping[str, Any]],
    exam: Mapping[str, Any],
) -> None:
    objective = {i["id"] for p in exam["papers"] for i in objective_items(p)}
    flagged = {(c["candidate"], i["item"]): i["value"] for c in cases for i in c.get("items", ())}
    same = doubtful = silent = wrong = 0
    for (candidate, item), row in items.items():
        if item not in objective or row["status"] == "absent":
            continue
        expected = told.values.get((candidate, item), "")
        if (candidate, item) in flagged and flagged[candidate, item] != expected:
            wrong += 1
        doubtful += (candidate, item) in told.ambiguous and (candidate, item) in flagged
        if result.equal(row["answer"], expected, f"candidate {candidate}, {item}, answer"):
            same += 1
        else:
            silent += (candidate, item) not in flagged
    result.say("wrong_before", wrong)
    result.say("wrong_silent", silent)
    result.say("answers_equal", f"{same} / {same + silent}")
    result.say("ambiguous", doubtful)


def objective_items(paper: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The objective items one by one, with runs such as Q1-Q10 unfolded."""
    for entry in paper.get("objective", ()):
        if "items" not in entry:
            yield {**entry, "key": entry["key"]}
            continue
        first, last = (part.strip() for part in entry["items"].split("-"))
        stem = first.rstrip("0123456789")
        numbers = range(int(first[len(stem) :]), int(last[len(stem) :]) + 1)
        for number, key in zip(numbers, entry["keys"], strict=True):
            yield {**entry, "id": f"{stem}{number}", "key": key}


def read_journals(folder: Path) -> list[dict[str, Any]]:
    """Every acknowledged mark: the intent joined with the server's reply."""
    acknowledged = []
    for path in sorted(folder.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        replies = {line["key"]: line for line in lines if line["what"] == "reply"}
        intents = (line for line in lines if line["what"] == "intent" and line["key"] in replies)
        acknowledged += [{**intent, "marker": path.stem, "outcome": replies[intent["key"]]["outcome"]} for intent in intents]
    return acknowledged


def _once(result: Comparison, journal: Sequence[Mapping[str, Any]], marks: Sequence[Mapping[str, Any]]) -> None:
    """Each acknowledged mark is in the database once, as it was typed, and nothing else is."""
    kept: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for mark in marks:
        kept[mark["key"]].append(mark)
    good = 0
    for line in journal:
        found = [(m["marker"], _plain(m["marks"])) for m in kept.pop(line["key"], [])]
        good += result.equal(found, [(line["marker"], _plain(line["marks"]))], f"{line['marker']}'s mark {line['key']}")
    result.equal(len(kept), 0, "marks in the database that no journal knows")
    result.say("journal_marks", f"{good} / {len(journal)}")


def _plain(marks: Mapping[str, Any]) -> Marks:
    """Marks of an item, or of each of its steps, by name."""
    flat: Marks = {}
    for item, value in marks.items():
        if isinstance(value, Mapping):
            flat |= {f"{item}/{step}": Fraction(mark) for step, mark in value.items()}
        else:
            flat[item] = Fraction(value)
    return flat


def _finals(
    result: Comparison,
    journal: Sequence[Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    items: Mapping[tuple[str, str], Mapping[str, str]],
    exam: Mapping[str, Any],
) -> dict[tuple[str, str], Fraction]:
    """Adjudicate the journals' marks anew; compare with the published marks of each written item."""
    place = {t["task"]: t for t in tasks}
    by_script: dict[tuple[str, str], list[tuple[int, str, Mapping[str, Any]]]] = defaultdict(list)
    for line in journal:
        task = place[line["task"]]
        if line["outcome"] == "counted":
            by_script[task["candidate"], task["group"]].append((task["ordinal"], line["level"], line["marks"]))
    finals: dict[tuple[str, str], Fraction] = {}
    same = 0
    for paper in exam["papers"]:
        for group in paper["written"]:
            for (candidate, name), given in sorted(by_script.items()):
                if name != group["id"]:
                    continue
                for item in group["items"]:
                    mark = adjudicate(
                        item, group["scheme"], [(level, marks[str(item["id"])]) for _, level, marks in sorted(given, key=lambda g: g[0])]
                    )
                    finals[candidate, str(item["id"])] = mark
                    row = items[candidate, str(item["id"])]
                    published = Fraction(int(row["numerator"]), int(row["denominator"])) / 100
                    same += result.equal(published, mark, f"candidate {candidate}, item {item['id']}, mark")
    result.say("finals_equal", f"{same} / {len(finals)}")
    return finals


def adjudicate(item: Mapping[str, Any], scheme: Mapping[str, Any], given: Sequence[tuple[str, Any]]) -> Fraction:
    """The final mark of an item from its marks in the order of their slots; only for the demo's schemes, by the book."""
    tolerance = scheme["tolerance"]
    limit = (
        Fraction(str(tolerance["marks"])) if "marks" in tolerance else Fraction(str(tolerance["fraction"])) * Fraction(str(item["marks"]))
    )
    totals = [(level, _total(marks)) for level, marks in given]
    blind = [mark for level, mark in totals if level == "marker"]
    deciding = [mark for level, mark in totals if level in ("leader", "arbiter")]
    if deciding:
        return deciding[-1]
    first, second = blind[0], blind[1]
    if abs(first - second) <= limit:
        return (first + second) / 2
    third = blind[2]
    near, other = sorted((first, second), key=lambda mark: abs(mark - third))
    if abs(near - third) == abs(other - third):
        return (first + second + 2 * third) / 4  # the tie rule `mean`: the mean of the two pair means
    return (near + third) / 2


def _total(marks: Any) -> Fraction:
    return sum((Fraction(m) for m in marks.values()), Fraction(0)) if isinstance(marks, Mapping) else Fraction(marks)


def _pictures(result: Comparison, journal: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]], told: Told) -> None:
    """Each picture showed as much writing as its candidate was told to write: pictures went to the right scripts."""
    place = {t["task"]: t for t in tasks}
    fits = 0
    for line in journal:
        task = place[line["task"]]
        wanted = float(told.values[task["candidate"], task["group"]])
        fits += abs(line["share"] - wanted) <= PICTURE_FITS
    result.checks += len(journal)
    if fits < len(journal):
        result.faults.append(f"{len(journal) - fits} pictures do not fit what their candidate was told to write")
    result.say("pictures_fit", f"{fits} / {len(journal)}")


def _totals(
    result: Comparison,
    scores: Sequence[Mapping[str, str]],
    told: Told,
    items: Mapping[tuple[str, str], Mapping[str, str]],
    finals: Mapping[tuple[str, str], Fraction],
    exam: Mapping[str, Any],
) -> None:
    same = count = 0
    papers = {p["code"]: p for p in exam["papers"]}
    for row in scores:
        if row["paper"] not in papers:
            continue
        candidate, paper = row["number"], papers[row["paper"]]
        count += 1
        absent = told.values.get((candidate, "absent")) == "1"
        if absent:
            same += result.equal(row["status"], "absent", f"candidate {candidate}, status")
            continue
        total = sum((_objective_mark(i, items[candidate, i["id"]]["answer"]) for i in objective_items(paper)), Fraction(0))
        total += sum((finals.get((candidate, str(i["id"])), Fraction(0)) for g in paper["written"] for i in g["items"]), Fraction(0))
        rounded = (total + Fraction(1, 2)) // 1
        same += result.equal(Fraction(row["score"] or 0), Fraction(rounded), f"candidate {candidate}, paper {row['paper']}, total")
    result.say("totals_equal", f"{same} / {count}")


def _objective_mark(item: Mapping[str, Any], answer: str) -> Fraction:
    chosen, right = set(filter(None, answer.split("|"))), set(item["key"])
    if chosen == right:
        return Fraction(str(item["marks"]))
    partial = item.get("partial", {})
    if chosen and chosen < right and partial.get("rule") == "fixed":
        return Fraction(str(partial["marks"]))
    return Fraction(0)
