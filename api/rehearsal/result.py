"""A rehearsal's result as lines with a goal where there is one: the table on the terminal, result.json, and BENCH_JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from api.rehearsal.findings import Found
from core.exam import Text

COVERED = 0.95  # of known severities within their intervals; as many fewer as chance takes from so many markers are accepted


@dataclass(frozen=True, slots=True)
class Line:
    name: Text
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None  # none: told, not judged

    @property
    def shown(self) -> str:
        if self.unit == "%":
            return f"{self.value:.1%}"
        number = f"{self.value:,.0f}" if self.value == round(self.value) or abs(self.value) >= 1000 else f"{self.value:.3g}"
        return f"{number} {self.unit}".strip()


def lines(state: Mapping[str, Any], found: Found) -> list[Line]:
    """Everything that was measured, from the state that the stages left and from what was found."""
    measured = state["measured"]
    return [*_size(state, measured), *_speed(measured), *_machine(measured), *_people(found), *_proof(measured), *_time(state)]


def _size(state: Mapping[str, Any], measured: Mapping[str, Any]) -> list[Line]:
    return [
        Line(Text(zh="考生", en="candidates"), state["candidates"], ""),
        Line(Text(zh="评卷员", en="markers"), state["markers"], ""),
        Line(Text(zh="作答", en="responses"), measured["responses"], ""),
        Line(Text(zh="已确认的评分", en="marks acknowledged"), measured["acknowledged"], ""),
        Line(Text(zh="问题卷", en="problems raised and resolved"), measured["problems"], ""),
    ]


def _speed(measured: Mapping[str, Any]) -> list[Line]:
    rate = measured["acknowledged"] / measured["marking_seconds"] if measured["marking_seconds"] else 0.0
    return [
        Line(Text(zh="全部人员登录", en="everybody signed in after"), measured["signing_in_seconds"], "s"),
        Line(Text(zh="每秒评分（含取图）", en="marks a second, each with its picture"), rate, "/s"),
        Line(Text(zh="同时提问的人数上限", en="people who ask at once, at most"), measured["at_once"], ""),
        Line(Text(zh="提交并取下一份，中位数", en="submit and next, p50"), measured["submit_p50"], "ms"),
        Line(Text(zh="提交并取下一份，p99", en="submit and next, p99"), measured["submit_p99"], "ms"),
        Line(Text(zh="取图，p99", en="a picture, p99"), measured["picture_p99"], "ms"),
    ]


def _machine(measured: Mapping[str, Any]) -> list[Line]:
    names = {
        "web": Text(zh="每份评分 CPU：网页进程", en="CPU a mark: web processes"),
        "database": Text(zh="每份评分 CPU：数据库", en="CPU a mark: database"),
        "queue": Text(zh="每份评分 CPU：队列服务器", en="CPU a mark: queue server"),
        "measures": Text(zh="每份评分 CPU：统计进程", en="CPU a mark: measures of markers"),
        "people": Text(zh="每份评分 CPU：模拟人员", en="CPU a mark: the simulated people"),
    }
    marks = measured["acknowledged"] or 1
    found = [Line(name, 1000 * measured["cpu"][kind] / marks, "ms") for kind, name in names.items() if kind in measured["cpu"]]
    found.append(Line(Text(zh="队列服务器内存，最大", en="memory of the queue server, at most"), measured["queue_bytes"] / 2**20, "MiB"))
    if measured["tasks"]:
        each = (measured["queue_bytes"] - measured["queue_empty"]) / measured["tasks"]
        found.append(Line(Text(zh="其中每个任务（不计空闲时）", en="of it a task, beyond what it has when empty"), each, "B"))
    return found


def _people(found: Found) -> list[Line]:
    careless = [c for c in found.caught if c.careless]
    stopped = [c for c in careless if c.rule]
    every = len(stopped) == len(careless)
    rows = [
        Line(Text(zh="敷衍者被发现并停评", en="careless markers found and stopped"), len(stopped), "", f"{len(careless)}", every),
        Line(Text(zh="其他被停评者", en="others stopped"), sum(not c.careless for c in found.caught), ""),
    ]
    if stopped:
        rows.append(Line(Text(zh="停评前评分，最多", en="marks until stopped, at most"), max(c.marks for c in stopped), ""))
        rows.append(Line(Text(zh="退回的评分", en="marks put back"), sum(c.put_back for c in found.caught), ""))
    rows += _severities(found)
    rows.append(Line(Text(zh="漂移明显的评卷员", en="markers who drift far"), found.drifting, ""))
    rows.append(Line(Text(zh="其中被漂移预警指出或被停评", en="of them named by a drift alarm or stopped"), found.drift_found, ""))
    rows.append(Line(Text(zh="漂移预警指出的其他人", en="others named by a drift alarm"), found.drift_false, ""))
    rows += [Line(Text(zh=f"评分：{kind}", en=f"marks: {kind}"), count, "") for kind, count in sorted(found.marks.items())]
    return [*rows, *(Line(Text(zh=f"核对：{kind}", en=f"checks: {kind}"), count, "") for kind, count in sorted(found.checks.items()))]


def _severities(found: Found) -> list[Line]:
    judged = sum(g.judged for g in found.groups)
    rows = [Line(Text(zh="严厉度已估计的评卷员", en="markers whose severity was estimated"), judged, "")]
    if judged:
        covered = sum(g.covered * g.judged for g in found.groups) / judged
        name = Text(zh="已知严厉度在 95% 区间内", en="known severities within their 95 % intervals")
        least = COVERED - 2 * math.sqrt(COVERED * (1 - COVERED) / judged)
        rows.append(Line(name, covered, "%", f">= {least:.1%}", covered >= least))
    return rows


def _proof(measured: Mapping[str, Any]) -> list[Line]:
    lost = measured["lost"]
    rows = [Line(Text(zh="已确认而数据库中没有的评分", en="acknowledged marks that the database lacks"), lost, "", "0", lost == 0)]
    for law in measured["laws"]:
        name = Text(zh=f"{law['law']} {law['name']['zh']}", en=f"{law['law']} {law['name']['en']}")
        rows.append(Line(name, float(law["holds"]), "", "1", bool(law["holds"])))
    holds = bool(measured["release_holds"])
    return [*rows, Line(Text(zh="离线核验发布", en="the release, checked off line"), float(holds), "", "1", holds)]


def _time(state: Mapping[str, Any]) -> list[Line]:
    from api.rehearsal.words import WORDS

    seconds: Mapping[str, float] = state["seconds"]
    rows = [Line(Text(zh=f"用时：{WORDS[stage].zh}", en=f"time: {WORDS[stage].en}"), taken, "s") for stage, taken in seconds.items()]
    return [*rows, Line(Text(zh="用时：全部", en="time: all of it"), sum(seconds.values()), "s")]


def write(path: Path, state: Mapping[str, Any], found: Found, rows: Sequence[Line]) -> None:
    """Everything, for whoever wants to look closer; BENCH_JSON gets the lines as any benchmark's rows."""
    whole = {"lines": [_plain(row) for row in rows], "found": asdict(found), "state": dict(state)}
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _plain(row: Line) -> dict[str, Any]:
    return {"name": row.name.en, "value": row.value, "goal": row.goal or None, "unit": row.unit, "met": row.met}
