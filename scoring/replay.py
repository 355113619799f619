"""What the ledger says, replayed: scripts, answers, responses and marks as they stand after the last entry.

Reads entries only, no row. The second composition path and law Z8 rest on it; so does the check of a release off line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

UNDECIDED = "doubtful"


@dataclass(slots=True)
class ReplayedScript:
    candidate: str = ""
    paper: str = ""
    state: str = "expected"
    paper_type: str | None = None
    chosen: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[int, str | None]] = field(default_factory=dict)  # item -> version, value; None: undecided


@dataclass(slots=True)
class ReplayedMark:
    mark: int
    marker: str
    level: str
    purpose: str
    ordinal: int
    values: Mapping[str, Any]
    state: str
    revision: int


@dataclass(slots=True)
class ReplayedResponse:
    response: int
    script: str
    paper: str
    group: str
    version: int
    objective: str = ""
    extra: int = 0  # marks asked for beyond the scheme's
    marks: dict[int, ReplayedMark] = field(default_factory=dict)
    finals: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # item -> version, numerator, denominator


@dataclass(slots=True)
class Replay:
    definition: tuple[int, str] = (0, "")  # version, sha256
    scripts: dict[str, ReplayedScript] = field(default_factory=dict)
    responses: dict[int, ReplayedResponse] = field(default_factory=dict)
    mark_home: dict[int, int] = field(default_factory=dict)  # mark -> its response
    current: dict[tuple[str, str], int] = field(default_factory=dict)  # script, group -> the response that counts
    batches: dict[tuple[str, str], int] = field(default_factory=dict)  # shard, batch -> declared frames
    sheets: dict[str, tuple[int, str | None]] = field(default_factory=dict)  # serial -> version, script
    digests: dict[int, str] = field(default_factory=dict)  # release -> the digest that was drafted
    published: dict[int, str] = field(default_factory=dict)  # release -> the digest that was released
    faults: list[str] = field(default_factory=list)  # entries that point to what is not there
    entries: int = 0

    def script(self, secret: str) -> ReplayedScript:
        return self.scripts.setdefault(secret, ReplayedScript())


def replay(entries: Iterable[Mapping[str, Any]]) -> Replay:
    """Every entry applied, shard by shard in order; shards meet only by version numbers, so their order is free."""
    state = Replay()
    for entry in entries:
        state.entries += 1
        apply = _KINDS.get(entry["kind"])
        if apply is not None:
            apply(state, entry)
    _settle(state)
    return state


def _settle(state: Replay) -> None:
    for response in state.responses.values():
        place = (response.script, response.group)
        standing = state.responses.get(state.current.get(place, -1))
        if standing is None or standing.version < response.version:
            state.current[place] = response.response
    for secret, script in state.scripts.items():
        if not script.candidate:
            state.faults.append(f"script {secret} is spoken of but was never entered")


def _definition(state: Replay, e: Mapping[str, Any]) -> None:
    state.definition = max(state.definition, (e["version"], e["sha256"]))


def _script(state: Replay, e: Mapping[str, Any]) -> None:
    script = state.script(e["script"])
    script.candidate, script.paper, script.state = e["candidate"], intern(e["paper"]), intern(e["state"])


def _type(state: Replay, e: Mapping[str, Any]) -> None:
    state.script(e["script"]).paper_type = e["value"] or None


def _chosen(state: Replay, e: Mapping[str, Any]) -> None:
    state.script(e["script"]).chosen = dict(e["values"])


def _sheet(state: Replay, e: Mapping[str, Any]) -> None:
    if e["version"] >= state.sheets.get(e["sheet"], (0, None))[0]:
        state.sheets[e["sheet"]] = (e["version"], e["script"])


def _answer(state: Replay, e: Mapping[str, Any]) -> None:
    _put(state.script(e["script"]), e["item"], e["version"], e["value"])


def _answers(state: Replay, e: Mapping[str, Any]) -> None:
    script = state.script(e["script"])
    for item, read in e["values"].items():
        _put(script, item, read["version"], None if read["how"] == UNDECIDED else read["value"])


def _put(script: ReplayedScript, item: str, version: int, value: str | None) -> None:
    if version >= script.answers.get(item, (0, None))[0]:
        script.answers[intern(item)] = (version, None if value is None else intern(value))


def _batch(state: Replay, e: Mapping[str, Any]) -> None:
    state.batches[(e["shard"], e["batch"])] = e["frames"]


def _response(state: Replay, e: Mapping[str, Any]) -> None:
    state.responses[e["response"]] = ReplayedResponse(
        e["response"], e["script"], intern(e["paper"]), intern(e["group"]), e["version"], e.get("objective", "")
    )


def _extra(state: Replay, e: Mapping[str, Any]) -> None:
    response = state.responses.get(e["response"])
    if response is None:
        state.faults.append(f"an extra mark is asked for on response {e['response']}, which was never entered")
    else:
        response.extra = max(response.extra, e["extra"])


def _mark(state: Replay, e: Mapping[str, Any]) -> None:
    response = state.responses.get(e["response"])
    if response is None:
        state.faults.append(f"mark {e['mark']} is on response {e['response']}, which was never entered")
        return
    response.marks[e["mark"]] = ReplayedMark(
        mark=e["mark"],
        marker=intern(e["marker"]),
        level=intern(e["level"]),
        purpose=intern(e["purpose"]),
        ordinal=e["ordinal"],
        values=e["values"],
        state=intern(e["state"]),
        revision=e["revision"],
    )
    replaced = response.marks.get(e.get("replaces") or -1)
    if replaced is not None:
        replaced.state = "revised"
    state.mark_home[e["mark"]] = e["response"]


def _mark_state(state: Replay, e: Mapping[str, Any]) -> None:
    home = state.mark_home.get(e["mark"])
    if home is None:
        state.faults.append(f"the state of mark {e['mark']} changes, which was never entered")
    else:
        state.responses[home].marks[e["mark"]].state = intern(e["state"])


def _final(state: Replay, e: Mapping[str, Any]) -> None:
    response = state.responses.get(e["response"])
    if response is None:
        state.faults.append(f"a final mark is on response {e['response']}, which was never entered")
    elif e["version"] >= response.finals.get(e["item"], (0, 0, 1))[0]:
        response.finals[intern(e["item"])] = (e["version"], e["numerator"], e["denominator"])


def _final_withdrawn(state: Replay, e: Mapping[str, Any]) -> None:
    response = state.responses.get(e["response"])
    if response is not None and response.finals.get(e["item"], (0, 0, 1))[0] == e["version"]:
        del response.finals[e["item"]]


def _draft(state: Replay, e: Mapping[str, Any]) -> None:
    state.digests[e["release"]] = e["digest"]


def _release(state: Replay, e: Mapping[str, Any]) -> None:
    state.published[e["release"]] = e["digest"]


_KINDS: dict[str, Callable[[Replay, Mapping[str, Any]], None]] = {
    "definition": _definition,
    "script": _script,
    "type": _type,
    "chosen": _chosen,
    "sheet": _sheet,
    "answer": _answer,
    "answers": _answers,
    "batch": _batch,
    "response": _response,
    "extra": _extra,
    "mark": _mark,
    "mark-state": _mark_state,
    "final": _final,
    "final-withdrawn": _final_withdrawn,
    "draft": _draft,
    "release": _release,
}
