"""Writes the truth tables into docs/how-a-mark-is-decided.md: `python -m marking.explain`. A test keeps them in step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.exam import ExamDefinition
from core.scheme_words import Take, in_words, taken_in_words
from core.states import TaskLevel
from marking.schemes import TABLE_VERSION, TABLES, ZERO_TABLE, Ask, Last, Review, Row, Special, extra_table, own_rows, review_table

PAGE = Path(__file__).parent.parent / "docs" / "how-a-mark-is-decided.md"
BEGIN, END = "<!-- tables: written by python -m marking.explain -->", "<!-- end of tables -->"
TITLES = {
    "1": "`1`: one marker",
    "1+1": "`1+1`: two markers, a disagreement to the leader",
    "2+1": "`2+1`: the leader sees both marks and decides",
    "1+1+1": "`1+1+1`: a blind mark by the leader, else the arbiter",
    "2+1+1 both": "`2+1+1`, reading `both`: a blind third marker must be near both",
    "2+1+1 either": "`2+1+1`, reading `either`: a blind third marker must be near one",
}
_WHO = {TaskLevel.MARKER: "one more marker", TaskLevel.LEADER: "the leader", TaskLevel.ARBITER: "the arbiter"}


def tables() -> str:
    """All tables as Markdown."""
    parts = [f"Version of these tables: `{TABLE_VERSION}`."]
    parts += [f"### {TITLES[name]}\n\n{_table(rows)}" for name, rows in TABLES.items()]
    parts.append(f"### `zeros: 4`: an agreed zero needs four\n\n{_table(ZERO_TABLE)}")
    for expert in ("leader", "arbiter"):
        rows = review_table(Review.FULL, TaskLevel(expert))
        parts.append(f"### `full: {expert}`: agreed full marks are looked at\n\n{_table(rows)}")
    for expert in ("leader", "arbiter"):
        rows = review_table(Review.OUTLIER, TaskLevel(expert))
        parts.append(f"### `outliers: {{difference: ..., to: {expert}}}`: far from the objective part\n\n{_table(rows)}")
    for expert in ("leader", "arbiter"):
        rows = extra_table(TaskLevel(expert))
        parts.append(f"### `extra: {{share: ..., to: {expert}}}`: one more mark was asked for\n\n{_table(rows)}")
    return "\n\n".join(parts)


def own_tables(definition: ExamDefinition) -> str:
    """The tables that an exam's own schemes come to, as Markdown; empty where it has none."""
    titled = [(name, table.title.en if table.title else "", own_rows(table)) for name, table in definition.schemes.items()]
    return "\n\n".join(f"### `{name}`{f': {title}' if title else ''}\n\n{_table(rows)}" for name, title, rows in titled)


def _table(rows: Sequence[Row]) -> str:
    lines = ["| | when | then | rule |", "|---|---|---|---|"]
    lines += [f"| {n} | {_when(row)} | {_then(row.then)} | {row.rule or '-'} |" for n, row in enumerate(rows, start=1)]
    return "\n".join(lines)


def _when(row: Row) -> str:
    return str(row.when) if isinstance(row.when, Special) else in_words(row.when)


def _then(then: Take | Last | Ask) -> str:
    if isinstance(then, Ask):
        return f"ask {_WHO[then.level]}, who is shown {'no mark' if then.blind else 'all marks so far'}"
    return f"**{then if isinstance(then, Last) else taken_in_words(then)}**"


def written(page: str) -> str:
    """The page with its tables renewed."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
