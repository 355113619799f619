"""`make bench`: runs every benchmarks/bench_*.py, or those that are named, prints one table, writes BENCH_JSON if set."""

import os
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.harness import Row, show, write

FOLDER = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    known = sorted(file.stem.removeprefix("bench_") for file in FOLDER.glob("bench_*.py"))
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(known)}.", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for name in names or known:
        print(f"{name} ...", flush=True)
        rows += import_module(f"benchmarks.bench_{name}").rows()
    show(rows)
    if target := os.environ.get("BENCH_JSON"):
        write(rows, Path(target))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
