"""One frame's bytes -> what is filed of it, and the pictures that go to the store. No database, no queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.ids import PageCode
from core.template import Template
from omr.clippings import crops, preview
from omr.desk.forms import Forms
from omr.filing import FrameResult
from omr.reading import PageReading, read_page
from omr.regions import RegionCut
from scanner.decode import Channel, Page
from scanner.frames import single_page

_SHOWN = ("jpeg", "png")  # formats that a browser shows without a preview


@dataclass(frozen=True, slots=True)
class Vouched:
    """A person says which side of which sheet a frame is."""

    sheet: str
    paper: str
    side: int


@dataclass(frozen=True, slots=True)
class Frame:
    receipt_id: int
    sha256: str
    where: str
    vouched: Vouched | None = None
    place: str = ""  # in a pack of the store; empty for a file of its own


@dataclass(frozen=True)
class Read:
    """A result whose pictures are still bytes, by name: `preview`, `crop:FIELD`, `region:NAME`."""

    result: FrameResult
    pictures: dict[str, bytes] = field(default_factory=dict)

    def with_hashes(self, hashes: dict[str, str]) -> FrameResult:
        """The result pointing to its stored pictures."""
        evidence = dict(self.result.evidence)
        if "preview" in hashes:
            evidence["preview"] = hashes["preview"]
        cut = {name.removeprefix("crop:"): sha for name, sha in hashes.items() if name.startswith("crop:")}
        if cut:
            evidence["crops"] = cut
        regions = [r | {"sha256": hashes[f"region:{r['name']}"]} for r in self.result.regions]
        return replace(self.result, evidence=evidence, regions=regions)


def read_frame(data: bytes, frame: Frame, forms: Forms) -> Read:
    """Decode and read a frame. Raises FrameUnreadable where the bytes are no single page."""
    return to_file(*see_frame(data, frame, forms), frame, forms)


def see_frame(data: bytes, frame: Frame, forms: Forms) -> tuple[Page, PageReading]:
    """The decoded frame and what is on it. Raises FrameUnreadable where the bytes are no single page."""
    templates = [template for _, template in forms.templates.values()]
    code = None
    if frame.vouched is not None:
        code, templates = _as_vouched(forms, frame.vouched)
    page = single_page(data, where=frame.where, channel=_channel(templates))
    reading = read_page(page, templates, cut=True)
    if code is not None and reading.laid is not None and reading.kind in ("", "doubt", "code_unknown"):
        reading = replace(reading, code=code, kind="doubt" if reading.kind == "doubt" else "", reason="")
    return page, reading


def _as_vouched(forms: Forms, vouched: Vouched) -> tuple[PageCode, list[Template]]:
    """A template with that one side and without a page code: the code cannot be read, or says something wrong."""
    template = forms.template(vouched.paper)
    side = template.side(vouched.side)
    bare = side.model_copy(update={"codes": tuple(c for c in side.codes if c.role != "page")})
    exam, edition = template.exam or forms.definition.exam, template.edition or "1"
    return PageCode(exam, vouched.paper, edition, vouched.sheet, vouched.side), [template.model_copy(update={"sides": (bare,)})]


def _channel(templates: Sequence[Template]) -> Channel:
    """The colour in which all forms' drop-out ink is white; grey where they differ or have none."""
    first = templates[0].drop_out if templates else "none"
    return "grey" if first == "none" or any(t.drop_out != first for t in templates) else first


def to_file(page: Page, reading: PageReading, frame: Frame, forms: Forms) -> Read:
    """What is filed of a reading, and its pictures."""
    paper = next((p for p, (_, t) in forms.templates.items() if reading.template is not None and t.name == reading.template.name), None)
    kind = reading.kind if reading.status != "ok" and reading.kind != "doubt" else ""
    result = FrameResult(
        receipt_id=frame.receipt_id,
        kind=kind,
        reason=reading.reason if kind else "",
        code=reading.code,
        paper=paper,
        template_id=forms.templates[paper][0] if paper else None,
        side=reading.side,
        fields={name: f.as_json() for name, f in reading.fields.items()},
        regions=[_region(r) for r in reading.regions],
        evidence=reading.evidence | {"decoders": reading.decoders},
    )
    return Read(result, _pictures(page, reading, paper, forms))


def _region(region: RegionCut) -> dict[str, Any]:
    return {"name": region.name, "group": region.group, "width": region.width, "height": region.height, "ink": round(region.ink, 6)}


def _pictures(page: Page, reading: PageReading, paper: str | None, forms: Forms) -> dict[str, bytes]:
    turn = int(reading.evidence.get("turn", 0))
    pictures = {f"region:{r.name}": r.jpeg for r in reading.regions}
    doubtful = [name for name, f in reading.fields.items() if f.doubt]
    if reading.status != "ok" or page.format not in _SHOWN:
        pictures["preview"] = preview(page, turn=turn)
    if paper is not None and reading.side is not None and reading.laid is not None and reading.fields:
        template = forms.template(paper)
        roles = forms.roles(paper, reading.side)
        # An unclear type or choice too: only the whole script shows whether it is a case.
        unclear = [f for f in (*roles.types, *roles.choices) if reading.fields[f].value not in roles.options[f]]
        names = {*doubtful, *unclear} - {*roles.barcodes}
        if names:
            cut = crops(page, reading.laid, template.side(reading.side), names)
            pictures |= {f"crop:{name}": jpeg for name, jpeg in cut.items()}
    return pictures
