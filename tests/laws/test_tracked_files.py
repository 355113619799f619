"""Nothing is left open, silenced without a reason, or tied to the machine that it was written on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.tracked import tracked_files

# Put together here, or this file would find itself.
LEFT_OPEN = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
SILENCED = re.compile(r"#\s*type:\s*" + r"ignore(?!\[[\w, -]+\]\s+#\s*\S)")
REGISTRIES = re.compile("|".join(("py" + r"pi\.org", "python" + r"hosted\.org", "registry\\." + r"npmjs\.org", "deb\\." + r"debian\.org")))
ELSEWHERE = re.compile(r"(?<![\w.])/(work|farm|root)/")


@pytest.fixture
def texts(root: Path) -> dict[str, str]:
    found = {}
    for file in tracked_files(root):
        try:
            found[str(file.relative_to(root))] = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    assert "Makefile" in found
    return found


def assert_none(found: Iterator[str]) -> None:
    lines = list(found)
    assert not lines, "\n".join(lines)


def hits(texts: dict[str, str], pattern: re.Pattern[str], *, but: tuple[str, ...] = ()) -> Iterator[str]:
    for name, text in texts.items():
        if name in but:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                yield f"{name}:{number}: {line.strip()[:120]}"


def test_nothing_is_left_open(texts: dict[str, str]) -> None:
    assert_none(hits(texts, LEFT_OPEN, but=("uv.lock", "LICENSE")))


def test_a_silenced_type_error_names_its_code_and_its_reason(texts: dict[str, str]) -> None:
    assert_none(hits({name: text for name, text in texts.items() if name.endswith(".py")}, SILENCED))


def test_no_file_but_the_lock_names_a_package_registry(texts: dict[str, str]) -> None:
    assert_none(hits(texts, REGISTRIES, but=("uv.lock",)))


def test_no_file_names_a_folder_of_one_machine(texts: dict[str, str]) -> None:
    assert_none(hits(texts, ELSEWHERE))


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (LEFT_OPEN, "# TO" + "DO later"),
        (SILENCED, "x = 1  # type: " + "ignore"),
        (SILENCED, "x = 1  # type: " + "ignore[attr-defined]"),
        (REGISTRIES, "https://py" + "pi.org/simple"),
        (ELSEWHERE, "open('/" + "work/x')"),
    ],
)
def test_the_measure_itself_finds_what_it_seeks(pattern: re.Pattern[str], line: str) -> None:
    assert list(hits({"file": line}, pattern)) == [f"file:1: {line}"]


def test_a_reason_is_enough() -> None:
    assert list(hits({"file": "x = 1  # type: " + "ignore[attr-defined]  # rq has no types"}, SILENCED)) == []
