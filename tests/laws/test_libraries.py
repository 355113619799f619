"""Every dependency is a choice that is written down."""

import re
import tomllib
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9._-]+(\[\w+\])?")


def declared(root: Path) -> set[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    return {match[0] for line in wanted if (match := NAME.match(line))}


def test_each_dependency_has_a_line_that_says_why(root: Path) -> None:
    note = (root / "docs" / "decisions" / "0001-libraries.md").read_text("utf-8")
    explained = set(re.findall(r"^\| ([^ |]+) \| [^|]{10,} \|$", note, re.M))
    assert explained - {"library"} == declared(root)
