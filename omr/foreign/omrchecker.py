"""OMRChecker: its template.json -> a template. Its boxes, names and ways of cropping are taken over, its ways of
deciding are not: the page is read by this engine's own readers, so `config.json`, which tunes thresholds, says nothing
here. This module owns the conversion; it reads no pixels.

Its boxes are measured from their top left corners, in pixels of `templateDimensions`. What is printed in a box, a
ring, a square or a letter only, its template does not say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import TemplateInvalid
from core.template import Template, embed, parse_template

_TYPES: dict[str, tuple[str, str]] = {
    "QTYPE_INT": ("0123456789", "vertical"),
    "QTYPE_INT_FROM_1": ("1234567890", "vertical"),
    "QTYPE_MCQ4": ("ABCD", "horizontal"),
    "QTYPE_MCQ5": ("ABCDE", "horizontal"),
}
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_NO_PLACE = frozenset({"Levels", "GaussianBlur", "MedianBlur", "Contrast", "AutoRotate"})  # they move nothing that is not found anew
_RANGE = re.compile(r"^(.*?)(\d+)\.\.\.?(\d+)$")


def looks_like(raw: object) -> bool:
    return isinstance(raw, dict) and "templateDimensions" in raw and "fieldBlocks" in raw


def load_omrchecker(path: Path) -> Template:
    """The template of an OMRChecker template.json, with the pictures that it names."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise TemplateInvalid(f"cannot be read ({e}).", where=str(path)) from e
    return embed(template_of(raw, name=path.parent.name or path.stem, where=str(path)), path.parent)


def template_of(raw: Mapping[str, Any], *, name: str, where: str) -> Template:
    try:
        width, height = (float(v) for v in raw["templateDimensions"])
        grids = [_grid(block, label, raw) for label, block in raw["fieldBlocks"].items()]
        side = {"side": 1, "registration": _registration(raw, width, height, where), "grids": grids}
        columns = list(_columns(raw, [field for grid in grids for field in grid["fields"]]))
        converted = {"name": name, "unit": "cell", "width": width, "height": height, "columns": columns, "sides": [side]}
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise TemplateInvalid(f"is not a template of OMRChecker that can be converted ({e!r}).", where=where) from e
    return parse_template(converted, where=where)


def labels_of(given: Sequence[str]) -> list[str]:
    """`q1..4` is q1, q2, q3, q4."""
    found: list[str] = []
    for label in given:
        if match := _RANGE.match(label):
            stem, first, last = match.groups()
            found.extend(f"{stem}{i}" for i in range(int(first), int(last) + 1))
        else:
            found.append(label)
    return found


def _grid(block: Mapping[str, Any], label: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    values, direction = _values(block, raw)
    width, height = (float(v) for v in block.get("bubbleDimensions") or raw["bubbleDimensions"])
    x, y = (float(v) for v in block["origin"])
    along, beside = float(block.get("bubblesGap", 0)), float(block.get("labelsGap", 0))
    down = direction == "vertical"
    return {
        "name": label,
        "fields": labels_of(block["fieldLabels"]),
        "values": values,
        "origin": [x + width / 2, y + height / 2],
        "value_step": [0, along] if down else [along, 0],
        "field_step": [beside, 0] if down else [0, beside],
        "bubble": {"width": width, "height": height, "ring": False, "loose": True},
    }


def _values(block: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[list[str], str]:
    if "bubbleValues" in block:
        return [str(v) for v in block["bubbleValues"]], str(block.get("direction", "vertical"))
    kind = str(block.get("bubbleFieldType") or block.get("fieldType"))
    custom = raw.get("customBubbleFieldTypes", {})
    if kind in custom:
        return [str(v) for v in custom[kind]["bubbleValues"]], str(custom[kind]["direction"])
    values, direction = _TYPES[kind]
    return list(values), direction


def _columns(raw: Mapping[str, Any], fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Its columns: `outputColumns` where it names them; else what is concatenated, then the fields that are not."""
    empties = {
        field: str(block.get("emptyValue", raw.get("emptyValue", "")))
        for block in raw["fieldBlocks"].values()
        for field in labels_of(block["fieldLabels"])
    }
    joined = {name: labels_of(parts) for name, parts in raw.get("customLabels", {}).items()}
    inside = {field for parts in joined.values() for field in parts}
    every = joined | {field: [field] for field in fields if field not in inside}
    names = labels_of(raw.get("outputColumns") or []) or list(every)
    for name in names:
        parts = every[name]
        yield {"name": name, "fields": parts, "empty": empties[parts[0]]}


def _registration(raw: Mapping[str, Any], width: float, height: float, where: str) -> dict[str, Any]:
    """How its pre-processors come to a page that fits the template: the last one that places it says where it is."""
    placed: dict[str, Any] = {"kind": "frame", "upright": True}
    for step in raw.get("preProcessors", []):
        kind, options = step["name"], step.get("options", {})
        if kind == "CropPage":
            placed = {"kind": "outline", "upright": True}
        elif kind == "FeatureBasedAlignment":
            placed = {"kind": "reference", "reference": options["reference"]}
        elif kind == "CropOnMarkers":
            placed = _on_markers(raw, step, width, height, where)
        elif kind not in _NO_PLACE:
            raise TemplateInvalid(f"its pre-processor {kind} is not known.", where=where, remedy="See docs/foreign-forms.md.")
    return placed


def _on_markers(raw: Mapping[str, Any], step: Mapping[str, Any], width: float, height: float, where: str) -> dict[str, Any]:
    options = step["options"]
    if options.get("type", "FOUR_MARKERS") != "FOUR_MARKERS":
        message = f"CropOnMarkers with the type {options['type']} is not known."
        raise TemplateInvalid(message, where=where, remedy="Give a picture of the blank form instead: docs/foreign-forms.md.")
    shape = options.get("processingImageShape") or step.get("processingImageShape") or raw.get("processingImageShape") or [height, width]
    size = float(options.get("markerDimensions", [0.05 * shape[1]])[0]) / float(shape[1]) * width
    marks = [{"shape": "picture", "x": x * width, "y": y * height, "width": size, "height": size} for x, y in _CORNERS]
    picture = options.get("referenceImage") or options["relativePath"]
    return {"kind": "pictures", "reference": picture, "marks": marks, "upright": True}
