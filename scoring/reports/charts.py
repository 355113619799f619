"""Charts as inline SVG: no script, no file beside the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from scoring.statistics import Band

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 240, 44, 30, 14
MOST_BARS = 40
STEPS = (1, 2, 5, 10, 20, 25, 50, 100)


def histogram(bands: Sequence[Band], full: int, label: str) -> str:
    """How many candidates reached which marks; `full` in hundredths. Bars are as wide as keeps them readable."""
    whole = full // 100
    width = next((s for s in STEPS if whole / s <= MOST_BARS), STEPS[-1])
    counts = [0] * (whole // width + 1)
    for band in bands:
        counts[min(band.marks // width, len(counts) - 1)] += band.count
    most = max(counts, default=0) or 1
    step = _tick(most)
    ceiling = -(-most // step) * step
    plot_w, plot_h = WIDTH - LEFT - 8, HEIGHT - BOTTOM - TOP
    each = plot_w / len(counts)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}" class="chart">']
    for value in range(0, ceiling + 1, step):
        y = TOP + plot_h - plot_h * value / ceiling
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    every = max(1, -(-len(counts) // 12))
    for n, count in enumerate(counts):
        height = plot_h * count / ceiling
        x = LEFT + n * each
        span = f"{n * width}" if width == 1 else f"{n * width}–{min(whole, n * width + width - 1)}"
        parts.append(
            f'<rect x="{x + each * 0.08:.1f}" y="{TOP + plot_h - height:.1f}" width="{each * 0.84:.1f}" height="{height:.1f}">'
            f"<title>{span}: {count}</title></rect>"
        )
        if n % every == 0:
            parts.append(f'<text x="{x + each / 2:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{n * width}</text>')
    parts.append("</svg>")
    return "".join(parts)


def _tick(most: int) -> int:
    """A round step that gives at most five lines."""
    step, scale = 1, 1
    while True:
        for factor in (1, 2, 5):
            step = factor * scale
            if most <= step * 5:
                return step
        scale *= 10


def bar(share: float | None) -> str:
    """A small bar in a table cell; negative values show empty."""
    width = 0 if share is None else max(0.0, min(1.0, share)) * 100
    return f'<span class="bar"><i style="width:{width:.0f}%"></i></span>'
