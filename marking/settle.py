"""The consequences of a response's counted marks: its final marks, its state, and the slots that stay open.

`settle` makes the record say what the truth table says, whatever changed: a mark, a revision, a leader's resolution.
Called twice it changes nothing the second time.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from fractions import Fraction

from core.states import ResponseState, TaskLevel, TaskState
from marking.adjudicate import Agreed, OneMore, Verdict, adjudicate_response
from marking.handout import place_for
from marking.objective import kept
from marking.record import Entry, FinalRow, MarkRow, Record, TaskRow, as_response_marks
from marking.schemes import TABLE_VERSION, first_slots


def settle(record: Record) -> None:
    """Bring final marks, state and open slots in step with the counted marks, with the ledger entries for it."""
    counted, response = record.counted(), record.response
    if _only_waits(record, counted):
        return
    verdict = adjudicate_response(
        record.group.scheme, record.group.items, as_response_marks(counted), objective=kept(response.objective), extra=response.extra
    )
    # One counted mark or none settles something only where one marker is enough; a revision may take it back.
    may_differ = any(isinstance(v, Agreed) for v in verdict.items.values()) or response.state is not ResponseState.OPEN
    if may_differ or len(counted) > 1:
        _set_finals(record, verdict.items)
    response.state = ResponseState.OPEN if verdict.next else ResponseState.AGREED
    _set_slots(record, verdict.next)


def _only_waits(record: Record, counted: list[MarkRow]) -> bool:
    """Fewer marks than any table looks at, and the slots for the others are there: as the tables would have it."""
    first = first_slots(record.group.scheme)
    if record.response.state is not ResponseState.OPEN or record.finals or len(counted) >= first:
        return False
    if any(mark.level is not TaskLevel.MARKER for mark in counted):
        return False
    levels = [task.level for task in record.open_tasks()]
    return levels == [TaskLevel.MARKER] * (first - len(counted))


def _set_finals(record: Record, verdicts: Mapping[str, Verdict]) -> None:
    last = {final.item: final for final in record.finals}
    for item, verdict in verdicts.items():
        old = last.get(item)
        if isinstance(verdict, Agreed):
            if old is not None and old.current and _same(old, verdict):
                continue
            final = _final(record, item, verdict, old.version + 1 if old else 1)
            record.finals.append(final)
            record.entries.append(_final_entry(final))
        elif old is not None and old.current:
            record.entries.append({"kind": "final-withdrawn", "response": record.response.id, "item": item, "version": old.version})
        if old is not None:
            old.current = False


def _same(final: FinalRow, agreed: Agreed) -> bool:
    mark = (final.numerator, final.denominator) == (agreed.mark.numerator, agreed.mark.denominator)
    return mark and final.rule == agreed.rule and final.mark_ids == list(agreed.used)


def _final(record: Record, item: str, agreed: Agreed, version: int) -> FinalRow:
    return FinalRow(
        response_id=record.response.id,
        item=item,
        version=version,
        current=True,
        numerator=agreed.mark.numerator,
        denominator=agreed.mark.denominator,
        rule=agreed.rule,
        table_version=TABLE_VERSION,
        mark_ids=list(agreed.used),
    )


def _final_entry(final: FinalRow) -> Entry:
    return {
        "kind": "final",
        "response": final.response_id,
        "item": final.item,
        "version": final.version,
        "numerator": final.numerator,
        "denominator": final.denominator,
        "rule": final.rule,
        "table": final.table_version,
        "marks": final.mark_ids,
    }


def _goes_first(record: Record) -> bool:
    """What somebody's marks wait for may go before what nobody has begun, as often as the exam says."""
    share = Fraction(record.blocking_first) if record.marks else Fraction(0)
    return secrets.randbelow(share.denominator) < share.numerator


def _set_slots(record: Record, asked: OneMore | None) -> None:
    """Leave open exactly the slots that the verdict asks for; void the others; add what is missing."""
    level, wanted = (asked.level, 1) if asked else (TaskLevel.MARKER, 0)
    if asked and asked.level is TaskLevel.MARKER:
        markers = sum(1 for mark in record.counted() if mark.level is TaskLevel.MARKER)
        wanted = max(1, first_slots(record.group.scheme) - markers)
    kept = [task for task in record.open_tasks() if task.level is level][:wanted]
    for task in record.open_tasks():
        if task not in kept:
            void(record, task)
    added = [record.add_task(level, place_for(int(_goes_first(record)))) for _ in range(wanted - len(kept))]
    record.hints.offer(record.waiting(task) for task in added)


def void(record: Record, task: TaskRow) -> None:
    waited = record.waiting(task)
    task.state = TaskState.VOID
    record.hints.gone(waited)
