"""Laws of the paper: Z1 no frame is lost, Z2 no sheet is missing or shared, Z3 whose a sheet is, Z4 what was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from core.exam import Paper
from core.loading import definition_of, template_of
from core.states import AnswerState, CaseState, PageState, ReceiptState, ScriptState, SheetState
from core.tables import AnswerRow, Batch, DeskCase, Exam, Page, Receipt, Response, ResponsePicture, Script, Sheet, SheetAssignment
from scanner.intake import papers_scanned
from scoring.law import Findings, LawResult
from scoring.objective import needs_paper_type

HERE = (ScriptState.PRESENT, ScriptState.INCOMPLETE, ScriptState.COMPLETE, ScriptState.WITHHELD)
UNSETTLED = (ReceiptState.RECEIVED, ReceiptState.QUEUED, ReceiptState.WAITING)


def frames(session: Session, exam: Exam) -> LawResult:
    """Z1: what the stations declared is what was received, and each frame has come to an end."""
    found = Findings("Z1")
    states: dict[int, Counter[ReceiptState]] = {}
    query = (
        select(Receipt.batch_id, Receipt.state, func.count()).where(Receipt.exam_id == exam.id).group_by(Receipt.batch_id, Receipt.state)
    )
    for batch_id, state, n in session.execute(query):
        states.setdefault(batch_id, Counter())[state] = n
    batches = session.scalars(select(Batch).where(Batch.exam_id == exam.id).order_by(Batch.station, Batch.name)).all()
    for batch in batches:
        _check_batch(found, batch, states.get(batch.id, Counter()))
    _check_ends(found, session, exam)
    waiting = session.scalar(select(func.count()).where(DeskCase.exam_id == exam.id, DeskCase.state == CaseState.OPEN)) or 0
    if waiting:
        found.fault(zh=f"待处理事项还有 {waiting} 件未结", en=f"{waiting} cases are open on the desk")
    total = sum(sum(c.values()) for c in states.values())
    by_state = sum(states.values(), Counter[ReceiptState]())
    shown = ", ".join(f"{state} {by_state[state]}" for state in ReceiptState if by_state[state])
    return found.result(total, zh=f"{len(batches)} 批共 {total} 帧（{shown}）", en=f"{total} frames in {len(batches)} batches ({shown})")


def _check_batch(found: Findings, batch: Batch, states: Counter[ReceiptState]) -> None:
    received, place = sum(states.values()), f"{batch.station}/{batch.name}"
    if batch.declared is None:
        found.fault(zh=f"批次 {place} 尚未关闭", en=f"batch {place} was never closed by its station")
    elif batch.declared != received:
        found.fault(
            zh=f"批次 {place} 申报 {batch.declared} 帧，收到 {received} 帧",
            en=f"batch {place} declared {batch.declared} frames, {received} came",
        )
    for state in UNSETTLED:
        if states[state]:
            found.fault(zh=f"批次 {place} 有 {states[state]} 帧处于 {state}", en=f"batch {place} has {states[state]} frames still {state}")


def _check_ends(found: Findings, session: Session, exam: Exam) -> None:
    bad = select(Receipt.name, Receipt.sequence, Receipt.state).where(
        Receipt.exam_id == exam.id,
        or_(
            and_(Receipt.state == ReceiptState.DISCARDED, Receipt.reason == ""),
            and_(Receipt.state == ReceiptState.DUPLICATE, Receipt.duplicate_of.is_(None)),
        ),
    )
    for name, sequence, state in session.execute(bad):
        what = (
            ("作废而无理由", "was discarded without a reason")
            if state is ReceiptState.DISCARDED
            else ("标为重复而无原件", "is called a duplicate of nothing")
        )
        found.fault(zh=f"第 {sequence} 帧 {name} {what[0]}", en=f"frame {sequence} {name} {what[1]}")
    read = select(func.count()).where(Receipt.exam_id == exam.id, Receipt.state == ReceiptState.READ)
    page = select(Page.id).where(Page.receipt_id == Receipt.id, Page.state != PageState.SUPERSEDED).exists()
    lost = session.scalar(read.where(~page)) or 0
    if lost:
        found.fault(zh=f"{lost} 帧标为已读却没有页面", en=f"{lost} frames are called read and have no page")


def sheets(session: Session, exam: Exam) -> LawResult:
    """Z2: each script that is here has each side once, and no sheet serves two scripts."""
    found = Findings("Z2")
    scripts, sides = 0, 0
    said = {s.paper for s in papers_scanned(session, exam) if s.over}
    for paper in definition_of(session, exam).papers:
        _, template = template_of(session, exam, paper.code)
        if paper.code not in said and _waits(session, exam, paper.code):
            found.fault(
                zh=f"没有人确认 {paper.code} 科已全部扫描，缺少的答卷尚未查问",
                en=f"nobody has said that all of paper {paper.code} is scanned, so what is missing is not asked for",
            )
        wanted = {s.side for s in template.sides if not s.extra}
        extras = {s.side for s in template.sides if s.extra}
        read = _sides_of(session, exam, paper.code)
        for script, secret, state in session.execute(
            select(Script.id, Script.secret, Script.state).where(Script.exam_id == exam.id, Script.paper == paper.code)
        ):
            if state is ScriptState.EXPECTED:
                found.fault(zh=f"答卷 {secret} 既无答题卡也无缺考记录", en=f"script {secret} has neither a sheet nor a recorded absence")
            if state not in HERE:
                continue
            scripts += 1
            have = read.get(script, Counter())
            sides += sum(have.values())
            _check_script(found, secret, wanted, extras, have)
    _check_owners(found, session, exam)
    return found.result(scripts, zh=f"{scripts} 份答卷 {sides} 面", en=f"{sides} sides of {scripts} scripts")


def _waits(session: Session, exam: Exam, paper: str) -> bool:
    expected = select(Script.id).where(Script.exam_id == exam.id, Script.paper == paper, Script.state == ScriptState.EXPECTED)
    return session.scalar(expected.limit(1)) is not None


def _sides_of(session: Session, exam: Exam, paper: str) -> dict[int, Counter[tuple[str, bool, int]]]:
    query = (
        select(Sheet.script_id, Sheet.serial, Sheet.extra, Page.side, func.count())
        .join(Page, Page.sheet_id == Sheet.id)
        .join(Receipt, Receipt.id == Page.receipt_id)
        .where(
            Sheet.exam_id == exam.id, Sheet.paper == paper, Sheet.state == SheetState.ASSIGNED, Sheet.script_id.is_not(None),
            Page.state != PageState.SUPERSEDED, Receipt.state == ReceiptState.READ,
        )
        .group_by(Sheet.script_id, Sheet.serial, Sheet.extra, Page.side)
    )  # fmt: skip
    found: dict[int, Counter[tuple[str, bool, int]]] = {}
    for script, serial, extra, side, n in session.execute(query):
        if script is not None:
            found.setdefault(script, Counter())[(serial, extra, side or 0)] = n
    return found


def _check_script(found: Findings, secret: str, wanted: set[int], extras: set[int], have: Counter[tuple[str, bool, int]]) -> None:
    own = Counter(side for (_, extra, side), n in have.items() if not extra for _ in range(n))
    for side in sorted(wanted - set(own)):
        found.fault(zh=f"答卷 {secret} 缺第 {side} 面", en=f"script {secret} lacks side {side}")
    for side, n in sorted(own.items()):
        if n > 1:
            found.fault(zh=f"答卷 {secret} 的第 {side} 面有 {n} 份", en=f"script {secret} has side {side} {n} times")
    for serial in sorted({serial for serial, extra, _ in have if extra}):
        for side in sorted(extras - {s for number, _, s in have if number == serial}):
            found.fault(
                zh=f"答卷 {secret} 的加页 {serial} 缺第 {side} 面", en=f"script {secret}: the extra sheet {serial} lacks side {side}"
            )


def _check_owners(found: Findings, session: Session, exam: Exam) -> None:
    """A sheet's answers and pictures are its script's own, and its newest assignment says so too."""
    answers = (
        select(Sheet.serial, func.count())
        .join(Page, Page.sheet_id == Sheet.id)
        .join(AnswerRow, AnswerRow.page_id == Page.id)
        .where(Sheet.exam_id == exam.id, AnswerRow.current, AnswerRow.state != AnswerState.VOIDED)
        .where(Sheet.script_id.is_distinct_from(AnswerRow.script_id))
    )
    pictures = (
        select(Sheet.serial, func.count())
        .join(Page, Page.sheet_id == Sheet.id)
        .join(ResponsePicture, ResponsePicture.page_id == Page.id)
        .join(Response, Response.id == ResponsePicture.response_id)
        .where(Sheet.exam_id == exam.id, Response.current, Sheet.script_id.is_distinct_from(Response.script_id))
    )
    for serial, n in session.execute(answers.group_by(Sheet.serial)):
        found.fault(zh=f"答题卡 {serial} 的 {n} 个答案记在另一份答卷上", en=f"sheet {serial}: {n} answers count for another script")
    for serial, n in session.execute(pictures.group_by(Sheet.serial)):
        found.fault(zh=f"答题卡 {serial} 的 {n} 张图片记在另一份答卷上", en=f"sheet {serial}: {n} pictures serve another script")
    stale = (
        select(Sheet.serial)
        .join(SheetAssignment, and_(SheetAssignment.sheet_id == Sheet.id, SheetAssignment.version == Sheet.assignment))
        .where(Sheet.exam_id == exam.id, Sheet.script_id.is_distinct_from(SheetAssignment.script_id))
    )
    for serial in session.scalars(stale):
        found.fault(zh=f"答题卡 {serial} 的归属与其归属记录不符", en=f"sheet {serial} belongs to another script than its assignment says")


def identity(session: Session, exam: Exam) -> LawResult:
    """Z3: each sheet that was read is its script's by two facts that agree, or by a person."""
    found = Findings("Z3")
    read = select(Page.sheet_id).where(Page.exam_id == exam.id, Page.state != PageState.SUPERSEDED, Page.sheet_id.is_not(None)).distinct()
    query = (
        select(Sheet.serial, SheetAssignment.facts, SheetAssignment.by)
        .outerjoin(SheetAssignment, and_(SheetAssignment.sheet_id == Sheet.id, SheetAssignment.version == Sheet.assignment))
        .join(Script, Script.id == Sheet.script_id)
        .where(Sheet.exam_id == exam.id, Sheet.id.in_(read), Script.state.in_(HERE))
        .order_by(Sheet.serial)
    )
    checked, persons = 0, 0
    for serial, facts, by in session.execute(query):
        checked += 1
        if (by or "").startswith("user:"):
            persons += 1
        elif not _agree(facts or {}):
            named = ", ".join(sorted(facts or {})) or "nothing"
            found.fault(zh=f"答题卡 {serial} 的归属只凭 {named}", en=f"sheet {serial} rests on {named} alone, not on two facts that agree")
    _check_homeless(found, session, exam)
    machine = checked - persons
    return found.result(
        checked,
        zh=f"{machine} 张凭两项一致的事实，{persons} 张由人确定",
        en=f"{machine} sheets by two facts that agree, {persons} by a person",
    )


def _agree(facts: Mapping[str, Any]) -> bool:
    """Facts by their source, each with the candidate whom it names; one that names nobody disagrees with all others."""
    return len(facts) >= 2 and None not in facts.values() and len(set(facts.values())) == 1


def _check_homeless(found: Findings, session: Session, exam: Exam) -> None:
    query = (
        select(Sheet.serial)
        .join(Page, Page.sheet_id == Sheet.id)
        .join(Receipt, Receipt.id == Page.receipt_id)
        .where(Sheet.exam_id == exam.id, Sheet.script_id.is_(None), Page.state != PageState.SUPERSEDED, Receipt.state == ReceiptState.READ)
        .distinct()
    )
    for serial in session.scalars(query):
        found.fault(zh=f"答题卡 {serial} 已读而不属于任何答卷", en=f"sheet {serial} was read and belongs to no script")


def answers(session: Session, exam: Exam) -> LawResult:
    """Z4: each objective item of each script that is here has one decided answer."""
    found = Findings("Z4")
    checked, by_readers = 0, 0
    for paper in definition_of(session, exam).papers:
        scripts = session.scalar(select(func.count()).where(*_here(exam, paper))) or 0
        checked += scripts * len(paper.objective)
        by_readers += _check_answers(found, session, exam, paper)
        if paper.types and any(needs_paper_type(i) for i in paper.objective):
            undecided = Script.paper_type.is_(None) | Script.paper_type.not_in(paper.types)
            for secret in session.scalars(select(Script.secret).where(*_here(exam, paper), undecided)):
                found.fault(zh=f"答卷 {secret} 的试卷类型未定", en=f"the paper type of script {secret} is not decided")
        for choice in paper.choices:
            for secret, chosen in session.execute(select(Script.secret, Script.chosen).where(*_here(exam, paper))):
                if choice.id not in (chosen or {}):
                    found.fault(zh=f"答卷 {secret} 的选做题 {choice.id} 未定", en=f"script {secret}: the choice {choice.id} is not decided")
    share = f"{by_readers / checked:.2%}" if checked else "-"
    return found.result(
        checked,
        zh=f"{checked} 个答案，其中 {share} 由两个识别器一致得出",
        en=f"{checked} answers, {share} of them by two readers that agree",
    )


def _here(exam: Exam, paper: Paper) -> tuple[Any, ...]:
    return Script.exam_id == exam.id, Script.paper == paper.code, Script.state.in_(HERE)


def _check_answers(found: Findings, session: Session, exam: Exam, paper: Paper) -> int:
    """Faults are found by counting per script; how many answers two readers covered comes back."""
    items = [i.id for i in paper.objective]
    both = and_(AnswerRow.state == AnswerState.READERS, AnswerRow.first == AnswerRow.second, AnswerRow.first == AnswerRow.value)
    person = and_(AnswerRow.state.in_((AnswerState.PERSON, AnswerState.VOIDED)), AnswerRow.by.like("user:%"))
    covered = func.count().filter(both).label("b"), func.count().filter(person).label("p")
    standing = (
        select(AnswerRow.script_id, AnswerRow.item, func.count().label("n"), *covered)
        .where(AnswerRow.exam_id == exam.id, AnswerRow.current, AnswerRow.item.in_(items))
        .group_by(AnswerRow.script_id, AnswerRow.item)
        .subquery()
    )  # fmt: skip
    one = and_(standing.c.n == 1, standing.c.b + standing.c.p == 1)
    query = (
        select(Script.id, Script.secret, func.count().filter(one), func.coalesce(func.sum(standing.c.b).filter(one), 0))
        .outerjoin(standing, standing.c.script_id == Script.id)
        .where(*_here(exam, paper))
        .group_by(Script.id, Script.secret)
        .order_by(Script.id)
    )
    by_readers = 0
    for script, secret, decided, twice in session.execute(query):
        by_readers += int(twice)
        if decided != len(items):
            _name_answers(found, session, script, secret, items)
    return by_readers


def _name_answers(found: Findings, session: Session, script: int, secret: str, items: list[str]) -> None:
    rows: dict[str, list[AnswerRow]] = {item: [] for item in items}
    for row in session.scalars(select(AnswerRow).where(AnswerRow.script_id == script, AnswerRow.current, AnswerRow.item.in_(items))):
        rows[row.item].append(row)
    for item, current in rows.items():
        if not current:
            found.fault(zh=f"答卷 {secret} 的 {item} 没有答案", en=f"script {secret} has no answer for {item}")
        elif len(current) > 1:
            found.fault(
                zh=f"答卷 {secret} 的 {item} 有 {len(current)} 个现行答案",
                en=f"script {secret} has {len(current)} current answers for {item}",
            )
        elif current[0].state is AnswerState.DOUBTFUL:
            found.fault(zh=f"答卷 {secret} 的 {item} 仍存疑", en=f"the answer of script {secret} for {item} is still doubtful")
        elif current[0].state is AnswerState.READERS and not current[0].first == current[0].second == current[0].value:
            found.fault(zh=f"答卷 {secret} 的 {item} 两个识别器不一致", en=f"the readers differ on {item} of script {secret}")
        elif current[0].state is not AnswerState.READERS and not current[0].by.startswith("user:"):
            found.fault(zh=f"答卷 {secret} 的 {item} 没有写明由谁确定", en=f"nobody is named who decided {item} of script {secret}")
