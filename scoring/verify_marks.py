"""Laws of the marks: Z5 each response has final marks that its scheme gives again, Z6 everyone marked blind and once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import String, and_, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from core.cuts import are_gone
from core.exam import ExamDefinition, ItemGroup, Paper
from core.loading import definition_of
from core.states import MarkState, ResponseState, TaskLevel, TaskPurpose, TaskState
from core.tables import Candidate, Conflict, Exam, FinalMark, Mark, Page, Response, ResponsePicture, Script, Task, User
from marking.replaced import undecided
from marking.schemes import is_blind
from scoring.derive import CountedMark, Ratio, derived_finals
from scoring.law import Findings, LawResult
from scoring.verify_paper import HERE

CHUNK = 500
KEPT = (MarkState.COUNTED, MarkState.SURPLUS)
FOR_SCORE = (TaskPurpose.LIVE, TaskPurpose.APPEAL)
MET = (TaskPurpose.SEED, TaskPurpose.TRIAL, TaskPurpose.BACK)


@dataclass(slots=True)
class _Standing:
    """A current response with what the tables say about it."""

    state: ResponseState
    objective: str
    extra: int
    marks: list[CountedMark] = field(default_factory=list)
    finals: dict[str, list[tuple[Ratio, list[Any]]]] = field(default_factory=lambda: defaultdict(list))


def marks(session: Session, exam: Exam) -> LawResult:
    """Z5: a response for each group that is asked of a script, for each item one final mark that its marks give again."""
    found = Findings("Z5")
    checked, responses = 0, 0
    for paper in definition_of(session, exam).papers:
        if not paper.written:
            continue
        query = select(Script.id, Script.secret, Script.chosen).where(
            Script.exam_id == exam.id, Script.paper == paper.code, Script.state.in_(HERE)
        )
        scripts = session.execute(query.order_by(Script.id)).all()
        for start in range(0, len(scripts), CHUNK):
            chunk = scripts[start : start + CHUNK]
            standing = _standing(session, [s.id for s in chunk])
            for s in chunk:
                for group in asked_groups(paper, s.chosen or {}):
                    responses += 1
                    checked += len(group.items)
                    _check_response(found, s.secret, group, standing.get((s.id, group.id), []))
    _check_pictures(found, session, exam)
    return found.result(
        checked, zh=f"应评 {responses} 份作答、{checked} 个题目", en=f"{checked} items of {responses} responses that ask for a mark"
    )


def _check_pictures(found: Findings, session: Session, exam: Exam) -> None:
    """Marks on a picture that was replaced count by a leader's decision only, also before the sweep has asked for one.

    Whether each sheet is its script's own is Z2's question.
    """
    page = select(Page.id).join(ResponsePicture, ResponsePicture.page_id == Page.id)
    replaced = page.where(ResponsePicture.response_id == Response.id, are_gone()).exists()
    waiting = undecided(session, exam.id)
    for start in range(0, len(waiting), CHUNK):
        query = select(Script.secret, Response.group).join(Script, Script.id == Response.script_id)
        chunk = Response.id.in_(waiting[start : start + CHUNK])
        for secret, group in session.execute(query.where(chunk, replaced, Script.state.in_(HERE)).order_by(Response.id)):
            found.fault(
                zh=f"答卷 {secret} 的 {group} 的图像已被替换，评分去留未定",
                en=f"a picture of response {group} of script {secret} was replaced, and nobody has decided about its marks",
            )


def asked_groups(paper: Paper, chosen: dict[str, Any]) -> list[ItemGroup]:
    """The groups that a script answers: of each choice only the chosen one."""
    refused = {g for choice in paper.choices for g in choice.among if chosen.get(choice.id) != g}
    return [g for g in paper.written if g.id not in refused]


def _standing(session: Session, scripts: Sequence[int]) -> dict[tuple[int, str], list[_Standing]]:
    found: dict[tuple[int, str], list[_Standing]] = defaultdict(list)
    by_id: dict[int, _Standing] = {}
    current = Response.script_id.in_(scripts), Response.current
    for response, script, group, state, objective, extra in session.execute(
        select(Response.id, Response.script_id, Response.group, Response.state, Response.objective, Response.extra).where(*current)
    ):
        by_id[response] = _Standing(state, objective, extra)
        found[script, group].append(by_id[response])
    counted = (
        select(Mark.response_id, Mark.id, Mark.level, Task.ordinal, Mark.values)
        .join(Response, Response.id == Mark.response_id)
        .join(Task, Task.id == Mark.task_id)
        .where(*current, Mark.state == MarkState.COUNTED, Mark.purpose == TaskPurpose.LIVE)
    )
    for response, mark, level, ordinal, values in session.execute(counted):
        by_id[response].marks.append(CountedMark(mark, level, ordinal, values))
    finals = select(FinalMark.response_id, FinalMark.item, FinalMark.numerator, FinalMark.denominator, FinalMark.mark_ids)
    for response, item, n, d, ids in session.execute(
        finals.join(Response, Response.id == FinalMark.response_id).where(*current, FinalMark.current)
    ):
        by_id[response].finals[item].append(((n, d), ids))
    return found


def _check_response(found: Findings, secret: str, group: ItemGroup, current: Sequence[_Standing]) -> None:
    if len(current) != 1:
        found.fault(
            zh=f"答卷 {secret} 的 {group.id} 有 {len(current)} 份现行作答",
            en=f"script {secret} has {len(current)} current responses for {group.id}",
        )
        return
    response = current[0]
    if response.state not in (ResponseState.AGREED, ResponseState.FINAL):
        found.fault(
            zh=f"答卷 {secret} 的 {group.id} 处于 {response.state}", en=f"response {group.id} of script {secret} is {response.state}"
        )
    derived = derived_finals(group, response.marks, response.objective, response.extra)
    counted = {m.id for m in response.marks}
    for item in group.items:
        finals = response.finals.get(item.id, [])
        if len(finals) != 1:
            found.fault(
                zh=f"答卷 {secret} 的 {item.id} 有 {len(finals)} 个现行得分",
                en=f"script {secret} has {len(finals)} final marks for {item.id}",
            )
            continue
        (n, d), ids = finals[0]
        again = derived.get(item.id)
        if again is None or again[0] * d != n * again[1]:
            shown = "nothing" if again is None else _shown(again)
            found.fault(
                zh=f"答卷 {secret} 的 {item.id} 记为 {_shown((n, d))}，由评分重新裁定得 {shown}",
                en=f"item {item.id} of script {secret} stands at {_shown((n, d))}, its marks give {shown}",
            )
        elif not set(ids) <= counted:
            found.fault(
                zh=f"答卷 {secret} 的 {item.id} 引用了不计的评分",
                en=f"the final mark of {item.id} of script {secret} cites a mark that does not count",
            )


def _shown(mark: Ratio) -> str:
    """As people read marks; a repeating fraction stays a fraction of hundredths."""
    n, d = mark
    return f"{n / d / 100:g}" if 10000 % d == 0 else f"{n}/{d} hundredths"


def blind(session: Session, exam: Exam) -> LawResult:
    """Z6: nobody marked a response twice, was shown a mark that should be hidden, or marked a school that is excluded."""
    found = Findings("Z6")
    kept = Mark.exam_id == exam.id, Mark.state.in_(KEPT), Mark.purpose.in_(FOR_SCORE)
    checked = session.scalar(select(func.count()).where(*kept)) or 0
    twice = select(Mark.response_id, User.login, func.count()).join(User, User.id == Mark.marker_id).where(*kept)
    for response, login, n in session.execute(twice.group_by(Mark.response_id, User.login).having(func.count() > 1)):
        found.fault(zh=f"{login} 对作答 {response} 评了 {n} 次", en=f"{login} marked response {response} {n} times")
    definition = definition_of(session, exam)
    _check_shown(found, session, exam, definition)
    _check_met(found, session, exam, definition)
    own = or_(
        User.affiliation == Candidate.school_code,
        select(Conflict.id).where(Conflict.user_id == User.id, Conflict.school_code == Candidate.school_code).exists(),
    )
    excluded = (
        select(Mark.response_id, User.login, Candidate.school_code)
        .join(User, User.id == Mark.marker_id)
        .join(Response, Response.id == Mark.response_id)
        .join(Script, Script.id == Response.script_id)
        .join(Candidate, Candidate.id == Script.candidate_id)
        .where(*kept, Candidate.school_code != "", own)
    )
    for response, login, school in session.execute(excluded):
        found.fault(
            zh=f"{login} 评了应回避学校 {school} 的作答 {response}",
            en=f"{login} marked response {response} of the excluded school {school}",
        )
    return found.result(checked, zh=f"{checked} 次评分", en=f"{checked} marks")


def _check_shown(found: Findings, session: Session, exam: Exam, definition: ExamDefinition) -> None:
    for paper in definition.papers:
        for group in paper.written:
            levels = [level for level in TaskLevel if is_blind(group.scheme, level)]
            query = (
                select(Mark.id, User.login, Mark.level)
                .join(User, User.id == Mark.marker_id)
                .join(Response, Response.id == Mark.response_id)
                .where(
                    Mark.exam_id == exam.id, Response.paper == paper.code, Response.group == group.id,
                    Mark.level.in_(levels), cast(Mark.shown, String).not_in(("[]", "null")),
                )
            )  # fmt: skip
            for mark, login, level in session.execute(query):
                found.fault(
                    zh=f"{login} 在盲评级 {level} 给出评分 {mark} 前看到了他人的评分",
                    en=f"{login} was shown others' marks before mark {mark} at the blind level {level}",
                )


def _check_met(found: Findings, session: Session, exam: Exam, definition: ExamDefinition) -> None:
    """Who was shown a response before, as a seed or by looking over its marks, did not then mark it blind for score."""
    before = aliased(Task)
    for paper in definition.papers:
        for group in paper.written:
            levels = [level for level in TaskLevel if is_blind(group.scheme, level)]
            query = (
                select(Mark.id, User.login, Mark.response_id, before.purpose)
                .join(User, User.id == Mark.marker_id)
                .join(before, and_(before.response_id == Mark.response_id, before.marker_id == Mark.marker_id, before.purpose.in_(MET)))
                .where(
                    Mark.exam_id == exam.id, before.paper == paper.code, before.group == group.id, Mark.level.in_(levels),
                    Mark.state.in_(KEPT), Mark.purpose.in_(FOR_SCORE), before.state == TaskState.DONE, before.done_at <= Mark.at,
                )
            )  # fmt: skip
            for mark, login, response, purpose in session.execute(query):
                found.fault(
                    zh=f"{login} 此前已见过作答 {response}（{purpose}），又给出盲评 {mark}",
                    en=f"{login} had met response {response} before ({purpose}) and then gave the blind mark {mark}",
                )
