"""`make chaos`: kill -9 of anything at any moment, hundreds of times, and after each round a look whether anything was lost.

Rounds of ten kills each. In every round a small exam is sent by three station processes to two web processes and read by
two readers, over a PostgreSQL with fsync, a Valkey and a folder; blows fall by a seeded plan, whatever ends is started
again, and when the work has ended everything is checked. What was done is written down after each round, so that a
stopped run goes on. A full disk and a read-only one need a mount namespace of our own, which Linux gives to root only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from benchmarks import chaos_run
from benchmarks.chaos_paper import ChaosPaper, make_paper
from benchmarks.chaos_plan import DISK, OTHERS, VICTIMS, Blow, others_of, plan_round
from benchmarks.chaos_round import play
from benchmarks.chaos_run import Chaos, Outcome, State, Turn

KILLS_A_ROUND = 10
CARDS = 120
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
TOLD = {
    **{kind: (f"other blow: {kind}", "blows") for kind in OTHERS},
    "frames": ("frames sent and read", "frames"),
    "restarts": ("processes started again", "starts"),
    "lost attempts": ("attempts lost and given out again", "attempts"),
    "orphans": ("files of the store that no row names", "files"),
}


def not_fallen(state: State, *, disk: bool) -> tuple[str, ...]:
    """The kinds of other blows that can be dealt here and have not been: a round's rest is dropped when its work ends early."""
    return tuple(kind for kind in OTHERS if kind not in state.blows and (disk or kind not in DISK))


def chaos_of(paper: ChaosPaper, *, all_others: bool, disk: bool) -> Chaos:
    """With `all_others` every other blow that can be dealt here is dealt, whatever the kills."""

    def plan(state: State, kills: int) -> list[Blow]:
        number = state.rounds + 1
        others = not_fallen(state, disk=disk) if all_others else tuple(o for o in others_of(number) if disk or o not in DISK)
        return plan_round(state.seed, number, kills, others)

    def play_it(turn: Turn) -> Outcome:
        return play(turn, paper, small_disk=any(blow.kind in DISK for blow in turn.blows))

    return Chaos(
        play=play_it,
        questions=QUESTIONS,
        plan=plan,
        victims=VICTIMS,
        kills_a_round=KILLS_A_ROUND,
        killing="pages were on their way",
        told=TOLD,
        in_line=("frames", "lost attempts", "orphans"),
        is_owed=lambda state: all_others and bool(not_fallen(state, disk=disk)),
    )


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
    parser = chaos_run.parser("chaos", __doc__, "chaos")
    parser.add_argument("--cards", type=int, default=CARDS, help="sheets of two sides in a round")
    parser.add_argument("--all-blows", action="store_true", help="every kind of other blow at once, not one a round")
    asked = parser.parse_args(words)
    again = in_own_mounts(words)
    if again is not None:
        return again
    disk = bool(os.environ.get(_OWN_MOUNTS))
    if not disk:
        print("A full disk and a read-only one are left out: no mount namespace can be had here (Linux and root are needed).")
    paper = make_paper(asked.folder / "paper", asked.cards)
    return chaos_run.command(chaos_of(paper, all_others=asked.all_blows, disk=disk), asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
