"""Rows that a run wrote to BENCH_JSON, as a table for docs/measurements.md: `python -m benchmarks.markdown out.json`."""

import json
import sys
from pathlib import Path

from benchmarks.harness import Row, shown


def table_of(rows: list[Row]) -> str:
    lines = ["| what | value | goal | met |", "|---|---|---|---|"]
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:,g}"
        lines.append(
            f"| {row.name} | {shown(row.value)} {row.unit} | {goal} | {'' if row.met is None else 'yes' if row.met else '**no**'} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(table_of([Row(**raw) for raw in json.loads(Path(name).read_text(encoding="utf-8"))]))
