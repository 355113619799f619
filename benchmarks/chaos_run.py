"""The shape of every chaos run: servers that may be killed, rounds until so many kills have fallen, a table of what was found.

Owns how far a run has come (kept after each round, so that a stopped one goes on) and the command around it. What a round is
and what is asked after it is handed in: `play` deals a round's blows and gives its outcome, `questions` names the faults.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import going_on
from benchmarks.chaos_plan import VICTIMS, Blow
from benchmarks.chaos_servers import Postgres, Valkey
from benchmarks.harness import Row, show, write
from web import build_client

SHOWN, PRINTED = 5, 40  # faults of a question after its round, and of a run in the end
_ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Found:
    """Faults by question."""

    faults: dict[str, list[str]] = field(default_factory=dict)

    def add(self, question: str, sentences: Iterable[str], when: str = "") -> None:
        self.faults.setdefault(question, []).extend(when + sentence for sentence in sentences)

    @property
    def count(self) -> int:
        return sum(len(f) for f in self.faults.values())


@dataclass(frozen=True)
class Outcome:
    """Of one round."""

    seconds: float
    blows: Mapping[str, int]
    counts: Counter[str]  # what is summed over the rounds, and told in the end
    found: Found


@dataclass
class State:
    """How far a run has come. The same seed deals the same blows."""

    seed: int
    rounds: int = 0
    kills: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    blows: dict[str, int] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.rounds += 1
        self.kills += sum(n for kind, n in outcome.blows.items() if kind in VICTIMS)
        self.seconds += outcome.seconds
        self.counts = dict(Counter(self.counts) + outcome.counts)
        self.blows = dict(Counter(self.blows) + Counter(outcome.blows))
        for question, sentences in outcome.found.faults.items():
            self.faults += [{"round": self.rounds, "question": question, "what": sentence} for sentence in sentences]


@dataclass(frozen=True)
class Turn:
    """A round that is to be played, with the servers up; its logs stay in `folder`."""

    seed: int
    number: int
    folder: Path
    postgres: Postgres
    valkey: Valkey
    blows: Sequence[Blow]


@dataclass(frozen=True)
class Chaos:
    """What one kind of run is made of."""

    play: Callable[[Turn], Outcome]
    questions: Mapping[str, str]
    plan: Callable[[State, int], list[Blow]]  # of the next round, with at most so many kills
    victims: tuple[str, ...]
    kills_a_round: int
    killing: str  # what was under way, for the table
    told: Mapping[str, tuple[str, str]]  # of counts and other blows: the sentence, the unit
    in_line: tuple[str, ...]  # the counts that are told after each round
    is_owed: Callable[[State], bool] = lambda state: False  # whether more must be dealt though all kills have fallen


def run(chaos: Chaos, state: State, kills: int, work: Path, save: Path) -> None:
    """Rounds until so many kills have fallen, and what else is owed."""
    with servers() as (postgres, valkey):
        while state.kills < kills or chaos.is_owed(state):
            number = state.rounds + 1
            blows = chaos.plan(state, min(chaos.kills_a_round, kills - state.kills))
            folder = work / f"round-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            start(postgres, valkey)
            outcome = chaos.play(Turn(state.seed, number, folder, postgres, valkey, blows))
            state.add(outcome)
            going_on.save(save, state)
            _tell(chaos, state, outcome, kills, folder)


@contextmanager
def servers() -> Iterator[tuple[Postgres, Valkey]]:
    """Made and not started, on files that go with them."""
    folder = Path(tempfile.mkdtemp(prefix="markhall-chaos-", dir="/tmp"))  # short: a socket's path has 107 characters
    folder.chmod(0o755)
    (folder / "pg").mkdir()
    postgres, valkey = Postgres(folder / "pg"), Valkey(folder)
    try:
        postgres.make()
        yield postgres, valkey
    finally:
        postgres.kill()
        valkey.kill()
        shutil.rmtree(folder, ignore_errors=True)


def start(postgres: Postgres, valkey: Valkey) -> None:
    deadline = time.monotonic() + 60
    while not (postgres.answers() and valkey.answers()):
        for server in (postgres, valkey):
            if not server.running:
                server.start()
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL or Valkey does not start; see {valkey.folder}")
        time.sleep(0.1)


def _tell(chaos: Chaos, state: State, outcome: Outcome, kills: int, folder: Path) -> None:
    blows = ", ".join(f"{kind} {n}" for kind, n in sorted(outcome.blows.items()))
    counts = ", ".join(f"{outcome.counts[name]} {name}" for name in chaos.in_line)
    print(
        f"round {state.rounds}: {state.kills} of {kills} kills; {outcome.seconds:.0f} s; {blows}; {counts}; {outcome.found.count} faults",
        flush=True,
    )
    if not outcome.found.count:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for question, sentences in outcome.found.faults.items():
        for sentence in sentences[:SHOWN]:
            print(f"  {question}: {sentence}", flush=True)
    print(f"  logs are in {folder}", flush=True)


def rows(chaos: Chaos, state: State, *, wanted: int) -> list[Row]:
    """How much was struck and done, then each question with the number of its faults."""
    faults, amounts = Counter(f["question"] for f in state.faults), {**state.counts, **state.blows}
    killed = ", ".join(f"{kind} {state.blows.get(kind, 0)}" for kind in chaos.victims)
    return [
        Row.judged(f"kill -9 while {chaos.killing} ({killed})", state.kills, "above", wanted, "kills"),
        Row.told("seconds of it", state.seconds, "s"),
        *(Row.told(sentence, amounts.get(name, 0), unit) for name, (sentence, unit) in chaos.told.items()),
        *(Row.judged(sentence, faults[question], "below", 0, "faults") for question, sentence in chaos.questions.items()),
    ]


def parser(program: str, about: str | None, folder: str) -> argparse.ArgumentParser:
    """The words that all runs know."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{program}", description=about.splitlines()[0] if about else None)
    made.add_argument("--kills", type=int, default=200)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--folder", type=Path, default=_ROOT / ".make" / folder, help="where the state is kept")
    made.add_argument("--fresh", action="store_true", help="begin again")
    return made


def command(chaos: Chaos, asked: argparse.Namespace) -> int:
    """The run that was asked for, from where it was, and its table; 1 where there were faults."""
    save = asked.folder / "rounds.json"
    if asked.fresh:
        save.unlink(missing_ok=True)
    state = going_on.load(save, State(asked.seed))
    build_client.build()
    run(chaos, state, asked.kills, asked.folder, save)
    table = rows(chaos, state, wanted=asked.kills)
    show(table)
    for fault in state.faults[:PRINTED]:
        print(f"round {fault['round']}, {fault['question']}: {fault['what']}")
    if target := os.environ.get("BENCH_JSON"):
        write(table, Path(target))
    return 1 if state.faults else 0
