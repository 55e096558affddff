"""Makes the pictures of the documentation: ``python -m nox -s pictures``.

The pictures are a transcript and a sequence diagram of two users in a chat, in light and in dark,
and the latency of a handler. mermaid draws the diagram in Chromium, so npm and chromedriver are
needed. The pictures differ from run to run, so make them only after a change of what they show.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import check_site
import draw_layers
import socketio
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from asgi_sio_testclient import TestClient

PICTURES = Path(__file__).with_name("_pictures")
MERMAID = "mermaid@11"
THEMES = {"light": "default", "dark": "dark"}

HANDLER = """
import asyncio
import random

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def search(sid, words):
    await asyncio.sleep(random.lognormvariate(-6.2, 0.3))
    return words
"""

TYPO = """
import socketio

from asgi_sio_testclient import TestClient

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def join_room(sid, room):
    await sio.enter_room(sid, room)
    return "joined"


async def test_typo():
    async with TestClient(app) as client:
        await client.connect()
        assert await client.call("join_rom", "north") == "joined"
"""

RENDER = """
    const [source, theme, done] = arguments;
    mermaid.initialize({startOnLoad: false, theme: theme});
    mermaid.render("sequence", source).then(result => done(result.svg));
"""


sio = socketio.AsyncServer(async_mode="asgi")


@sio.event
async def say(sid, text):
    await sio.emit("said", text, skip_sid=sid)
    return "delivered"


async def converse() -> tuple[str, str]:
    """Return a transcript and its diagram."""
    async with TestClient(socketio.ASGIApp(sio)) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await alice.call("say", "Is the kettle on?")
        await bob.await_event("said")
        await bob.call("say", "It is now.")
        await alice.await_event("said")
        return str(alice.transcript), alice.transcript.to_mermaid()


def take_transcript(text: str) -> None:
    console = Console(record=True, width=96, file=io.StringIO())
    console.print(text, markup=False, highlight=False)
    svg = console.export_svg(title="print(alice.transcript)", theme=MONOKAI)
    # The fonts are on another site; the reader's own fonts are used instead.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (PICTURES / "transcript.svg").write_text(svg, encoding="utf-8")


def take_failure() -> None:
    """Take pytest's report of a misspelt event, in 80 columns."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "test_chat.py").write_text(TYPO.lstrip(), encoding="utf-8")
        options = ["-q", "--color=yes", "-oasyncio_mode=auto", "-pno:cacheprovider"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "test_chat.py"],
            cwd=directory,
            env=os.environ | {"COLUMNS": "80"},
            capture_output=True,
            text=True,
            check=False,
        )
    console = Console(record=True, width=80, file=io.StringIO())
    console.print(Text.from_ansi(done.stdout))
    svg = console.export_svg(title="pytest test_chat.py", theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (PICTURES / "failure.svg").write_text(svg, encoding="utf-8")


def take_sequence(source: str) -> None:
    with tempfile.TemporaryDirectory() as directory, check_site.chromium() as browser:
        npm = shutil.which("npm")
        assert npm is not None, "npm is needed for mermaid"
        subprocess.run([npm, "pack", MERMAID, "--silent"], cwd=directory, check=True)
        (archive,) = Path(directory).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extract("package/dist/mermaid.min.js", directory, filter="data")
        page = Path(directory, "page.html")
        script = '<script src="package/dist/mermaid.min.js"></script>'
        page.write_text(f'<meta charset="utf-8">{script}', encoding="utf-8")
        browser.get(page.as_uri())
        for name, theme in THEMES.items():
            svg = browser.execute_async_script(RENDER, source, theme)
            (PICTURES / f"sequence-{name}.svg").write_text(svg, encoding="utf-8")


def take_latency() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "shop.py").write_text(HANDLER, encoding="utf-8")
        arguments = ["bench", "shop:app", "search", '"tea"', "--calls", "2000", "--plot"]
        subprocess.run(
            [
                sys.executable,
                "-m",
                "asgi_sio_testclient",
                *arguments,
                str(PICTURES / "latency.svg"),
            ],
            cwd=directory,
            check=True,
        )


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "layers.svg").write_text(draw_layers.draw(), encoding="utf-8")
    transcript, diagram = asyncio.run(converse())
    take_transcript(transcript)
    take_failure()
    take_sequence(diagram)
    take_latency()


if __name__ == "__main__":
    main()
