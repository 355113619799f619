"""`make chaos`: kill -9 of anything at any moment, hundreds of times, and after each round a look whether anything was lost.

Rounds of ten kills each. In every round a small exam is sent by three station processes to two web processes and read by
two readers, over a PostgreSQL with fsync, a Valkey and a folder; blows fall by a seeded plan, whatever ends is started
again, and when the work has ended everything is checked. What was done is written down after each round, so that a
stopped run goes on. A full disk and a read-only one need a mount namespace of our own, which Linux gives to root only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import going_on
from benchmarks.chaos_paper import ChaosPaper, make_paper
from benchmarks.chaos_plan import DISK, OTHERS, VICTIMS, others_of, plan_round
from benchmarks.chaos_round import Outcome, play
from benchmarks.chaos_servers import Postgres, Valkey
from benchmarks.harness import Row, show, write
from web import build_client

KILLS_A_ROUND = 10
CARDS = 120
_ROOT = Path(__file__).resolve().parent.parent
_OWN_MOUNTS = "MARKHALL_CHAOS_OWN_MOUNTS"
QUESTIONS = {
    "receipts": "receipts that are not what the stations sent",
    "pages": "pages not read exactly once, each as the side that it is",
    "answers": "answers that are not what the ink says, or not there once",
    "cases": "questions to a person about paper that is in order",
    "laws": "laws Z1 to Z4 and Z8 that do not hold, conservation",
    "attempts": "attempts that never ended",
    "stations": "disagreements of station journals and the server",
    "pictures": "picture rows without their very bytes",
    "orphans": "files that no row names and `markhall store check` does not list",
    "end": "rounds whose work did not end",
}


@dataclass
class State:
    """How far a run has come. The same seed deals the same blows."""

    seed: int
    rounds: int = 0
    kills: int = 0
    frames: int = 0
    seconds: float = 0.0
    restarts: int = 0
    lost_attempts: int = 0
    orphans: int = 0
    blows: dict[str, int] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.rounds += 1
        self.kills += sum(n for kind, n in outcome.blows.items() if kind in VICTIMS)
        self.frames += outcome.frames
        self.seconds += outcome.seconds
        self.restarts += outcome.restarts
        self.lost_attempts += outcome.lost_attempts
        self.orphans += outcome.found.orphans
        self.blows = dict(Counter(self.blows) + Counter(outcome.blows))
        for question, sentences in outcome.found.faults.items():
            self.faults += [{"round": self.rounds, "question": question, "what": sentence} for sentence in sentences]

    def not_fallen(self, *, disk: bool) -> tuple[str, ...]:
        """The kinds of other blows that can be dealt here and have not been: a round's rest is dropped when its work ends early."""
        return tuple(kind for kind in OTHERS if kind not in self.blows and (disk or kind not in DISK))


def rows(state: State, *, wanted: int) -> list[Row]:
    """The table: how much was struck, then each question with the number of its faults."""
    faults = Counter(f["question"] for f in state.faults)
    killed = ", ".join(f"{kind} {state.blows.get(kind, 0)}" for kind in VICTIMS)
    return [
        Row.judged(f"kill -9 while pages were on their way ({killed})", state.kills, "above", wanted, "kills"),
        *(Row.told(f"other blow: {kind}", state.blows.get(kind, 0), "blows") for kind in OTHERS),
        Row.told("frames sent and read", state.frames, "frames"),
        Row.told("seconds of it", state.seconds, "s"),
        Row.told("attempts lost and given out again", state.lost_attempts, "attempts"),
        Row.told("files of the store that no row names", state.orphans, "files"),
        *(Row.judged(sentence, faults[question], "below", 0, "faults") for question, sentence in QUESTIONS.items()),
    ]


def run(state: State, kills: int, work: Path, paper: ChaosPaper, *, save: Path, all_others: bool, disk: bool) -> None:
    """Rounds until so many kills have fallen, and with `all_others` every other blow that can be dealt here too."""
    servers_folder = Path(tempfile.mkdtemp(prefix="markhall-chaos-", dir="/tmp"))  # short: a socket's path has 107 characters
    servers_folder.chmod(0o755)
    (servers_folder / "pg").mkdir()
    postgres, valkey = Postgres(servers_folder / "pg"), Valkey(servers_folder)
    try:
        postgres.make()
        while state.kills < kills or (all_others and state.not_fallen(disk=disk)):
            number = state.rounds + 1
            others = state.not_fallen(disk=disk) if all_others else tuple(o for o in others_of(number) if disk or o not in DISK)
            blows = plan_round(state.seed, number, min(KILLS_A_ROUND, kills - state.kills), others)
            folder = work / f"round-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            _start(postgres, valkey)
            outcome = play(folder, paper, (postgres, valkey), blows, small_disk=any(o in DISK for o in others))
            state.add(outcome)
            going_on.save(save, state)
            print(_line(state, outcome, kills), flush=True)
            if outcome.found.count:
                _tell(outcome, folder)
            else:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        postgres.kill()
        valkey.kill()
        shutil.rmtree(servers_folder, ignore_errors=True)


def _start(postgres: Postgres, valkey: Valkey) -> None:
    deadline = time.monotonic() + 60
    while not (postgres.answers() and valkey.answers()):
        if not postgres.running:
            postgres.start()
        if not valkey.running:
            valkey.start()
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL or Valkey does not start; see {valkey.folder}")
        time.sleep(0.1)


def _line(state: State, outcome: Outcome, kills: int) -> str:
    blows = ", ".join(f"{kind} {n}" for kind, n in sorted(outcome.blows.items()))
    return (
        f"round {state.rounds}: {state.kills} of {kills} kills; {outcome.frames} frames in {outcome.seconds:.0f} s; {blows}; "
        f"{outcome.lost_attempts} attempts lost, {outcome.found.orphans} orphans, {outcome.found.count} faults"
    )


def _tell(outcome: Outcome, folder: Path) -> None:
    for question, sentences in outcome.found.faults.items():
        for sentence in sentences[:5]:
            print(f"  {question}: {sentence}", flush=True)
    print(f"  the logs are in {folder / 'site'}", flush=True)


def in_own_mounts(words: list[str]) -> int | None:
    """Run again in a mount namespace of our own, where one may be had; None when this is it, or there can be none."""
    if os.environ.get(_OWN_MOUNTS) or os.geteuid() != 0 or shutil.which("unshare") is None:
        return None
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        return None
    command = [*unshare, sys.executable, "-m", "benchmarks.chaos", *words]
    return subprocess.run(command, check=False, env={**os.environ, _OWN_MOUNTS: "1"}).returncode


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cards", type=int, default=CARDS, help="sheets of two sides in a round")
    parser.add_argument("--folder", type=Path, default=_ROOT / ".make" / "chaos", help="where the paper and the state are kept")
    parser.add_argument("--all-blows", action="store_true", help="every kind of other blow at once, not one a round")
    parser.add_argument("--fresh", action="store_true", help="begin again")
    asked = parser.parse_args(words)
    again = in_own_mounts(words)
    if again is not None:
        return again
    disk = bool(os.environ.get(_OWN_MOUNTS))
    if not disk:
        print("A full disk and a read-only one are left out: no mount namespace can be had here (Linux and root are needed).")
    save = asked.folder / "state.json"
    if asked.fresh:
        save.unlink(missing_ok=True)
    state = going_on.load(save, State(asked.seed))
    build_client.build()
    paper = make_paper(asked.folder / "paper", asked.cards)
    run(state, asked.kills, asked.folder, paper, save=save, all_others=asked.all_blows, disk=disk)
    table = rows(state, wanted=asked.kills)
    show(table)
    for fault in state.faults[:40]:
        print(f"round {fault['round']}, {fault['question']}: {fault['what']}")
    if target := os.environ.get("BENCH_JSON"):
        write(table, Path(target))
    return 1 if state.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
