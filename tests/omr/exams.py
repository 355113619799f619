"""Exam definitions for the sheet tests: the demo's, and any that Hypothesis can think of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from core.definition import load_definition
from core.exam import ExamDefinition, Paper

DEMO = Path(__file__).parents[2] / "examples" / "demo-exam"


def demo() -> ExamDefinition:
    return load_definition(DEMO / "exam.yaml")


def exam_of(*papers: dict[str, Any]) -> ExamDefinition:
    return ExamDefinition.model_validate({"exam": "T1", "title": {"zh": "测试", "en": "Test"}, "papers": list(papers)})


def paper_of(**changes: Any) -> tuple[ExamDefinition, Paper]:
    """A small paper with two single items and a written group, changed as asked."""
    plain: dict[str, Any] = {
        "code": "P",
        "title": {"zh": "物理", "en": "Physics"},
        "objective": [{"items": "Q1-Q2", "options": "ABCD", "marks": 2, "keys": "AB"}],
        "written": [group("W1", 60)],
    }
    exam = exam_of(plain | changes)
    return exam, exam.papers[0]


def group(name: str, height: float, ruling: str = "lines") -> dict[str, Any]:
    return {
        "id": name,
        "title": {"zh": f"第{name}题", "en": f"Question {name}"},
        "items": [{"id": f"{name}i", "marks": 10}],
        "height_mm": height,
        "ruling": {"kind": ruling},
    }


@st.composite
def papers(draw: st.DrawFn) -> tuple[ExamDefinition, Paper]:
    """A paper that a person might ask for: any size, columns, items, groups, choices and identity."""
    runs = draw(st.lists(st.tuples(st.sampled_from(["single", "multiple"]), st.integers(1, 23), st.integers(2, 7)), max_size=4))
    objective, first = [], 1
    for kind, count, options in runs:
        objective.append(
            {"items": f"Q{first}-Q{first + count - 1}", "type": kind, "options": "ABCDEFG"[:options], "marks": 2, "keys": "A" * count}
        )
        first += count
    heights = draw(st.lists(st.integers(12, 420), min_size=0 if runs else 1, max_size=5))
    ruling = draw(st.sampled_from(["blank", "lines", "squares"]))
    names = [f"W{i}" for i in range(len(heights))]
    personalised = draw(st.booleans())
    barcode = draw(st.sampled_from(["printed", "sticker", "none"] if personalised else ["sticker", "none"]))
    return paper_of(
        objective=objective,
        written=[group(n, h, ruling) for n, h in zip(names, heights, strict=True)],
        choices=[{"id": "C1", "among": names[:2]}] if len(names) > 1 and draw(st.booleans()) else [],
        types=draw(st.sampled_from(["", "AB", "ABCD"])),
        sheet={
            "size": draw(st.sampled_from(["A4", "A3"])),
            "columns": draw(st.integers(1, 3)),
            "duplex": draw(st.booleans()),
            "number": {"digits": draw(st.integers(4, 16)), "barcode": barcode, "grid": draw(st.booleans()) or barcode == "none"},
            "personalised": personalised,
            "absent_box": draw(st.booleans()),
            "languages": draw(st.sampled_from([["zh", "en"], ["en"], ["zh"]])),
            "extra_sheets": draw(st.booleans()),
        },
    )
