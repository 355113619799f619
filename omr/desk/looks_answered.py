"""A clerk's word about a case, and taking it back. The word settles the case when enough clerks have said the same.

One transaction a word, in the exam's turn: the word, and the decision where it makes one, are durable before the reply.
The reply never tells whether another clerk has said anything, nor what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.errors import Conflict, NotFound
from core.site import Site
from core.states import CaseState
from core.tables import Candidate, DeskCase, DeskLease, Look, Page, Receipt, Script, Sheet
from omr.desk.decisions import Decision, carry_out, check_values
from omr.desk.looks import LOOKED, LookView, lease, lock_case, look_views
from omr.desk.looks_kept import said_about, standing
from omr.desk.scripts import finish
from omr.desk.undo import refuse_after_signature, reopen_with_records
from omr.desk.work import Work, begin_work
from scanner.intake import take_turn

Outcome = Literal["kept", "gone"]  # gone: the case was settled otherwise, or the scan that was asked for came


def answer_look(site: Site, exam_id: int, user_id: int, case_id: int, values: Mapping[str, str], *, key: str, version: int) -> Outcome:
    """Keep a clerk's word about all items of a case. The same key again changes nothing and gives the same answer."""
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        words = said_about(session, case_id, user_id, key)
        before = next((one for one in words if (one.user_id, one.key) == (user_id, key)), None)
        if before is not None:
            if before.case_id != case_id:
                raise Conflict("this key belongs to another case.", where=f"case {case_id}", remedy="Use a fresh key for each case.")
            return "kept"
        case = _case(session, exam_id, case_id)
        session.execute(delete(DeskLease).where(DeskLease.case_id == case_id, DeskLease.user_id == user_id))
        work = begin_work(session, exam, f"user:{user_id}", site.now())
        said = [one for one in words if not one.taken_back]
        if case.state is not CaseState.OPEN or case.version != version or case.evidence.get("rescan") or _has_enough(work, said, user_id):
            return "gone"
        check_values(case, values)
        mine = Look(
            exam_id=exam_id,
            case_id=case_id,
            user_id=user_id,
            round=max((one.round for one in words if one.user_id == user_id), default=0) + 1,
            values=dict(values),
            key=key,
            at=work.now,
        )
        session.add(mine)
        session.flush()
        _weigh(work, case, [*said, mine])
        finish(work)
        return "kept"


def take_back(site: Site, exam_id: int, user_id: int, case_id: int) -> LookView:
    """A clerk's own word is as if it had not been said, and the case is hers again; what was built on the word is undone."""
    with site.database.write() as session:
        exam = take_turn(session, exam_id)
        case = _case(session, exam_id, case_id)
        work = begin_work(session, exam, f"user:{user_id}", site.now())
        refuse_after_signature(work, exam)
        mine = next((look for look in standing(session, [case_id]).get(case_id, []) if look.user_id == user_id), None)
        if mine is None:
            raise Conflict("no word of yours about this case stands.", where=f"case {case_id}", remedy="Go on with the next one.")
        if case.state is CaseState.RESOLVED and user_id in case.resolution.get("looks", ()):
            reopen_with_records(work, case)
        elif case.state is not CaseState.OPEN:
            raise Conflict("somebody else has settled the case meanwhile.", where=f"case {case_id}", remedy="Go on with the next one.")
        mine.taken_back = True
        _log(work, case, "taken back", {})
        session.flush()
        lease(session, [case], user_id, work.now)
        finish(work)
        return look_views(session, work.forms.definition, [case])[0]


def _case(session: Session, exam_id: int, case_id: int) -> DeskCase:
    case = lock_case(session, exam_id, case_id)
    if case is None or case.kind not in LOOKED:
        raise NotFound(f"there is no case {case_id} that asks for values.", where="exceptions desk")
    return case


def _has_enough(work: Work, said: list[Look], user_id: int) -> bool:
    return len(said) >= work.forms.definition.desk.clerks or any(look.user_id == user_id for look in said)


def _weigh(work: Work, case: DeskCase, said: list[Look]) -> None:
    """Settle the case when as many clerks as are wanted say the same; otherwise the word is only kept."""
    if len(said) < work.forms.definition.desk.clerks or any(look.values != said[0].values for look in said):
        _log(work, case, "said", dict(said[-1].values))
        return
    if len(said) > 1:
        _log(work, case, "said", dict(said[-1].values))
        work.by = "+".join(f"user:{look.user_id}" for look in said)
    _bring(work, case)
    carry_out(work, case, Decision("set_answer", values=said[-1].values), looks=[look.user_id for look in said])


def _bring(work: Work, case: DeskCase) -> None:
    """What settling the case needs, in one query."""
    query = (
        select(Page, Sheet, Script, Candidate, Receipt)
        .select_from(DeskCase)
        .outerjoin(Page, Page.id == DeskCase.page_id)
        .outerjoin(Sheet, Sheet.id == DeskCase.sheet_id)
        .outerjoin(Script, Script.id == Sheet.script_id)
        .outerjoin(Candidate, Candidate.id == Script.candidate_id)
        .outerjoin(Receipt, Receipt.id == Page.receipt_id)
    )
    work.keep(row for row in work.session.execute(query.where(DeskCase.id == case.id)).one() if row is not None)


def _log(work: Work, case: DeskCase, action: str, values: dict[str, str]) -> None:
    work.office(kind="look", case=case.id, action=action, values=values, by=work.by)
