"""Draws the picture of the layers: ``python docs/draw_layers.py``.

The picture is drawn into the page itself, in the colours of the text around it, so that it follows
the page from light to dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

PICTURES = Path(__file__).with_name("_pictures")

LEFT, WIDTH, GAP = 34, 500, 12
HEIGHT, STEP = 54, 66
APP_LEFT, APP_WIDTH = 584, 140


@dataclass(frozen=True)
class Box:
    """Modules that stand side by side, and what they are for."""

    title: str
    modules: tuple[str, ...] = ()
    share: float = 1.0


# Top-down. tests/test_architecture.py has the same layers, finer, and holds the rule.
ROWS = (
    (Box("your test"),),
    (Box("command line", ("_commands", "_cli", "_demo")),),
    (
        Box("pytest", ("pytest_plugin",), 0.5),
        Box("measuring", ("bench", "_bench"), 0.5),
    ),
    (
        Box("the stock client in memory", ("stock", "_stock"), 0.5),
        Box("conformance", ("conformance", "_conformance"), 0.5),
    ),
    (Box("the same without await", ("_sync",)),),
    (Box("client: events, waits, settle", ("_client", "_state")),),
    (Box("one connection, the running app, its clock", ("_session", "_runtime", "_time")),),
    (
        Box("transports, HTTP", ("_transports", "_http"), 0.5),
        Box("options, explanations", ("_options", "_explain"), 0.5),
    ),
    (Box("request line", ("_handshake",), 0.5), Box("transcript", ("_transcript",), 0.5)),
    (
        Box("protocol: no I/O, no clock", ("_socketio", "_engineio"), 0.42),
        Box("the server's inside", ("_server", "_threaded"), 0.33),
        Box("scopes", ("asgi",), 0.25),
    ),
    (
        Box("inbox, acks, errors", ("_inbox", "_acks", "_exceptions"), 0.56),
        Box("fan-out, a bad network", ("pubsub", "faults"), 0.44),
    ),
    (
        Box("facts", ("_events", "_handlers", "_places", "_waiting"), 0.6),
        Box("versions", ("_version", "_deprecation"), 0.4),
    ),
)

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
        x, room = float(LEFT), WIDTH - GAP * (len(row) - 1)
        for box in row:
            yield from draw_box(box, x, 12 + number * STEP, room * box.share)
            x += room * box.share + GAP


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
    scopes = next(number for number, row in enumerate(ROWS) if row[-1].modules == ("asgi",))
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
