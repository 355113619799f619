"""How right the reader is on simulated scans: sides, sides with a doubt, answers that are wrong in silence.

    python -m benchmarks.reading_accuracy --trouble typical --seeds 1 2 3 --sheets 50

The truth is what the simulated candidate was told to mark, never what a reader makes of it. Fields whose ink has no
one meaning (`ambiguous`) are counted apart: they should be doubts. Exit status 1 when an answer is wrong in silence.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.definition import load_definition, load_roster
from core.errors import FrameUnreadable
from core.template import Template, load_template
from omr.print import print_sheets
from omr.reading import PageReading, read_page
from scanner.frames import pages_in
from scanner.simulator.run import simulate

EXAM = Path(__file__).parents[1] / "examples" / "demo-exam"


@dataclass
class Tally:
    sides: int = 0
    clean_in_doubt: int = 0  # sides without event and trouble that go to a person
    doubted: int = 0  # sides of which a mark is doubtful
    reviewed: Counter[str] = field(default_factory=Counter)  # sides by the kind of case they make
    answers: int = 0
    silent: list[str] = field(default_factory=list)
    ambiguous: int = 0
    ambiguous_read: int = 0  # of these read without a doubt
    why: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exam", type=Path, default=EXAM / "exam.yaml")
    parser.add_argument("--trouble", choices=("none", "typical", "harsh"), default="typical")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--sheets", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the simulated scans in this folder")
    options = parser.parse_args()
    total = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        for seed in options.seeds:
            measure(total, options, seed, (options.keep or Path(scratch)) / str(seed))
    return report(total, options.trouble)


def measure(total: Tally, options: argparse.Namespace, seed: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    exam = load_definition(options.exam)
    if not (folder / "scans").exists():
        printed = print_sheets(exam, load_roster(options.exam.parent / "roster.csv")[: options.sheets], folder / "sheets.pdf")
        template = load_template(printed.papers[0].template)
        write_answers(template, printed.papers[0].list, folder / "answers.csv", random.Random(seed))
        simulate(printed.papers[0].pdf, folder / "answers.csv", folder, trouble=options.trouble, seed=seed, jobs=options.jobs)
    compare(total, load_template(next(folder.glob("*.template.json"))), folder)


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
    if role == "absent" or dice.random() < 0.03:
        return ""
    count = dice.randint(1, len(values)) if multiple else 2 if len(values) > 2 and dice.random() < 0.005 else 1
    chosen = dice.sample(range(len(values)), count)
    return "|".join(values[i] for i in sorted(chosen))


def frames_of(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "frames.csv").open(encoding="utf-8") as source:
        yield from csv.DictReader(source)


def compare(total: Tally, template: Template, folder: Path) -> None:
    truth: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    with (folder / "truth.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            truth[row["sheet"], row["side"]][row["field"]] = row["value"]
    for frame in frames_of(folder):
        path = next((p for p in (folder / frame["file"], folder / "scans" / frame["file"]) if p.exists()), None)
        if path is None:
            continue
        for page in pages_in(path.read_bytes(), where=frame["file"]):
            if isinstance(page, FrameUnreadable):
                total.reviewed["unreadable"] += 1
                continue
            start = time.perf_counter()
            reading = read_page(page, [template], cut=True)
            total.seconds += time.perf_counter() - start
            judge(total, reading, frame, truth[frame["sheet"], frame["side"]])


def judge(total: Tally, reading: PageReading, frame: dict[str, str], truth: dict[str, str]) -> None:
    total.sides += 1
    clean = frame["event"] == "normal" and not frame["trouble"]
    total.doubted += reading.kind == "doubt"
    if reading.status != "ok":
        total.reviewed[f"{reading.kind} ({'clean' if clean else frame['event']})"] += 1
        total.clean_in_doubt += clean
    for name, found in reading.fields.items():
        told_otherwise = {"wrong_number": "number", "absent_conflict": "absent"}.get(frame["event"]) == name
        if name not in truth or told_otherwise:  # the event is a mark that the truth does not count
            continue
        total.answers += 1
        if truth[name] == "ambiguous":
            total.ambiguous += 1
            total.ambiguous_read += not found.doubt
        elif found.doubt:
            total.why[found.why] += 1
            if len(total.why) < 400:
                total.why[f"    {frame['file']} {name}: told {truth[name]!r} first {found.first!r} second {found.second!r}"] += 1
        elif found.value != truth[name]:
            total.silent.append(f"{frame['file']} {name}: told {truth[name]!r}, read {found.value!r} [{frame['trouble']}]")


def report(total: Tally, trouble: str) -> int:
    sides = max(total.sides, 1)
    out = sys.stdout
    out.write(f"trouble            {trouble}\nsides              {total.sides}\nanswers            {total.answers}\n")
    out.write(
        f"sides in doubt     {total.doubted} ({total.doubted / sides:.2%}) for marks; clean ones to a person {total.clean_in_doubt}\n"
    )
    out.write(f"ambiguous answers  {total.ambiguous}, of these read without a doubt {total.ambiguous_read}\n")
    out.write(f"wrong in silence   {len(total.silent)}\n")
    out.write(f"reading            {1000 * total.seconds / sides:.1f} ms a side, regions cut, decoding not counted\n")
    for kind, count in sorted(total.reviewed.items()):
        out.write(f"  to a person: {kind:36} {count}\n")
    for why, count in total.why.most_common():
        out.write(f"  doubt: {why} {count}\n")
    for line in total.silent:
        out.write(f"  WRONG {line}\n")
    return int(bool(total.silent))


if __name__ == "__main__":
    sys.exit(main())
