"""Written answers: a titled frame a group with its ruling, in as many parts as it takes, and the bubbles of a choice."""

from __future__ import annotations

from collections.abc import Iterator

from core.exam import Choice, ItemGroup, Language, Paper, Ruling, from_hundredths
from core.geometry import Box
from core.template import Grid, Region
from omr.layout_bubbles import PLAIN_BUBBLE, WIDTH, draw_grid
from omr.layout_flow import Block, Part
from omr.layout_ink import Panel, Stroke, Words
from omr.layout_page import SideDraft, rough_width, rounded, say

TITLE = 6.6
LABEL = 2.7  # the size of the titles beside a choice's bubbles
LIST_PITCH = 5.0


def written_blocks(paper: Paper, width: float) -> Iterator[Block]:
    """The groups in order; a choice's bubbles stand before the first group that it is among."""
    chosen: set[str] = set()
    for group in paper.written:
        for choice in paper.choices:
            if group.id in choice.among and choice.id not in chosen:
                chosen.add(choice.id)
                yield choice_block(paper, choice.id, choice.among, _choice_text(choice), width)
        yield _group_block(paper, group)


def _choice_text(choice: Choice) -> tuple[str, str]:
    return (
        f"选做题：{len(choice.among)}题中任选一题作答，并填涂所选题。",
        f"Optional: answer one of these {len(choice.among)} and fill its bubble.",
    )


def choice_block(paper: Paper, field: str, groups: tuple[str, ...], text: tuple[str, str], width: float) -> Block:
    """One bubble a group with the group's title beside it: in a row where the titles have room, else as a list."""
    languages = paper.sheet.languages
    titles = [_title(paper.group(g), languages) for g in groups]
    need = WIDTH + 5.0 + max(rough_width(t, LABEL) for t in titles)
    in_a_row = need * len(groups) <= width - 4
    lines = [say((language,), *text) for language in languages]
    top = 2.6 + 3.8 * len(lines)
    height = rounded(top + (1 if in_a_row else len(groups)) * LIST_PITCH + 1.2)

    def draw(draft: SideDraft, box: Box, part: Part) -> None:
        grid = Grid(
            name=field,
            role="choice",
            fields=(field,),
            values=groups,
            origin=(rounded(box.x + 5), rounded(box.y + top + LIST_PITCH / 2)),
            value_step=(rounded(need), 0.0) if in_a_row else (0.0, LIST_PITCH),
            bubble=PLAIN_BUBBLE,
        )
        draft.grids.append(grid)
        draft.drawing.add(Panel(box.x, box.y, box.width, box.height, radius=1.2))
        for i, line in enumerate(lines):
            draft.drawing.add(Words(box.x + 2.5, box.y + 4.4 + 3.8 * i, line, 2.9 if i == 0 else 2.3, "left", box.width - 5, bold=i == 0))
        draw_grid(draft.drawing, grid)
        for i, title in enumerate(titles):
            x, y = grid.bubble_at(0, i)
            room = (need if in_a_row else box.width - 5) - WIDTH - 2.0
            draft.drawing.add(Words(x + WIDTH / 2 + 1.4, y + 1.0, title, LABEL, "left", room))

    return Block(height, draw, keeps=True)


def _title(group: ItemGroup, languages: tuple[Language, ...]) -> str:
    zh, en = group.title.zh, group.title.en
    return zh if zh == en else say(languages, zh, en)


def _group_block(paper: Paper, group: ItemGroup) -> Block:
    full = from_hundredths(sum(i.marks for i in group.items))
    title = f"{_title(group, paper.sheet.languages)}　{say(paper.sheet.languages, f'（{full}分）', f'({full} marks)')}"
    return region_block(paper, group.id, title, group.height_mm, group.ruling)


def region_block(paper: Paper, group: str, title: str, height: float, ruling: Ruling, start: int = 1) -> Block:
    """A framed space: the title in a band, the rest cut out for markers as the region of `group`."""

    def draw(draft: SideDraft, box: Box, part: Part) -> None:
        number = part.number + start - 1
        name = group if number == 1 else f"{group}.{number}"
        text = title if number == 1 else f"{title}　{say(paper.sheet.languages, '（续）', '(continued)')}"
        inner = Box(box.x, rounded(box.y + TITLE), box.width, rounded(box.height - TITLE))
        draft.regions.append(Region(name=name, group=group, box=(inner.x, inner.y, inner.width, inner.height)))
        draft.drawing.add(
            Panel(box.x, box.y, box.width, TITLE, thick=0.0, fill="tint"),
            Words(box.x + 2.5, box.y + TITLE - 2.1, text, 3.1, "left", box.width - 5, bold=True),
            Stroke(box.x, inner.y, box.x + box.width, inner.y, 0.2),
        )
        _rule(draft, inner, ruling)
        draft.drawing.add(Panel(box.x, box.y, box.width, box.height, thick=0.4))

    return Block(height + TITLE, draw, grows=True, splits=True, overhead=TITLE)


def _rule(draft: SideDraft, box: Box, ruling: Ruling) -> None:
    if ruling.kind == "lines":
        count = int((box.height - 4) / ruling.pitch_mm)
        for i in range(1, count + 1):
            y = box.y + i * ruling.pitch_mm + min(2.0, box.height - count * ruling.pitch_mm - 1)
            draft.drawing.add(Stroke(box.x + 3, y, box.x + box.width - 3, y, 0.15, "pale"))
    elif ruling.kind == "squares":
        _squares(draft, box, ruling.pitch_mm)


def _squares(draft: SideDraft, box: Box, pitch: float) -> None:
    """Rows of squares for an essay, a narrow gap between rows for corrections, as on composition paper."""
    across, down = int((box.width - 3) / pitch), int((box.height - 2) / (pitch * 1.3))
    left = box.x + (box.width - across * pitch) / 2
    step = (box.height - 1) / max(down, 1)
    for row in range(down):
        y = box.y + 0.5 + row * step + (step - pitch) / 2
        draft.drawing.add(Panel(left, y, across * pitch, pitch, 0.15, "pale"))
        draft.drawing.add(*(Stroke(left + i * pitch, y, left + i * pitch, y + pitch, 0.15, "pale") for i in range(1, across)))
