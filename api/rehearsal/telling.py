"""The tables at the end of a rehearsal: by item group, whoever was stopped, and every line with its goal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from api.demo.show import Show
from api.rehearsal.findings import Caught, Found, GroupFound
from api.rehearsal.result import Line
from api.rehearsal.words import Speaker

GROUPS = ("group", "scheme", "responses_n", "marks_n", "thirds", "leaders", "arbiters")
TRUTH = ("group", "exact", "near", "single", "covered")
CAUGHT = ("marker", "group", "careless", "rule", "marks_until", "put_back", "alarms")
LINES = ("what", "value", "goal", "met")


def tell(show: Show, say: Speaker, found: Found, rows: Sequence[Line]) -> None:
    show.table([say(word) for word in GROUPS], [_group(one) for one in found.groups])
    show.table([say(word) for word in TRUTH], [_truth(one) for one in found.groups])
    if found.caught:
        show.table([say(word) for word in CAUGHT], [_caught(say, one) for one in found.caught])
    met = {True: f"[green]{say('yes')}[/]", False: f"[red]{say('no')}[/]", None: ""}
    show.table([say(word) for word in LINES], [(escape(row.name[say.language]), row.shown, row.goal, met[row.met]) for row in rows])


def _group(one: GroupFound) -> tuple[str, ...]:
    counts = (one.responses, one.marks, one.thirds, one.leaders, one.arbiters)
    return (one.group, one.scheme, *(f"{n:,}" for n in counts))


def _truth(one: GroupFound) -> tuple[str, ...]:
    covered = f"{one.covered:.1%} / {one.judged}" if one.judged else "-"
    return (one.group, *(f"{share:.1%}" for share in (one.exact, one.near, one.single)), covered)


def _caught(say: Speaker, one: Caught) -> tuple[str, ...]:
    careless = say("yes" if one.careless else "no").lower()
    return (one.login, one.group, careless, one.rule or say("nobody"), f"{one.marks:,}", f"{one.put_back:,}", ", ".join(one.alarms))
