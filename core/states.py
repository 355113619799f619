"""The states of every record and who may write them (docs/records.md draws them)."""

from __future__ import annotations

from enum import StrEnum


class ReceiptState(StrEnum):
    RECEIVED = "received"  # durable, not yet given to a reader
    QUEUED = "queued"  # part of a reading attempt
    READ = "read"  # its page is used
    WAITING = "waiting"  # a person must look
    DISCARDED = "discarded"  # by a person, with a reason
    DUPLICATE = "duplicate"  # of another receipt
    SUPERSEDED = "superseded"  # another scan of the same side is used


class BatchState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"  # the station declared its count
    COMPLETE = "complete"  # the counts agree


class AttemptState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    LOST = "lost"  # its worker never came back; its receipts were given to another attempt


class PageState(StrEnum):
    READ = "read"
    DOUBTFUL = "doubtful"
    SUPERSEDED = "superseded"


class SheetState(StrEnum):
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    FOREIGN = "foreign"
    VOID = "void"


class ScriptState(StrEnum):
    EXPECTED = "expected"
    PRESENT = "present"  # some sides are here
    ABSENT = "absent"
    INCOMPLETE = "incomplete"  # reading has ended and sides are missing
    COMPLETE = "complete"
    WITHHELD = "withheld"


class AnswerState(StrEnum):
    READERS = "readers"  # two readers agree
    DOUBTFUL = "doubtful"
    PERSON = "person"
    VOIDED = "voided"


class ResponseState(StrEnum):
    OPEN = "open"
    AGREED = "agreed"
    FINAL = "final"
    PROBLEM = "problem"
    SUPERSEDED = "superseded"


class TaskPurpose(StrEnum):
    LIVE = "live"
    SEED = "seed"
    TRIAL = "trial"
    SELF = "self"
    BACK = "back"
    APPEAL = "appeal"


class TaskLevel(StrEnum):
    MARKER = "marker"
    LEADER = "leader"
    ARBITER = "arbiter"


class TaskState(StrEnum):
    OPEN = "open"
    LEASED = "leased"
    DONE = "done"
    VOID = "void"


class MarkState(StrEnum):
    COUNTED = "counted"
    SURPLUS = "surplus"  # kept and shown, not counted
    REVISED = "revised"  # its marker put another in its place
    VOID = "void"


class SeedUse(StrEnum):
    TRIAL = "trial"  # to learn on: the marker is shown the agreed marks afterwards
    FIRST = "first"  # first round of qualification
    SECOND = "second"  # second round
    LIVE = "live"  # unannounced among the live work


class StandingState(StrEnum):
    TRIAL = "trial"
    FIRST = "first"
    SECOND = "second"
    LIVE = "live"
    FAILED = "failed"  # both rounds of qualification: a leader may admit the marker, or let it be
    STOPPED = "stopped"  # by a rule: a leader decides
    SUSPENDED = "suspended"  # by a person


class CheckKind(StrEnum):
    SEED = "seed"  # against the definitive mark
    SELF = "self"  # against the marker's own earlier mark
    BACK = "back"  # by a leader who looked at it


class AlarmState(StrEnum):
    OPEN = "open"
    SEEN = "seen"  # a person knows of it
    OVER = "over"  # what raised it holds no more


class CaseState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"  # what it waited for came by itself


class RereadingState(StrEnum):
    RUNNING = "running"
    DONE = "done"  # every page was read again
    CLOSED = "closed"  # nothing more is accepted from it


class RereadState(StrEnum):
    WAITING = "waiting"  # not yet read again
    SAME = "same"  # both readings say the same
    DIFFERS = "differs"  # a person decides
    ACCEPTED = "accepted"  # the second reading stands
    KEPT = "kept"  # the first reading stands
    FAILED = "failed"  # the second reading could not be made
    OVERTAKEN = "overtaken"  # the page no longer stood


class ReleaseState(StrEnum):
    DRAFT = "draft"
    CHECKED = "checked"
    SIGNED = "signed"
    RELEASED = "released"
    SUPERSEDED = "superseded"


class ScoreStatus(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    BLANK = "blank"  # present, and nothing was written
    WITHHELD = "withheld"
    MALPRACTICE = "malpractice"
    VOIDED = "voided"
