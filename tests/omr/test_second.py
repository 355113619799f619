"""The second reader says the same by other means, and sees what the first may miss."""

from __future__ import annotations

import ast
from pathlib import Path

import omr.second
from omr.reading import read_page
from tests.omr.drawn import KEY, Drawing, answers, form


def test_the_second_reader_agrees_on_a_plain_page() -> None:
    reading = read_page(Drawing(answers(KEY)).page(), [form()], cut=False)
    assert all(f.first == f.second for f in reading.fields.values())


def test_the_second_reader_imports_nothing_of_the_first() -> None:
    tree = ast.parse(Path(omr.second.__file__).read_text(encoding="utf-8"))
    whole = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules = whole | {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not modules & {"omr.fill", "omr.decide", "omr.answers", "omr.kernels"}
    assert "omr.second_kernels" in modules


def test_where_the_readers_differ_the_field_is_doubtful() -> None:
    for share in (0.10, 0.12, 0.16, 0.20):
        reading = read_page(Drawing(answers(KEY) | answers("Q11=C", share=share)).page(), [form()], cut=False)
        answer = reading.fields["Q11"]
        assert answer.doubt or answer.first == answer.second
