"""The records as tables, one file a stage. Each record has one writer; states stand in `core.states`."""

from core.tables.base import Table
from core.tables.desk import DeskLease, Look, PaperScanned, RoomClosing
from core.tables.exams import Candidate, CandidateDetails, Definition, Exam, TemplateVersion
from core.tables.intake import Attempt, Batch, Picture, Receipt, Station
from core.tables.log import Checkpoint, Event, LedgerEntry, LedgerHead
from core.tables.marking import FinalMark, Mark, Problem, Response, ResponsePicture, Task
from core.tables.people import Conflict, Role, Session, User
from core.tables.quality import Alarm, Check, Seed, Standing, Stop
from core.tables.reading import AnswerRow, DeskCase, Page, RescanRequest, Script, Sheet, SheetAssignment
from core.tables.rereading import Rereading, RereadPage
from core.tables.scoring import Release, Score, Signature

__all__ = [
    "Alarm",
    "AnswerRow",
    "Attempt",
    "Batch",
    "Candidate",
    "CandidateDetails",
    "Check",
    "Checkpoint",
    "Conflict",
    "Definition",
    "DeskCase",
    "DeskLease",
    "Event",
    "Exam",
    "FinalMark",
    "LedgerEntry",
    "LedgerHead",
    "Look",
    "Mark",
    "Page",
    "PaperScanned",
    "Picture",
    "Problem",
    "Receipt",
    "Release",
    "RereadPage",
    "Rereading",
    "RescanRequest",
    "Response",
    "ResponsePicture",
    "Role",
    "RoomClosing",
    "Score",
    "Script",
    "Seed",
    "Session",
    "Sheet",
    "SheetAssignment",
    "Signature",
    "Standing",
    "Station",
    "Stop",
    "Table",
    "Task",
    "TemplateVersion",
    "User",
]
