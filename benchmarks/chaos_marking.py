"""Marking under kill -9: web processes, Valkey and PostgreSQL die at any moment, and no acknowledged mark is lost or twice.

Rounds of kills as in benchmarks/chaos.py. In each an exam of four schemes is marked by a crew of browsers over HTTP, some
people with the page open twice; blows fall by a seeded plan, what ends is started again, and when every response is agreed
the tables are held against what each browser wrote down. The state is kept after each round, so a stopped run goes on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import going_on
from benchmarks.chaos_marking_exam import add_crew, agree_seeds, make_exam, read_pages
from benchmarks.chaos_marking_round import Outcome, Prepared, play
from benchmarks.chaos_plan import plan_round
from benchmarks.chaos_servers import Postgres, Valkey
from benchmarks.harness import Row, show, write
from core.db import migrate
from core.settings import Settings
from core.site import open_site
from web import build_client

VICTIMS = ("web", "valkey", "postgres")
OTHERS = ("flush", "away")
KILLS_A_ROUND = 20
SCRIPTS = 120
SCRIPTS_A_SEED = 8
_ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = {
    "acknowledged": "acknowledged marks that are not there once, as acknowledged",
    "refused": "marks that are there though refused, or though nobody was told",
    "twice": "responses that somebody marked twice, or was handed again after marking, but for a planned self re-mark",
    "agreed": "responses not agreed, problems left open",
    "conservation": "tasks that are neither void nor done by one counted mark",
    "checks": "marks on seeds and own responses without their one check, checks and looks that are not so",
    "standings": "standings whose counts are not what the marks say",
    "stops": "stops not carried out, marks that went back and count or did so twice, work for who is stopped",
    "laws": "laws Z5, Z6 and Z8 that do not hold, replay of the ledger",
    "replies": "replies that were neither yes nor a conflict; a mark sent again answered otherwise",
    "end": "rounds that did not end, or where something is handed out after the end",
}
TOLD = {
    "marks counted": "marks that count",
    "marks revised": "marks revised",
    "marks surplus": "marks that came for a slot that was filled: kept, not counted",
    "problems": "problems raised",
    "marks seed": "marks on seeds",
    "marks self": "own responses marked once more",
    "looks": "looks by leaders",
    "stops by a rule": "stops by a rule",
    "stops by a leader": "stops by a leader",
    "marks put back": "marks that went back with a stop",
    "looks after a kill": "times that everything was asked between two kills",
    "refusals": "requests refused with a sentence",
    "another slot of an unmarked response": "people who met another slot of a response before they had marked it",
}


@dataclass
class State:
    """How far a run has come. The same seed deals the same blows."""

    seed: int
    rounds: int = 0
    kills: int = 0
    marks: int = 0
    seconds: float = 0.0
    asked_again: int = 0
    told: dict[str, int] = field(default_factory=dict)
    blows: dict[str, int] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.rounds += 1
        self.kills += sum(n for kind, n in outcome.blows.items() if kind in VICTIMS)
        self.marks += outcome.marks
        self.seconds += outcome.seconds
        self.asked_again += outcome.asked_again
        self.told = dict(Counter(self.told) + outcome.told)
        self.blows = dict(Counter(self.blows) + Counter(outcome.blows))
        for question, sentences in outcome.found.faults.items():
            self.faults += [{"round": self.rounds, "question": question, "what": sentence} for sentence in sentences]


def rows(state: State, *, wanted: int) -> list[Row]:
    """How much was struck and marked, then each question with the number of its faults."""
    faults = Counter(f["question"] for f in state.faults)
    killed = ", ".join(f"{kind} {state.blows.get(kind, 0)}" for kind in VICTIMS)
    return [
        Row.judged(f"kill -9 while people were marking ({killed})", state.kills, "above", wanted, "kills"),
        Row.told("Redis emptied", state.blows.get("flush", 0), "blows"),
        Row.told("the database stopped for a while", state.blows.get("away", 0), "blows"),
        Row.told("marks and other words acknowledged", state.marks, "replies"),
        Row.told("seconds of marking", state.seconds, "s"),
        Row.told("requests without an answer, sent again", state.asked_again, "requests"),
        *(Row.told(sentence, state.told.get(kind, 0), "") for kind, sentence in TOLD.items()),
        *(Row.judged(sentence, faults[question], "below", 0, "faults") for question, sentence in QUESTIONS.items()),
    ]


def run(state: State, kills: int, scripts: int, work: Path, *, save: Path) -> None:
    """Rounds until so many kills have fallen."""
    servers_folder = Path(tempfile.mkdtemp(prefix="markhall-chaos-", dir="/tmp"))  # short: a socket's path has 107 characters
    servers_folder.chmod(0o755)
    (servers_folder / "pg").mkdir()
    postgres, valkey = Postgres(servers_folder / "pg"), Valkey(servers_folder)
    try:
        postgres.make()
        _up(postgres, valkey)
        prepared = _prepare(postgres, valkey, work, scripts)
        while state.kills < kills:
            number = state.rounds + 1
            blows = plan_round(state.seed, number, min(KILLS_A_ROUND, kills - state.kills), OTHERS, victims=VICTIMS)
            folder = work / f"round-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            _up(postgres, valkey)
            outcome = play(folder, prepared, (postgres, valkey), blows, f"crew {state.seed} {number}")
            state.add(outcome)
            going_on.save(save, state)
            _tell(state, outcome, kills, folder)
    finally:
        postgres.kill()
        valkey.kill()
        shutil.rmtree(servers_folder, ignore_errors=True)


def _up(postgres: Postgres, valkey: Valkey) -> None:
    deadline = time.monotonic() + 60
    while not (postgres.answers() and valkey.answers()):
        for server in (postgres, valkey):
            if not server.running:
                server.start()
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL or Valkey does not start; see {valkey.folder}")
        time.sleep(0.1)


def _prepare(postgres: Postgres, valkey: Valkey, work: Path, scripts: int) -> Prepared:
    database = postgres.create()
    settings = Settings.at(work / "prepared", database_url=postgres.url(database), redis_url=valkey.url)
    migrate(settings.database_url)
    site = open_site(settings)
    exam_id = make_exam(site, scripts)
    prepared = Prepared(database, exam_id, scripts, add_crew(site, exam_id))
    read_pages(site, exam_id, scripts // 2)
    agree_seeds(site, exam_id, prepared.crew, scripts // SCRIPTS_A_SEED)
    site.close()
    return prepared


def _tell(state: State, outcome: Outcome, kills: int, folder: Path) -> None:
    blows = ", ".join(f"{kind} {n}" for kind, n in sorted(outcome.blows.items()))
    print(
        f"round {state.rounds}: {state.kills} of {kills} kills; {outcome.marks} acknowledged in {outcome.seconds:.0f} s; {blows}; "
        f"{outcome.asked_again} asked again, {outcome.found.count} faults",
        flush=True,
    )
    if not outcome.found.count:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for question, sentences in outcome.found.faults.items():
        for sentence in sentences[:5]:
            print(f"  {question}: {sentence}", flush=True)
    print(f"  logs and journals are in {folder}", flush=True)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos_marking", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scripts", type=int, default=SCRIPTS, help="scripts in a round, of four responses each")
    parser.add_argument("--folder", type=Path, default=_ROOT / ".make" / "chaos-marking", help="where the state is kept")
    parser.add_argument("--fresh", action="store_true", help="begin again")
    asked = parser.parse_args(words)
    save = asked.folder / "state.json"
    if asked.fresh:
        save.unlink(missing_ok=True)
    state = going_on.load(save, State(asked.seed))
    build_client.build()
    run(state, asked.kills, asked.scripts, asked.folder, save=save)
    table = rows(state, wanted=asked.kills)
    show(table)
    for fault in state.faults[:40]:
        print(f"round {fault['round']}, {fault['question']}: {fault['what']}")
    if target := os.environ.get("BENCH_JSON"):
        write(table, Path(target))
    return 1 if state.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
