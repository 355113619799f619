"""What people may write shorter in an exam definition: letters as one text, a run of items as one entry.

It turns what YAML gives into what `core.exam` checks; nothing is judged here but the run itself.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_RUN = 500


def spelled(value: object) -> object:
    """YAML reads a code such as 2026 as a number; it is meant as it is written."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class Misfit:
    """A run of items that could not be unfolded; it is refused where it stands in the file."""

    message: str


def letters(value: object) -> object:
    """`ABCD` as its letters. What YAML took for a number or a truth value is no list of letters."""
    if isinstance(value, bool):
        raise ValueError("write the text in quotes: YAML reads a bare yes, no, on, off, true or false as a truth value")
    value = spelled(value)
    return tuple(value) if isinstance(value, str) else value


def alternatives(answers: object) -> object:
    """Every answer that is right, each as its letters: `A`, `AC`, or a list of such."""
    if isinstance(answers, list | tuple):
        return tuple(letters(a) for a in answers)
    return (letters(answers),)


def unfold(entry: object) -> list[object]:
    """The items that an entry of `objective` stands for; one that cannot be unfolded stays as one misfit."""
    if not isinstance(entry, dict) or "items" not in entry:
        return [entry]
    shared = {k: v for k, v in entry.items() if k not in ("items", "keys")}
    try:
        ids = _run(entry["items"])
        keys = _keys(entry, len(ids))
    except ValueError as e:
        return [Misfit(str(e))]
    return [shared | {"id": i, "key": k} for i, k in zip(ids, keys, strict=True)]


def _keys(entry: dict[str, object], count: int) -> list[object]:
    """The key of each item of a run; of a paper with types: what each type's keys say of it."""
    keys = entry.get("keys")
    if "key" in entry or keys is None:
        raise ValueError(f"the run {entry['items']} needs `keys`, one for each item")
    columns: dict[str, list[object]] = {}
    for kind, column in (keys if isinstance(keys, dict) else {"*": keys}).items():
        column = letters(column)
        if not isinstance(column, list | tuple):
            raise ValueError(f"the run {entry['items']}: `keys` is a text such as ABCD or a list")
        if len(column) != count:
            place = "" if kind == "*" else f" for the paper type {kind}"
            raise ValueError(f"the run {entry['items']} has {count} items and {len(column)} keys{place}")
        columns[str(kind)] = list(column)
    return [{kind: column[i] for kind, column in columns.items()} for i in range(count)]


def _run(text: object) -> list[str]:
    first, dash, last = str(text).partition("-")
    stem = first.rstrip("0123456789")
    if not dash or not last.startswith(stem) or not first[len(stem):].isdigit() or not last[len(stem):].isdigit():  # fmt: skip
        raise ValueError(f"{text!r} is not a run of items such as Q1-Q20")
    low, high = int(first[len(stem) :]), int(last[len(stem) :])
    if high < low:
        raise ValueError(f"the run {text} goes backwards")
    if high - low >= LONGEST_RUN:
        raise ValueError(f"the run {text} has more than {LONGEST_RUN} items")
    return [f"{stem}{n}" for n in range(low, high + 1)]
