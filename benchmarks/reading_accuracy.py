"""How right the reader is on sets of simulated scans that are kept (see `benchmarks.make_sets`).

    python -m benchmarks.reading_accuracy --sets FOLDER... [--doubts N]

Exit status 1 when an answer or a candidate is wrong in silence.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.judging import Known, Tally, judge_scans
from benchmarks.reader import reader_of
from core.template import load_template


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--doubts", type=int, default=8, help="how many single doubts to show of each set")
    options = parser.parse_args()
    wrong = 0
    for folder in options.sets:
        total = judge_set(folder)
        report(folder.name, total, options.doubts)
        wrong += len(total.silent)
    return int(bool(wrong))


def judge_set(folder: Path) -> Tally:
    template = load_template(next(folder.glob("*.template.json")))
    read, total = reader_of(template), Tally()
    for part in sorted(folder.glob("seed-*")):
        total.add(judge_scans(Known.load(part, folder), template, read))
    return total


def report(name: str, total: Tally, doubts: int) -> None:
    sides = max(total.sides, 1)
    print(f"== {name}: {total.sides} sides, {total.answers} answers, {1000 * total.seconds / sides:.1f} ms CPU a side without unpacking")
    print(f"wrong in silence   {len(total.silent)} ({total.wrong_sides} sides), wrong candidates {total.wrong_candidates}")
    print(
        f"to a person for marks alone  {total.for_marks} ({total.for_marks / sides:.2%}), "
        f"of these with an ambiguous field {total.for_marks_ambiguous}; clean sides to a person {total.clean_to_a_person}"
    )
    print(
        f"ambiguous answers  {total.ambiguous}, of these read without a doubt {total.ambiguous_read} "
        f"({total.ambiguous_wrong} unlike what was told)"
    )
    for kind, count in sorted(total.to_a_person.items()):
        print(f"  to a person: {kind:36} {count}")
    for why, count in total.why.most_common():
        print(f"  doubts: {count:5} {why}")
    print(f"  troubles of sides with such doubts: {_listed(total)}")
    for line in total.doubts[:doubts]:
        print(f"  doubt {line}")
    for line in total.ambiguities[:doubts]:
        print(f"  AMBIGUOUS READ {line}")
    for line in total.silent:
        print(f"  WRONG {line}")


def _listed(total: Tally) -> str:
    return ", ".join(f"{name or 'none'} {count}" for name, count in total.troubles.most_common(12)) or "none"


if __name__ == "__main__":
    sys.exit(main())
