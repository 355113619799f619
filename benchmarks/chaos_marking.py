"""Marking under kill -9: web processes, Valkey and PostgreSQL die at any moment, and no acknowledged mark is lost or twice.

Rounds of kills as in benchmarks/chaos.py. In each an exam of four schemes is marked by a crew of browsers over HTTP, some
people with the page open twice; leaders look over, stop and let go on. Blows fall by a seeded plan, what ends is started again;
after each kill and when every response is agreed the tables are held against what each browser wrote down.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import chaos_run
from benchmarks.chaos_marking_exam import add_crew, agree_seeds, make_exam, read_pages
from benchmarks.chaos_marking_round import Prepared, play
from benchmarks.chaos_plan import Blow, plan_round
from benchmarks.chaos_run import Chaos, Outcome, State, Turn
from benchmarks.chaos_servers import Postgres, Valkey
from core.db import migrate
from core.settings import Settings
from core.site import open_site

VICTIMS = ("web", "valkey", "postgres")
OTHERS = ("flush", "away")
KILLS_A_ROUND = 20
SCRIPTS = 120
SCRIPTS_A_SEED = 8
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
    "flush": ("Redis emptied", "blows"),
    "away": ("the database stopped for a while", "blows"),
    "acknowledged": ("marks and other words acknowledged", "replies"),
    "asked again": ("requests without an answer, sent again", "requests"),
    "marks counted": ("marks that count", "marks"),
    "marks revised": ("marks revised", "marks"),
    "marks surplus": ("marks that came for a slot that was filled: kept, not counted", "marks"),
    "problems": ("problems raised", "problems"),
    "marks seed": ("marks on seeds", "marks"),
    "marks self": ("own responses marked once more", "marks"),
    "looks": ("looks by leaders", "looks"),
    "stops by a rule": ("stops by a rule", "stops"),
    "stops by a leader": ("stops by a leader", "stops"),
    "marks put back": ("marks that went back with a stop", "marks"),
    "looks after a kill": ("times that everything was asked between two kills", "times"),
    "refusals": ("requests refused with a sentence", "requests"),
    "another slot of an unmarked response": ("people who met another slot of a response before they had marked it", "people"),
}


def chaos_of(scripts: int, work: Path) -> Chaos:
    prepared: list[Prepared] = []  # once, when the servers are there

    def plan(state: State, kills: int) -> list[Blow]:
        return plan_round(state.seed, state.rounds + 1, kills, OTHERS, victims=VICTIMS)

    def play_it(turn: Turn) -> Outcome:
        if not prepared:
            prepared.append(prepare(turn.postgres, turn.valkey, work, scripts))
        return play(turn, prepared[0])

    return Chaos(
        play=play_it,
        questions=QUESTIONS,
        plan=plan,
        victims=VICTIMS,
        kills_a_round=KILLS_A_ROUND,
        killing="people were marking",
        told=TOLD,
        in_line=("acknowledged", "asked again"),
    )


def prepare(postgres: Postgres, valkey: Valkey, work: Path, scripts: int) -> Prepared:
    """What every round begins with, in a database that it copies."""
    database = postgres.create()
    settings = Settings.at(work / "prepared", database_url=postgres.url(database), redis_url=valkey.url)
    migrate(settings.database_url)
    site = open_site(settings)
    exam_id = make_exam(site, scripts)
    made = Prepared(database, exam_id, scripts, add_crew(site, exam_id))
    read_pages(site, exam_id, scripts // 2)
    agree_seeds(site, exam_id, made.crew, scripts // SCRIPTS_A_SEED)
    site.close()
    return made


def main(words: list[str]) -> int:
    parser = chaos_run.parser("chaos_marking", __doc__, "chaos-marking")
    parser.add_argument("--scripts", type=int, default=SCRIPTS, help="scripts in a round, of four responses each")
    asked = parser.parse_args(words)
    return chaos_run.command(chaos_of(asked.scripts, asked.folder), asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
