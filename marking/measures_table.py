"""The table of an item group's markers as people read it: rows of a snapshot with names, and the same as CSV and XLSX.

A heading that ends in % is a share. Pure but for the two files that it writes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from core.exam import Language

WHOLE = ("n", "speed", "seconds", "third_rate")
ITEM = (
    "mean", "sd", "shift", "distance", "play_safe", "exact", "adjacent", "kappa", "drift", "severity", "severity_low", "severity_high",
    "self_consistency", "expert_consistency", "bias", "error",
)  # fmt: skip
HEADINGS: Mapping[str, tuple[str, str]] = {
    "login": ("账号", "Account"),
    "name": ("姓名", "Name"),
    "n": ("已阅份数", "Marks"),
    "speed": ("每小时份数", "Marks an hour"),
    "seconds": ("平均用时（秒）", "Mean seconds"),
    "third_rate": ("三评率", "Third marking %"),
    "mean": ("平均分", "Mean"),
    "sd": ("标准差", "SD"),
    "shift": ("均分偏移（标准差）", "Shift (SD)"),
    "distance": ("分布距离（与随机之比）", "Distance (of chance)"),
    "play_safe": ("保险分系数", "Play-safe %"),
    "exact": ("完全一致率", "Exact %"),
    "adjacent": ("相邻一致率", "Adjacent %"),
    "kappa": ("加权 Kappa", "Weighted kappa"),
    "drift": ("漂移", "Drift"),
    "severity": ("严厉度（logit）", "Severity (logits)"),
    "severity_low": ("严厉度下限", "Severity, low"),
    "severity_high": ("严厉度上限", "Severity, high"),
    "self_consistency": ("自评一致性", "Self-consistency %"),
    "expert_consistency": ("与标准分一致率", "Agreement with definitive %"),
    "bias": ("与标准分平均偏差", "Mean deviation"),
    "error": ("与标准分平均绝对差", "Mean absolute deviation"),
}
Names = Mapping[int, tuple[str, str]]  # login and name by user


def headings(items: Sequence[str], language: Language) -> list[str]:
    at = 0 if language == "zh" else 1
    whole = [HEADINGS[name][at] for name in ("login", "name", *WHOLE)]
    return whole + [f"{item} {HEADINGS[name][at]}" if len(items) > 1 else HEADINGS[name][at] for item in items for name in ITEM]


def rows(snapshot: Mapping[str, Any], names: Names) -> list[list[Any]]:
    """A row a marker, as `headings` has it; None where there is nothing to measure."""
    whole, items = snapshot["whole"]["markers"], snapshot["items"]
    found = []
    for at, user in enumerate(snapshot["markers"]):
        login, name = names.get(user, (str(user), ""))
        columns = [whole[column][at] for column in WHOLE] + [of["markers"][column][at] for of in items.values() for column in ITEM]
        found.append([login, name, *columns])
    return sorted(found, key=lambda row: row[0])


def as_csv(snapshot: Mapping[str, Any], names: Names, language: Language) -> bytes:
    """UTF-8 with its mark, which spreadsheets ask for."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings(list(snapshot["items"]), language))
    writer.writerows([[_safe(cell) for cell in row] for row in rows(snapshot, names)])
    return ("\ufeff" + text.getvalue()).encode()


def _safe(cell: Any) -> Any:
    """A name that a spreadsheet would take for a formula is text."""
    return "'" + cell if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def as_workbook(snapshot: Mapping[str, Any], names: Names, language: Language, title: str) -> bytes:
    import xlsxwriter

    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title, "comments": snapshot["at"]})
    sheet = book.add_worksheet("阅卷员" if language == "zh" else "Markers")
    head = headings(list(snapshot["items"]), language)
    sheet.write_row(0, 0, head, book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}))
    sheet.set_column(0, len(head) - 1, 12, book.add_format({"num_format": "0.###"}))
    found = rows(snapshot, names)
    for at, row in enumerate(found, start=1):
        sheet.write_row(at, 0, row)
    sheet.autofilter(0, 0, max(1, len(found)), len(head) - 1)
    sheet.freeze_panes(1, 2)
    book.close()
    return made.getvalue()
