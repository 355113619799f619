"""One mark: submitted, or revised by its marker. Acknowledged only after the commit."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, MarkhallError
from core.site import Site
from core.states import MarkState, ResponseState, TaskPurpose
from marking import stopping
from marking.batch import Batch, Saved, Sent, add_mark, check_key, close, load, mark_entry, submit_all
from marking.handout import tell
from marking.record import MarkRow, Record, TaskRow
from marking.schemes import first_slots
from marking.settle import settle
from marking.values import Kept, parse_values

GRACE = timedelta(minutes=10)


def submit(site: Site, exam_id: int, user_id: int, token: str, key: str, values: object, seconds: float = 0.0) -> Saved:
    """Keep a mark for good. The same key again gives the same answer and changes nothing."""
    kept = submit_all(site, exam_id, [Sent(user_id, token, key, values, seconds)])
    tell(site, exam_id, kept.steps)
    stopping.finish(site, exam_id, kept.stops)
    (answer,) = kept.answers
    if isinstance(answer, MarkhallError):
        raise answer
    return answer


def revise(site: Site, exam_id: int, user_id: int, token: str, key: str, values: object, *, grace: timedelta = GRACE) -> Saved:
    """Put another mark in the place of one's own, in the grace period, while nobody has marked because of it."""
    check_key(key)
    try:
        with site.database.write() as session:
            batch = load(site, session, exam_id, [Sent(user_id, token, key, values)])
            task, record = batch.found(user_id, token)
            again = next((mark for mark in record.of(user_id) if mark.key == key), None)
            if again is not None:
                return Saved(token, "revised", again.id)
            old = next((m for m in record.of(user_id) if m.task_id == task.id and m.state is MarkState.COUNTED), None)
            refusal = why_not_revise(record, old, grace)
            if old is None or refusal:
                raise Conflict(refusal, where="task", remedy="Tell your leader if the mark is wrong.")
            new = _replace(batch, record, task, old, key, parse_values(record.group, values))
            steps, stops = close(batch)
    except IntegrityError as e:
        raise Conflict("this key was used for another mark.", where="key", remedy="Send each mark under a new key.") from e
    tell(site, exam_id, steps)
    stopping.finish(site, exam_id, stops)
    return Saved(token, "revised", new.id)


def why_not_revise(record: Record, mark: MarkRow | None, grace: timedelta = GRACE) -> str:
    """Empty when this counted mark may be revised. A slot is a consequence when it was asked for after the mark's own."""
    if mark is None:
        return "you have no counted mark on this task."
    if mark.purpose is TaskPurpose.LIVE and record.response.state not in (ResponseState.OPEN, ResponseState.AGREED):
        return "the answer is no longer open for marking."
    first = min((m.at for m in record.of(mark.marker_id)), default=mark.at)
    if record.now - first > grace:
        return f"the {grace.seconds // 60} minutes in which a mark may be revised are over."
    asked_before = max(first_slots(record.group.scheme), record.ordinals[mark.task_id])
    if any(record.ordinals[m.task_id] > asked_before for m in record.counted()):
        return "somebody has marked this answer after you."
    return ""


def _replace(batch: Batch, record: Record, task: TaskRow, old: MarkRow, key: str, values: Kept) -> MarkRow:
    old.state = MarkState.REVISED
    new = add_mark(record, task, old.marker_id, key, values, MarkState.COUNTED, old.seconds, revision=old.revision + 1)
    revised = {"kind": "mark-state", "mark": old.id, "state": "revised", "reason": "by its marker", "by": f"user:{old.marker_id}"}
    record.entries += [revised, {**mark_entry(record, new), "replaces": old.id}]
    if task.purpose is TaskPurpose.LIVE:
        settle(record)
    batch.note(record, task, new, replaces=old.id)
    return new
