"""A file is one idea and a function fits on a screen."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.tracked import tracked_files

LONGEST_FUNCTION = 60
LONGEST_FILE = 400
SOURCES = (".py", ".ts", ".svelte", ".css")


def long_functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield node.name, length


@pytest.fixture
def sources(root: Path) -> list[Path]:
    """All but migrations: one is a list of tables, written once."""
    return [file for file in tracked_files(root) if file.suffix in SOURCES and "versions" not in file.parts]


def test_no_function_is_longer_than_a_screen(sources: list[Path], root: Path) -> None:
    found = [
        f"{file.relative_to(root)}: {name} has {length} lines"
        for file in sources
        if file.suffix == ".py"
        for name, length in long_functions(file.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


def test_no_file_holds_more_than_one_idea(sources: list[Path], root: Path) -> None:
    lengths = {file.relative_to(root): len(file.read_text("utf-8").splitlines()) for file in sources}
    found = [f"{name} has {length} lines" for name, length in lengths.items() if length > LONGEST_FILE]
    assert not found, "\n".join(found)


def test_the_measure_itself_finds_a_long_function() -> None:
    body = "\n".join("    x = 1" for _ in range(LONGEST_FUNCTION))
    assert list(long_functions(f"def f() -> None:\n{body}\n")) == [("f", LONGEST_FUNCTION + 1)]
