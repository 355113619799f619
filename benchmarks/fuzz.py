"""`make fuzz`: opens so many hostile files, and tells every crash, hang and error that is not one clear sentence.

The files are opened in processes of their own, some hundred each, under a watch: a file that crashes the process or takes
longer than it may is named, kept, and the run goes on behind it. Where a file crashes only after others, the shortest run
of files that still does is looked for. What was done is written down after each part, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import going_on

TARGET = "benchmarks.fuzz_child:open_all"
_SLOW = 5.0  # seconds that a file may take
_START = 120.0  # seconds for a process to be ready, which on a fresh machine compiles what it needs
_ROOT = Path(__file__).resolve().parent.parent


@dataclass
class State:
    """How far a run has come. The same seed gives the same files."""

    seed: int
    done: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0  # seconds
    slowest_input: int = -1
    findings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Watched:
    """What became of one process: the answers it gave, and how it ended before its last file, if it did."""

    answers: list[dict[str, Any]]
    end: str = ""


def run(state: State, inputs: int, *, part: int = 500, target: str = TARGET, slow: float = _SLOW) -> Iterator[State]:
    """Open the inputs that are not done yet; gives the state after each part."""
    while state.done < inputs:
        last = min(state.done + part, inputs) - 1
        watched = _watch(target, state.seed, state.done, last, slow)
        for answer in watched.answers:
            _note(state, answer, slow)
        if watched.end:
            culprit = state.done
            found = {"number": culprit, "what": watched.end, "after": _least(target, state.seed, culprit, watched, slow)}
            state.findings.append(found)
            state.done += 1
        yield state


def _note(state: State, answer: dict[str, Any], slow: float) -> None:
    state.done = answer["number"] + 1
    kind = answer["kind"] or "error"
    state.kinds[kind] = state.kinds.get(kind, 0) + 1
    if answer["seconds"] > state.slowest:
        state.slowest, state.slowest_input = answer["seconds"], answer["number"]
    if answer["wrong"] or answer["seconds"] > slow:
        what = answer["wrong"] or f"took {answer['seconds']:.1f} s"
        state.findings.append({"number": answer["number"], "what": what, "after": 0})


def _least(target: str, seed: int, culprit: int, watched: Watched, slow: float) -> int | None:
    """How many of the files before it the culprit needs: 0 when it fails alone, None when it did not fail again."""
    most = len(watched.answers)
    if _watch(target, seed, culprit, culprit, slow).end:
        return 0
    if not _watch(target, seed, culprit - most, culprit, slow).end:
        return None
    enough, too_few = most, 0
    while enough - too_few > 1:
        tried = (enough + too_few) // 2
        if _watch(target, seed, culprit - tried, culprit, slow).end:
            enough = tried
        else:
            too_few = tried
    return enough


def _watch(target: str, seed: int, first: int, last: int, slow: float) -> Watched:
    """Run one process over these files, and end it when it says nothing for too long."""
    command = [sys.executable, "-m", "benchmarks.fuzz_child", target, str(seed), str(first), str(last)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT)
    assert process.stdout is not None
    answers: list[dict[str, Any]] = []
    rest, patience = b"", _START
    with process, selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not waiting.select(patience):
                process.kill()
                return Watched(answers, f"hung for more than {patience:g} s")
            got = os.read(process.stdout.fileno(), 65536)
            if not got:
                break
            *lines, rest = (rest + got).split(b"\n")
            said = [json.loads(line) for line in lines]
            answers += [answer for answer in said if answer]  # the first says only that the process is ready
            patience = slow + 1 if said else patience
        status = process.wait()
    return Watched(answers, "" if len(answers) == last - first + 1 else f"the process ended with status {status}")


def _save(file: Path, state: State) -> None:
    """With every file that was found bad beside it."""
    from benchmarks.fuzz_inputs import fuzzed

    going_on.save(file, state)
    for finding in state.findings:
        kept = file.parent / f"seed{state.seed}-{finding['number']}.bin"
        if not kept.exists():
            kept.write_bytes(fuzzed(state.seed, finding["number"])[1])


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, default=_ROOT / ".make" / "fuzz" / "state.json", help="where a stopped run goes on from")
    parser.add_argument("--fresh", action="store_true", help="begin again")
    asked = parser.parse_args(words)
    if asked.fresh:
        asked.state.unlink(missing_ok=True)
    state = going_on.load(asked.state, State(asked.seed))
    started, before = time.monotonic(), state.done
    for now in run(state, asked.inputs):
        _save(asked.state, now)
        rate = (now.done - before) / max(time.monotonic() - started, 1e-9)
        left = (asked.inputs - now.done) / max(rate, 1e-9) / 60
        print(f"{now.done} of {asked.inputs}: {len(now.findings)} findings, {rate:.0f} a second, {left:.0f} min left", flush=True)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(state.kinds.items()))
    slowest = f"the slowest ({state.slowest_input}) took {state.slowest:.2f} s"
    print(f"{state.done} inputs of seed {state.seed}: {kinds}; {slowest}; {len(state.findings)} findings.")
    for finding in state.findings:
        print(f"\ninput {finding['number']} (after {finding['after']} others): {finding['what']}")
    return 1 if state.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
