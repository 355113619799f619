"""The exceptions desk: what readers could not settle, and what a person decides about it. Pixel-free; the web process runs it.

Owns cases, re-scan requests, whose a sheet is, the versions of answers and the state of scripts; readers file their
pages through it. Every decision is versioned, in the ledger, and can be taken back until a release is signed.
"""

from omr.desk.budget import Budget, ask_for_looks, budget
from omr.desk.cases import ACTIONS
from omr.desk.decisions import Decision, resolve
from omr.desk.listing import CaseList, Wanted, find_cases, list_cases
from omr.desk.looks import Looks, LookView, give_back, give_back_everywhere, next_looks
from omr.desk.looks_answered import answer_look, take_back
from omr.desk.missing import look_for_missing
from omr.desk.rescans import RescanView, rescans
from omr.desk.undo import undo
from omr.desk.views import CaseView, FrameView, ItemView, case_picture, get_case, item_picture

__all__ = [
    "ACTIONS",
    "Budget",
    "CaseList",
    "CaseView",
    "Decision",
    "FrameView",
    "ItemView",
    "LookView",
    "Looks",
    "RescanView",
    "Wanted",
    "answer_look",
    "ask_for_looks",
    "budget",
    "case_picture",
    "find_cases",
    "get_case",
    "give_back",
    "give_back_everywhere",
    "item_picture",
    "list_cases",
    "look_for_missing",
    "next_looks",
    "rescans",
    "resolve",
    "take_back",
    "undo",
]
