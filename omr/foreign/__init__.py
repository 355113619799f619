"""Forms and layouts of other programs, converted to templates. Each is read by this engine's own readers."""

from __future__ import annotations

import json
from pathlib import Path

from core.template import Template, load_template
from omr.foreign import amc, omrchecker


def load_form(path: Path) -> Template:
    """A template: this engine's own, an OMRChecker template.json, or one page's layout of Auto Multiple Choice."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return load_template(path)  # says what is wrong with the file
    if omrchecker.looks_like(raw):
        return omrchecker.load_omrchecker(path)
    if amc.looks_like(raw):
        return amc.load_amc(raw, where=str(path))
    return load_template(path)
