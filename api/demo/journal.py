"""A marker's own record of what was sent and what the server said: lines that are on the disk before the next step."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """Lines of JSON. `intent` is written before a mark is sent, `reply` when the server has acknowledged it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self._file.seek(0)
        self.lines: list[dict[str, Any]] = []
        for line in self._file:
            if line.endswith(b"\n"):  # a line that a power cut tore in two was never relied on
                self.lines.append(json.loads(line))
            else:
                self._file.truncate(self._file.tell() - len(line))
        self._file.seek(0, os.SEEK_END)

    def write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines.append(line)

    def unanswered(self) -> list[dict[str, Any]]:
        """Intents without a reply: the same key is sent again, which the server takes once."""
        answered = {line["key"] for line in self.lines if line["what"] == "reply"}
        return [line for line in self.lines if line["what"] == "intent" and line["key"] not in answered]

    def close(self) -> None:
        self._file.close()
