"""What all browsers wrote down, read together: their journals are the witnesses against the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos_marking_browser import Browser

STOPPED = "has been stopped"  # of the sentence that a stopped marker is refused with


@dataclass(frozen=True, slots=True)
class Handed:
    user_id: int
    began: float  # when the request was made
    at: float  # when it was written down
    tasks: tuple[str, ...]
    after: str  # the task whose mark the request carried


@dataclass
class Witnesses:
    """The clock of all lines is one clock."""

    sent: dict[str, dict[str, Any]] = field(default_factory=dict)  # by key
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    handed: list[Handed] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, browsers: Sequence[Browser]) -> Witnesses:
        """Up to now; a line that is being written is not yet said."""
        found = cls()
        for browser in browsers:
            file = folder / f"{browser.number:03d}.jsonl"
            whole = (file.read_bytes() if file.exists() else b"").rpartition(b"\n")[0]
            for text in whole.splitlines():
                found._take(browser.member.user_id, json.loads(text))
        return found

    def said(self, *whats: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(key, what was sent, how it was acknowledged) of all that was of these kinds and acknowledged."""
        for key, line in self.kept.items():
            if self.sent[key]["what"] in whats:
                yield key, self.sent[key], line

    def _take(self, user: int, line: dict[str, Any]) -> None:
        if "sent" in line:
            self.sent[line["sent"]] = line | {"user": user}
        elif "kept" in line:
            self.kept[line["kept"]] = line | {"user": user}
        elif "refused" in line:
            self.refused[line["refused"]] = line | {"user": user}
            if line["status"] != 409 and not (line["status"] == 403 and STOPPED in line["why"]):
                self.oddities.append(f"user {user}, {line['refused']}: {line['status']} {line['why']}")
        elif "handed" in line:
            self.handed.append(Handed(user, line["began"], line["at"], tuple(line["handed"]), line["after"]))
        elif "unlike" in line:
            self.unlike.append(f"user {user}: {line['unlike']} was {line['was']}, sent again it is {line['now']}")
        else:
            self.oddities.append(f"user {user}: {line.get('unexpected', line)}")
