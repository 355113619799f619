"""What in a scan hall somebody must go and look at now, in a sentence with since when. A function of what the hall shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.exam import Text
from core.presence import Reader
from core.states import BatchState
from scanner.intake.hall import BatchNow, HallNow, StationNow

LEAST_FRAMES = 100  # of a station, and of the others together, before they are compared
CHANCE = 0.001  # of any false alarm in one look at all stations
TIMES = 2.0  # a share that is not twice the others' sends nobody to a glass
TOO_OLD = timedelta(minutes=2)
SHORT = timedelta(minutes=5)
SILENT = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Alarm:
    kind: str
    about: str  # a station, or STATION/BATCH
    since: datetime
    sentence: Text


def alarms(hall: HallNow, readers: Sequence[Reader] | None) -> list[Alarm]:
    """`readers`: None when the queue server does not answer. Oldest first."""
    found = [*_dirty(hall.stations), *_batches(hall), *_readers(hall, readers)]
    if hall.oldest is not None and hall.at - hall.oldest > TOO_OLD:
        minutes = _minutes(hall.at - hall.oldest)
        text = Text(
            zh=f"最早的一页已等待识读 {minutes} 分钟，共 {hall.waiting + hall.queued} 页在等。请检查识读进程。",
            en=f"The oldest page has waited {minutes} minutes for a reader, {hall.waiting + hall.queued} pages wait. Look at the readers.",
        )
        found.append(Alarm("oldest", "", hall.oldest, text))
    return sorted(found, key=lambda a: (a.since, a.kind, a.about))


def is_worse(doubtful: int, frames: int, other_doubtful: int, other_frames: int, chance: float) -> bool:
    """Is this share so much larger than the others' that chance alone would hardly make it so (Fisher's exact test, one-sided)?"""
    if frames < LEAST_FRAMES or other_frames < LEAST_FRAMES or doubtful * other_frames < TIMES * other_doubtful * frames:
        return False
    return doubtful > 0 and tail(doubtful, frames, doubtful + other_doubtful, frames + other_frames) < chance


def tail(least: int, drawn: int, marked: int, whole: int) -> float:
    """The probability that `drawn` out of `whole`, of which `marked` are marked, hold at least so many marked ones."""

    def log_choose(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    lowest, highest = max(least, drawn - (whole - marked)), min(drawn, marked)
    sure = log_choose(whole, drawn)
    return math.fsum(math.exp(log_choose(marked, k) + log_choose(whole - marked, drawn - k) - sure) for k in range(lowest, highest + 1))


def _dirty(stations: Sequence[StationNow]) -> Iterator[Alarm]:
    frames, doubtful = sum(s.frames for s in stations), sum(s.doubtful for s in stations)
    for s in stations:
        others, of_others = frames - s.frames, doubtful - s.doubtful
        if s.doubtful_since is None or not is_worse(s.doubtful, s.frames, of_others, others, CHANCE / len(stations)):
            continue
        here, there = f"{s.doubtful / s.frames:.1%}", f"{of_others / others:.1%}"
        text = Text(
            zh=f"扫描站 {s.station} 最近 {s.frames} 帧中 {here} 看不清，其他站为 {there}。请擦拭扫描玻璃和滚轮。",
            en=f"Station {s.station}: {here} of its last {s.frames} frames are in doubt, {there} elsewhere. Clean its glass and rollers.",
        )
        yield Alarm("dirty", s.station, s.doubtful_since, text)


def _batches(hall: HallNow) -> Iterator[Alarm]:
    for batch in hall.batches:
        if batch.state is BatchState.CLOSED and batch.closed_at is not None and hall.at - batch.closed_at > SHORT:
            yield _short(batch, hall.at - batch.closed_at)
    last = {s.station: s.last_frame for s in hall.stations}
    for batch in hall.batches:
        heard = max((at for at in (last.get(batch.station), batch.last_frame, batch.opened_at) if at is not None), default=batch.opened_at)
        if batch.state is BatchState.OPEN and hall.at - heard > SILENT:
            minutes, place = _minutes(hall.at - heard), f"{batch.station}/{batch.batch}"
            text = Text(
                zh=f"扫描站 {batch.station} 已 {minutes} 分钟没有送图，批次 {batch.batch} 仍未关闭。请查看该站，或关闭批次。",
                en=f"Station {batch.station} has sent nothing for {minutes} minutes, and its batch {batch.batch} is open. "
                "Look at the station, or close the batch.",
            )
            yield Alarm("silent", place, heard, text)


def _short(batch: BatchNow, ago: timedelta) -> Alarm:
    lacking, minutes = (batch.declared or 0) - batch.received, _minutes(ago)
    assert batch.closed_at is not None
    if lacking < 0:
        return Alarm("over", f"{batch.station}/{batch.batch}", batch.closed_at, _too_many(batch, -lacking, minutes))
    text = Text(
        zh=f"批次 {batch.station}/{batch.batch} 关闭 {minutes} 分钟，应有 {batch.declared} 帧，仍差 {lacking} 帧。请在该站重送。",
        en=f"Batch {batch.station}/{batch.batch} was closed {minutes} minutes ago with {batch.declared} frames, {lacking} are not here. "
        "Send them again from the station.",
    )
    return Alarm("short", f"{batch.station}/{batch.batch}", batch.closed_at, text)


def _too_many(batch: BatchNow, over: int, minutes: int) -> Text:
    """Its station sent more than it says: it lost count, or another process of it sent too. The batch is not complete."""
    return Text(
        zh=f"批次 {batch.station}/{batch.batch} 关闭 {minutes} 分钟，报 {batch.declared} 帧，多收 {over} 帧。请在该站核对后重新关闭。",
        en=f"Batch {batch.station}/{batch.batch} was closed {minutes} minutes ago with {batch.declared} frames, and {over} more are here. "
        "Count at the station, and close the batch again with what it sent.",
    )


def _readers(hall: HallNow, readers: Sequence[Reader] | None) -> Iterator[Alarm]:
    if readers is None:
        text = Text(
            zh="队列服务器没有应答，无法得知识读进程的状况。请启动它。",
            en="The queue server does not answer, so readers get no work. Start it.",
        )
        yield Alarm("queue", "", hall.at, text)
    elif (hall.oldest is not None or hall.batches) and not any(r.alive for r in readers):
        since = max((r.last for r in readers), default=hall.oldest or hall.at)
        text = Text(
            zh="没有识读进程在运行，收到的页面都在等待。请用 `markhall worker` 启动。",
            en="No reader is alive, so what comes in waits. Start one with `markhall worker`.",
        )
        yield Alarm("readers", "", since, text)


def _minutes(ago: timedelta) -> int:
    return int(ago.total_seconds() // 60)
