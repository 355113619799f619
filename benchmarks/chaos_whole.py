"""`make chaos`: the chaos of intake, then that of marking. Two tables, one file of both where BENCH_JSON names it.

`--kills`, `--seed` and `--fresh` are for both; every other word goes to intake (benchmarks/chaos.py has them).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PARTS = {"intake": "benchmarks.chaos", "marking": "benchmarks.chaos_marking"}


def words_for(part: str, words: list[str]) -> list[str]:
    """What of the command line is for a part."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--kills")
    parser.add_argument("--seed")
    parser.add_argument("--fresh", action="store_true")
    both, rest = parser.parse_known_args(words)
    shared = [word for name in ("kills", "seed") if getattr(both, name) is not None for word in (f"--{name}", getattr(both, name))]
    shared += ["--fresh"] if both.fresh else []
    return shared + (rest if part == "intake" else [])


def main(words: list[str]) -> int:
    worst, rows = 0, list[Any]()
    with tempfile.TemporaryDirectory(prefix="markhall-chaos-rows-") as folder:
        for part, module in PARTS.items():
            print(f"chaos of {part}", flush=True)
            file = Path(folder) / f"{part}.json"
            command = [sys.executable, "-m", module, *words_for(part, words)]
            worst = max(worst, abs(subprocess.run(command, check=False, env={**os.environ, "BENCH_JSON": str(file)}).returncode))
            rows += json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
