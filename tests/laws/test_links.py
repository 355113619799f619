"""A link in a document leads to a file that is there."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.laws.tracked import tracked_files

LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)\s#]+)")


def dead_links(document: Path) -> Iterator[str]:
    for target in LINK.findall(document.read_text("utf-8")):
        if not (document.parent / target).exists():
            yield target


def test_every_link_leads_somewhere(root: Path) -> None:
    documents = [file for file in tracked_files(root) if file.suffix == ".md"]
    assert root / "README.md" in documents
    dead = [f"{file.relative_to(root)}: {target}" for file in documents for target in dead_links(file)]
    assert not dead, "\n".join(dead)


def test_the_two_readmes_have_the_same_sections_and_commands(root: Path) -> None:
    english, chinese = ((root / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    for outline in (r"^#{1,3} ", r"^make \w+", r"^\| "):
        assert len(re.findall(outline, english, re.M)) == len(re.findall(outline, chinese, re.M))


def test_the_measure_itself_finds_a_dead_link(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("[here](a.md) [gone](b.md) [far](https://example.org)", encoding="utf-8")
    assert list(dead_links(document)) == ["b.md"]
