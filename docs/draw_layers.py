"""Draws the picture of the layers: ``python docs/draw_layers.py``.

The picture is part of the page and uses the colours of its text, so that it follows the page's
theme.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from import_rules import RULES

PICTURES = Path(__file__).with_name("_pictures")

LEFT, WIDTH, GAP = 34, 500, 12
HEIGHT, STEP = 54, 66
APP_LEFT, APP_WIDTH = 584, 140


@dataclass(frozen=True)
class Box:
    """Modules that are next to each other, with their title."""

    title: str
    modules: tuple[str, ...] = ()
    share: float = 1.0


def rows() -> tuple[tuple[Box, ...], ...]:
    """The units of tests/import_rules.py, from the top down, below the reader's test."""
    shown = [(rule.row, name, rule.title) for name, rule in RULES.items() if rule.row is not None]
    found: list[tuple[Box, ...]] = [(Box("your test"),)]
    for number in sorted({row for row, _, _ in shown}, reverse=True):
        boxes = [(name, title) for row, name, title in shown if row == number]
        weight = sum(map(width_of, boxes))
        found.append(tuple(Box(box[1], (box[0],), width_of(box) / weight) for box in boxes))
    return tuple(found)


def width_of(box: tuple[str, str]) -> int:
    return max(map(len, box)) + 4


ROWS = rows()

STYLE = """
    .box { fill: none; stroke: currentColor; stroke-opacity: .45; }
    .mine { stroke-dasharray: 5 4; }
    .app { fill: var(--color-brand-primary); fill-opacity: .12;
           stroke: var(--color-brand-primary); stroke-opacity: 1; }
    .way { fill: none; stroke: var(--color-brand-primary); stroke-width: 1.6; }
    .watch { stroke-dasharray: 4 4; }
    .title { fill: currentColor; font: 600 13px var(--font-stack, sans-serif); }
    .small { fill: currentColor; font: 12px var(--font-stack, sans-serif); }
    .code { fill: currentColor; opacity: .8; font: 12px var(--font-stack--monospace, monospace); }
"""


def text(x: float, y: float, style: str, words: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{style}" text-anchor="middle">{words}</text>'


def draw_box(box: Box, x: float, y: float, width: float) -> Iterator[str]:
    middle = x + width / 2
    style = "box" if box.modules else "box mine"
    yield (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{HEIGHT}" rx="6" class="{style}"/>'
    )
    yield text(middle, y + (23 if box.modules else 32), "title", escape(box.title))
    names = "&#160; ".join(f"<tspan>{module}</tspan>" for module in box.modules)
    if names:
        yield text(middle, y + 42, "code", names)


def draw_rows() -> Iterator[str]:
    for number, row in enumerate(ROWS):
        x, width = float(LEFT), WIDTH - GAP * (len(row) - 1)
        for box in row:
            yield from draw_box(box, x, 12 + number * STEP, width * box.share)
            x += width * box.share + GAP


def draw_app(number: int) -> Iterator[str]:
    y = 12 + number * STEP
    middle, right = y + HEIGHT / 2, LEFT + WIDTH
    centre = APP_LEFT + APP_WIDTH / 2
    yield (
        f'<rect x="{APP_LEFT}" y="{y - STEP}" width="{APP_WIDTH}" height="{HEIGHT + 2 * STEP}"'
        ' rx="6" class="box app"/>'
    )
    yield text(centre, middle - 20, "title", "your app")
    yield text(centre, middle + 2, "small", "scope, receive, send")
    yield text(centre, middle + 24, "small", "python-socketio")
    yield f'<path d="M{right + 3} {middle - 6}H{APP_LEFT - 6}" class="way" marker-end="url(#tip)"/>'
    yield f'<path d="M{APP_LEFT - 3} {middle + 6}H{right + 6}" class="way" marker-end="url(#tip)"/>'


def draw() -> str:
    bottom = 12 + len(ROWS) * STEP - (STEP - HEIGHT)
    scopes = next(
        number for number, row in enumerate(ROWS) if ("asgi",) in [b.modules for b in row]
    )
    lines = [
        '<figure class="diagram">',
        (
            f'<svg viewBox="0 0 {APP_LEFT + APP_WIDTH + 4} {bottom + 10}" role="img"'
            ' aria-label="The layers of the package, from your test at the top down to the facts;'
            ' imports run downwards only, and the scopes layer meets your app.">'
        ),
        f"<style>{STYLE}</style>",
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
            ' markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"'
            ' fill="var(--color-brand-primary)"/></marker></defs>'
        ),
        f'<path d="M14 {HEIGHT + 12}V{bottom}" class="way" marker-end="url(#tip)"/>',
        (
            f'<text transform="translate(26 {bottom / 2 + 60:g}) rotate(-90)" class="small">'
            "imports run downwards</text>"
        ),
        *draw_rows(),
        *draw_app(scopes),
        "</svg>",
        "</figure>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "layers.svg").write_text(draw(), encoding="utf-8")
