"""Law Z8: the ledger's chains are whole, and what they come to when replayed is what the tables say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import ledger
from core.states import AnswerState, ReleaseState
from core.tables import AnswerRow, Batch, Candidate, Checkpoint, Exam, FinalMark, LedgerEntry, Mark, Release, Response, Script, Sheet
from scoring.law import Findings, LawResult
from scoring.records import digest_of, kept
from scoring.replay import Replay
from scoring.verify_scores import replayed


def ledger_whole(session: Session, exam: Exam, state: Replay | None = None) -> LawResult:
    """Z8: each chain is whole, each checkpoint holds, and the replayed state is that of the tables."""
    found = Findings("Z8")
    chains = ledger.verify(session, exam.id)
    for one in chains:
        if one.fault:
            found.fault(zh=f"分账 {one.shard}：{one.fault}", en=f"shard {one.shard}: {one.fault}")
    headless = set(session.scalars(select(LedgerEntry.shard).where(LedgerEntry.exam_id == exam.id).distinct())) - {c.shard for c in chains}
    for shard in sorted(headless):
        found.fault(zh=f"分账 {shard} 没有链尾", en=f"shard {shard} has entries and no head")
    _check_checkpoints(found, session, exam)
    state = state or replayed(session, exam)
    for fault in state.faults:
        found.fault(zh=fault, en=fault)
    compared = (_scripts, _sheets, _answers, _marks, _finals, _batches, _releases)
    for zh, en in chain.from_iterable(compare(session, exam, state) for compare in compared):
        found.fault(zh=zh, en=en)
    entries = sum(c.entries for c in chains)
    return found.result(entries, zh=f"{len(chains)} 条链共 {entries} 条记录", en=f"{entries} entries in {len(chains)} chains")


def _check_checkpoints(found: Findings, session: Session, exam: Exam) -> None:
    for point in session.scalars(select(Checkpoint).where(Checkpoint.exam_id == exam.id).order_by(Checkpoint.number)):
        if ledger.merkle_root([ledger.canonical(h) for h in point.heads]) != point.root:
            found.fault(zh=f"检查点 {point.number} 的根不符", en=f"checkpoint {point.number} has another root than its heads give")
        for head in point.heads:
            where = LedgerEntry.exam_id == exam.id, LedgerEntry.shard == head["shard"], LedgerEntry.sequence == head["sequence"]
            if head["sequence"] and session.scalar(select(LedgerEntry.hash).where(*where)) != head["hash"]:
                found.fault(
                    zh=f"分账 {head['shard']} 与检查点 {point.number} 不符",
                    en=f"shard {head['shard']} is not the one of checkpoint {point.number}",
                )


def _scripts(session: Session, exam: Exam, state: Replay) -> Iterator[tuple[str, str]]:
    query = (
        select(Script.secret, Candidate.pseudonym, Script.state, Script.paper_type, Script.chosen)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(Script.exam_id == exam.id)
    )
    for secret, candidate, standing, kind, chosen in session.execute(query):
        told = state.scripts.get(secret)
        if told is None:
            yield f"账本里没有答卷 {secret}", f"the ledger does not know script {secret}"
            continue
        for what, row, entry in (("candidate", candidate, told.candidate), ("state", str(standing), told.state),
                                 ("paper type", kind or "", told.paper_type or ""), ("choice", chosen or {}, told.chosen)):  # fmt: skip
            if row != entry:
                yield (
                    f"答卷 {secret} 的 {what}：表中 {row}，账本 {entry}",
                    f"script {secret}: its {what} is {row} in the table, {entry} in the ledger",
                )


def _answers(session: Session, exam: Exam, state: Replay) -> Iterator[tuple[str, str]]:
    query = (
        select(Script.secret, AnswerRow.item, AnswerRow.version, AnswerRow.value, AnswerRow.state)
        .join(Script, Script.id == AnswerRow.script_id)
        .where(AnswerRow.exam_id == exam.id, AnswerRow.current)
    )
    rows = 0
    for secret, item, version, value, standing in session.execute(query.execution_options(yield_per=2000)):
        rows += 1
        script = state.scripts.get(secret)
        told = script.answers.get(item) if script else None
        wanted = None if standing is AnswerState.DOUBTFUL else "" if standing is AnswerState.VOIDED else value
        if told != (version, wanted):
            entry = "nothing" if told is None else f"{told[1]!r} (version {told[0]})"
            yield (
                f"答卷 {secret} 的 {item}：表中 {value!r}（第 {version} 版），账本 {entry}",
                f"script {secret}, {item}: {value!r} (version {version}) in the table, {entry} in the ledger",
            )
    known = sum(len(s.answers) for s in state.scripts.values())
    if known != rows:
        yield f"表中有 {rows} 个现行答案，账本有 {known} 个", f"{rows} current answers in the table, {known} in the ledger"


def _marks(session: Session, exam: Exam, state: Replay) -> Iterator[tuple[str, str]]:
    query = select(Mark.id, Mark.response_id, Mark.marker_id, Mark.level, Mark.purpose, Mark.state, Mark.values).where(
        Mark.exam_id == exam.id
    )
    unseen = {mark for response in state.responses.values() for mark in response.marks}
    for mark, response, marker, level, purpose, standing, values in session.execute(query.execution_options(yield_per=2000)):
        unseen.discard(mark)
        home = state.responses.get(response)
        told = home.marks.get(mark) if home else None
        if told is None:
            yield f"账本里没有评分 {mark}", f"the ledger does not know mark {mark}"
        elif (told.marker, told.level, told.purpose, told.state, told.values) != (f"user:{marker}", level, purpose, standing, values):
            yield (
                f"评分 {mark}：表中 {standing} {json.dumps(values)}，账本 {told.state} {json.dumps(told.values)}",
                f"mark {mark}: {standing} {json.dumps(values)} in the table, {told.state} {json.dumps(told.values)} in the ledger",
            )
    for mark in sorted(unseen):
        yield f"账本里的评分 {mark} 不在表中", f"mark {mark} of the ledger is not in the table"


def _finals(session: Session, exam: Exam, state: Replay) -> Iterator[tuple[str, str]]:
    query = (
        select(Response.id, FinalMark.item, FinalMark.version, FinalMark.numerator, FinalMark.denominator)
        .join(Response, Response.id == FinalMark.response_id)
        .where(FinalMark.exam_id == exam.id, FinalMark.current, Response.current)
    )
    for response, item, version, n, d in session.execute(query.execution_options(yield_per=2000)):
        home = state.responses.get(response)
        told = home.finals.get(item) if home else None
        if told != (version, n, d):
            entry = "nothing" if told is None else f"{told[1]}/{told[2]}"
            yield (
                f"作答 {response} 的 {item}：表中 {n}/{d}，账本 {entry}",
                f"response {response}, {item}: {n}/{d} in the table, {entry} in the ledger",
            )


def _batches(session: Session, exam: Exam, state: Replay) -> Iterator[tuple[str, str]]:
    for batch in session.scalars(select(Batch).where(Batch.exam_id == exam.id, Batch.declared.is_not(None))):
        told = state.batches.get((ledger.station_shard(batch.station), batch.name))
        if told != batch.declared:
            place = f"{batch.station}/{batch.name}"
            yield (
                f"批次 {place}：表中 {batch.declared} 帧，账本 {told}",
                f"batch {place}: {batch.declared} frames in the table, {told} in the ledger",
            )


def _sheets(session: Session, exam: Exam, state: Replay) -> Iterator[tuple[str, str]]:
    query = select(Sheet.serial, Sheet.assignment, Script.secret).outerjoin(Script, Script.id == Sheet.script_id)
    for serial, version, secret in session.execute(query.where(Sheet.exam_id == exam.id, Sheet.assignment > 0)):
        if state.sheets.get(serial) != (version, secret):
            yield f"答题卡 {serial} 的归属与账本不符", f"sheet {serial} belongs to another script in the table than in the ledger"


def _releases(session: Session, exam: Exam, state: Replay) -> Iterator[tuple[str, str]]:
    """The score rows of each release are those that were drafted: their digest stands in the ledger."""
    for release in session.scalars(select(Release).where(Release.exam_id == exam.id).order_by(Release.number)):
        told = state.digests.get(release.number)
        now = digest_of(kept(session, release.id))
        if not told == now == release.digest:
            yield (
                f"第 {release.number} 号发布的成绩行被改动：摘要 {now[:12]}，账本 {(told or '-')[:12]}",
                f"the score rows of release {release.number} were changed: digest {now[:12]}, the ledger says {(told or '-')[:12]}",
            )
        if release.state is ReleaseState.RELEASED and state.published.get(release.number) != told:
            yield f"账本里没有第 {release.number} 号的发布", f"the ledger does not know that release {release.number} was published"
