"""The head of a sheet's front: whose sheet it is, and how to fill it in.

Candidate details, barcode or sticker space, number grid, absent box, paper type, and the filling instructions.
"""

from __future__ import annotations

from core.exam import Paper
from core.geometry import Box
from core.template import Code, Grid
from omr.layout_bubbles import BUBBLE, HEIGHT, OPTION_PITCH, WIDTH, draw_grid
from omr.layout_ink import Drawing, Oval, Panel, Stroke, Words
from omr.layout_page import SideDraft, rough_width, rounded, say

GAP = 2.0
ROW = 7.4
DIGIT_ROW = 4.6
BARCODE_HEIGHT = 18.0
STRIP = 10.0
ABSENT_ROOM = 60.0
NARROWEST = 58.0  # of the left half, beside the number grid


def head_of(draft: SideDraft, paper: Paper, box: Box, *, first: bool) -> float:
    """Draw the head into the top of `box`; its height. `first`: the paper's first sheet, with all that is asked once."""
    number = paper.sheet.number
    grid = number.grid or draft.sheet_index is None  # nothing else would tell whose an extra sheet is
    grid_width = min(6.0 * number.digits, max(5.0 * number.digits, box.width / 2 - 4)) + 4 if grid else 0.0
    beside = grid and box.width - grid_width - GAP >= NARROWEST
    left = Box(box.x, box.y, box.width - grid_width - GAP if beside else box.width, box.height)
    y = box.y + _left_half(draft, paper, left, first)
    if grid:
        at = Box(rounded(box.x + box.width - grid_width), box.y if beside else y + GAP, rounded(grid_width), 0.0)
        y = max(y, at.y + _number_grid(draft, paper, at))
    if first:
        y += GAP
        y += _instructions(draft.drawing, paper, Box(box.x, y, box.width, 0.0))
    return rounded(y - box.y)


def _left_half(draft: SideDraft, paper: Paper, box: Box, first: bool) -> float:
    y = box.y + _details(draft, paper, Box(box.x, box.y, box.width, 0.0))
    if paper.sheet.number.barcode == "sticker" or _has_printed_barcode(draft, paper):
        y += GAP
        y += _barcode(draft, paper, Box(box.x, rounded(y), box.width, BARCODE_HEIGHT))
    if first and (paper.sheet.absent_box or paper.types):
        y += GAP
        y += _strips(draft, paper, Box(box.x, rounded(y), box.width, STRIP))
    return y - box.y


def _has_printed_barcode(draft: SideDraft, paper: Paper) -> bool:
    return paper.sheet.number.barcode == "printed" and draft.sheet_index is not None


def _details(draft: SideDraft, paper: Paper, box: Box) -> float:
    """Name, school, class, room and seat: lines to write on, or the text of a personalised sheet."""
    languages, drawing, half = paper.sheet.languages, draft.drawing, rounded(box.width * 0.55)
    rows = (
        (("name", "姓名", "Name", 0.0, half), ("class", "班级", "Class", half, box.width)),
        (("school", "学校", "School", 0.0, box.width),),
        (("room", "考场", "Room", 0.0, half), ("seat", "座号", "Seat", half, box.width)),
    )
    height = ROW * len(rows) + 1.6
    drawing.add(Panel(box.x, box.y, box.width, height, radius=1.2))
    for i, row in enumerate(rows):
        base = box.y + ROW * (i + 1) - 1.4
        for key, zh, en, start, end in row:
            label = say(languages, zh, en)
            x = box.x + start + 2.5
            begin = x + 1.2 + rough_width(label, 2.7)
            drawing.add(Words(x, base, label, 2.7), Stroke(begin, base + 1.0, box.x + end - 2.5, base + 1.0))
            drawing.slot(key, Words(begin + 1, base, "", 3.2, "left", box.x + end - 3.5 - begin))
    return height


def own_name(field: str, draft: SideDraft) -> str:
    """The name of a field that every sheet of a candidate has: plain on the first, `.2` on the second."""
    if draft.sheet_index is None:
        return f"{field}.extra"
    return f"{field}.{draft.sheet_index + 1}" if draft.sheet_index else field


def _barcode(draft: SideDraft, paper: Paper, box: Box) -> float:
    printed = _has_printed_barcode(draft, paper)
    draft.codes.append(
        Code(
            name=own_name("barcode", draft),
            role="candidate",
            symbology="Code128",
            box=(box.x, box.y, box.width, box.height),
            optional=not printed,
        )
    )
    draft.barcode = box if printed else None
    if printed:
        draft.drawing.slot("number", Words(box.x + box.width / 2, box.y + box.height - 1.4, "", 3.2, "centre"))
    else:
        draft.drawing.add(Panel(box.x, box.y, box.width, box.height, dashed=True, radius=1.2))
        text = say(paper.sheet.languages, "贴条形码区（请勿超出虚线框）", "Barcode sticker here", "　")
        draft.drawing.add(Words(box.x + box.width / 2, box.y + box.height / 2 + 1, text, 2.7, "centre", box.width - 6))
    return box.height


def _number_grid(draft: SideDraft, paper: Paper, box: Box) -> float:
    """The candidate number: a box to write each digit in, and ten bubbles below it."""
    digits, drawing = paper.sheet.number.digits, draft.drawing
    pitch = rounded((box.width - 4) / digits)
    title, boxes, height = 5.0, 6.4, 5.0 + 6.4 + 10 * DIGIT_ROW + 2.4
    drawing.add(
        Panel(box.x, box.y, box.width, height, radius=1.2),
        Words(
            box.x + box.width / 2,
            box.y + 3.6,
            say(paper.sheet.languages, "准考证号", "Candidate number"),
            2.7,
            "centre",
            box.width - 3,
            bold=True,
        ),
        Stroke(box.x, box.y + title, box.x + box.width, box.y + title),
        Stroke(box.x, box.y + title + boxes, box.x + box.width, box.y + title + boxes),
    )
    first = rounded(box.x + 2 + pitch / 2)
    for i in range(digits + 1):
        x = first + (i - 0.5) * pitch
        drawing.add(Stroke(x, box.y + title, x, box.y + title + boxes))
    name = own_name("number", draft)
    grid = Grid(
        name=name,
        role="candidate",
        fields=(name,),
        values=tuple("0123456789"),
        origin=(first, rounded(box.y + title + boxes + 3.4)),
        value_step=(0.0, DIGIT_ROW),
        field_step=(pitch, 0.0),
        joined=True,
        lines=digits,
        bubble=BUBBLE,
    )
    draft.grids.append(grid)
    draw_grid(drawing, grid)
    return height


def _strips(draft: SideDraft, paper: Paper, box: Box) -> float:
    """The absent box, which only the invigilator fills in, and the paper type: side by side where there is room."""
    absent, kind = paper.sheet.absent_box, bool(paper.types)
    if not (absent and kind):
        (_absent if absent else _paper_type)(draft, paper, box)
        return box.height
    width = rounded(max(30.0, 16 + OPTION_PITCH * len(paper.types)))
    if box.width - width - GAP < ABSENT_ROOM:
        _absent(draft, paper, box)
        _paper_type(draft, paper, Box(box.x, rounded(box.y + box.height + GAP), box.width, box.height))
        return 2 * box.height + GAP
    _absent(draft, paper, Box(box.x, box.y, rounded(box.width - width - GAP), box.height))
    _paper_type(draft, paper, Box(rounded(box.x + box.width - width), box.y, width, box.height))
    return box.height


def _absent(draft: SideDraft, paper: Paper, box: Box) -> None:
    x = rounded(box.x + 4.6)
    grid = Grid(
        name="absent",
        role="absent",
        fields=("absent",),
        values=("1",),
        origin=(x, rounded(box.y + box.height / 2)),
        value_step=(OPTION_PITCH, 0.0),
        bubble=BUBBLE.model_copy(update={"letter": False}),
    )
    draft.grids.append(grid)
    draft.drawing.add(Panel(box.x, box.y, box.width, box.height, radius=1.2))
    draw_grid(draft.drawing, grid)
    languages, room = paper.sheet.languages, box.width - 10
    zh, en = ("缺考标记：考生禁填，仅由监考员填涂", "Absent: only the invigilator fills this in")
    lines = [{"zh": zh, "en": en}[language] for language in languages]
    for i, line in enumerate(lines):
        y = box.y + box.height / 2 + 1 + (i - (len(lines) - 1) / 2) * 3.8
        draft.drawing.add(Words(box.x + 8.4, y, line, 2.6 if i == 0 else 2.3, "left", room))


def _paper_type(draft: SideDraft, paper: Paper, box: Box) -> None:
    count = len(paper.types)
    last = box.x + box.width - 3.6
    grid = Grid(
        name="type",
        role="paper_type",
        fields=("type",),
        values=paper.types,
        origin=(rounded(last - OPTION_PITCH * (count - 1)), rounded(box.y + box.height / 2)),
        value_step=(OPTION_PITCH, 0.0),
        bubble=BUBBLE,
    )
    draft.grids.append(grid)
    draft.drawing.add(Panel(box.x, box.y, box.width, box.height, radius=1.2))
    draw_grid(draft.drawing, grid)
    room = box.width - OPTION_PITCH * count - 4.5
    lines = [{"zh": "试卷类型", "en": "Paper type"}[language] for language in paper.sheet.languages]
    for i, line in enumerate(lines):
        y = box.y + box.height / 2 + 1 + (i - (len(lines) - 1) / 2) * 3.8
        draft.drawing.add(Words(box.x + 2, y, line, 2.4, "left", room))


def _instructions(drawing: Drawing, paper: Paper, box: Box) -> float:
    """Three sentences and two rows of pictures: what a good mark looks like, and what a bad one."""
    languages = paper.sheet.languages
    zh = ("注意：1. 用2B铅笔将选项填满涂黑；修改时用橡皮擦干净。", "2. 书写题用0.5毫米黑色签字笔作答。3. 保持卡面清洁，不要折叠。")
    en = (
        "Fill bubbles completely with a 2B pencil; erase cleanly to change.",
        "Write answers with a black 0.5 mm pen. Keep the card clean and flat.",
    )
    lines = [line for language in languages for line in {"zh": zh, "en": en}[language]]
    height = rounded(max(12.0, 3.5 * len(lines) + 2.4))
    pictures = 56.0
    drawing.add(Panel(box.x, box.y, box.width, height, radius=1.2))
    for i, line in enumerate(lines):
        drawing.add(Words(box.x + 2.5, box.y + 4.0 + 3.5 * i, line, 2.4, "left", box.width - pictures - 5))
    x = box.x + box.width - pictures
    drawing.add(Stroke(x, box.y, x, box.y + height))
    middle = box.y + height / 2
    drawing.add(Words(x + 2, middle - 2.2, say(languages, "正确", "Good"), 2.5))
    drawing.add(Words(x + 2, middle + 4.4, say(languages, "错误", "Bad"), 2.5))
    drawing.add(Oval(x + 19, middle - 3.1, WIDTH, HEIGHT, fill="black"))
    for i, spoil in enumerate((_tick, _cross, _ring, _speck, _half)):
        at = x + 19 + 7.2 * i
        drawing.add(Oval(at, middle + 3.5, WIDTH, HEIGHT))
        spoil(drawing, at, middle + 3.5)
    return height


def _tick(drawing: Drawing, x: float, y: float) -> None:
    drawing.add(Stroke(x - 1.2, y, x - 0.2, y + 1.1, 0.35, "text"), Stroke(x - 0.2, y + 1.1, x + 1.6, y - 1.4, 0.35, "text"))


def _cross(drawing: Drawing, x: float, y: float) -> None:
    drawing.add(Stroke(x - 1.3, y - 1.2, x + 1.3, y + 1.2, 0.35, "text"), Stroke(x - 1.3, y + 1.2, x + 1.3, y - 1.2, 0.35, "text"))


def _ring(drawing: Drawing, x: float, y: float) -> None:
    drawing.add(Oval(x, y, WIDTH + 1.2, HEIGHT + 1.2, 0.35, "text"))


def _speck(drawing: Drawing, x: float, y: float) -> None:
    drawing.add(Oval(x, y, 1.0, 0.9, 0.1, "text", fill="black"))


def _half(drawing: Drawing, x: float, y: float) -> None:
    drawing.add(*(Stroke(x - 1.6 + 0.5 * i, y + 0.8, x - 1.2 + 0.5 * i, y - 0.8, 0.3, "text") for i in range(4)))
