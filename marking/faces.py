"""What is the same on every task of an item group, as markers are told it: made once for each group of each definition."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property

from core.exam import ItemGroup, Text, WrittenItem, from_hundredths

Title = dict[str, str]


@dataclass(frozen=True, slots=True)
class StepView:
    id: str
    title: Title
    full: str


@dataclass(frozen=True, slots=True)
class ItemView:
    id: str
    title: Title | None
    full: str
    step: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True)
class Face:
    """What is the same on every task of an item group."""

    paper: str
    group: str
    title: Title
    items: tuple[ItemView, ...]

    @cached_property
    def items_json(self) -> str:
        return json.dumps([asdict(item) for item in self.items], ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def title_json(self) -> str:
        return json.dumps(self.title, ensure_ascii=False, separators=(",", ":"))


_faces: dict[int, tuple[ItemGroup, Face]] = {}
_FACES = 4096


def face_of(paper: str, group: ItemGroup) -> Face:
    """Made once for each item group of each version of a definition; those live as long as the process."""
    kept = _faces.get(id(group))
    if kept is None or kept[0] is not group:
        if len(_faces) >= _FACES:
            _faces.clear()
        kept = _faces[id(group)] = (group, Face(paper, group.id, _title(group.title), tuple(_item(item) for item in group.items)))
    return kept[1]


def _item(item: WrittenItem) -> ItemView:
    steps = tuple(StepView(s.id, _title(s.title), from_hundredths(s.marks)) for s in item.steps)
    title = _title(item.title) if item.title else None
    return ItemView(item.id, title, from_hundredths(item.marks), from_hundredths(item.step), steps)


def _title(text: Text) -> Title:
    return {"zh": text.zh, "en": text.en}
