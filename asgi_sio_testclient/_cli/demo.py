"""``demo``: runs the bundled chat app in memory, with two users, in a second.

Each line of the output is one call of the public API: the user, the call, its outcome and its time.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from asgi_sio_testclient import ConnectionRefused, TestClient
from asgi_sio_testclient._cli import Parser, options
from asgi_sio_testclient._cli.demo_app import create_app
from asgi_sio_testclient._protocol.names import TRANSPORT_CHOICES

_TITLE = "A chat app with an HTTP login, in this process: no port, no server thread, no sleep."

_WHO, _CALL, _OUTCOME, _TIME = 7, 34, 33, 8
"""Widths of the columns."""

_Write = Callable[[str, str], None]
"""Writes a text in a style: "", "bold", "dim", "red", "cyan" or "magenta"."""


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0. Errors are raised.
    """
    arguments = build_parser(prog).parse_args(argv)
    write = _coloured() if _uses_colour() else _plain
    asyncio.run(_converse(TRANSPORT_CHOICES[arguments.transport], _Table(write)))
    return 0


def build_parser(prog: str) -> Parser:
    """Return the parser with the options of the command."""
    parser = Parser(prog=prog, description=_TITLE)
    options.add_transport_option(parser)
    return parser


async def _converse(transports: Any, table: _Table) -> None:
    app = create_app()
    table.title()
    async with TestClient(app, transports=transports) as ada, ada.clone() as grace:
        await _refused(ada, table)
        await _log_in(ada, table, "ada", "analytical")
        await _join(ada, table, "ada")
        await _log_in(grace, table, "grace", "hopper-bug")
        await _join(grace, table, "grace")
        await _await_event(ada, table, "ada", "joined")
        await _say(ada, table, "ada", "Is the kettle on?")
        await _await_event(grace, table, "grace", "said")
        await _say(grace, table, "grace", "It is now.")
        await _await_event(ada, table, "ada", "said")
        with table.step("grace", "disconnect()") as step:
            await grace.disconnect()
            step.outcome = str(grace.disconnect_reason)
        await _await_event(ada, table, "ada", "left")
    table.total()


async def _refused(client: TestClient, table: _Table) -> None:
    with table.step("ada", "connect()") as step:
        try:
            await client.connect()
        except ConnectionRefused as refusal:
            step.outcome = f"refused: {refusal.data['message']}"
            step.style = "red"


async def _log_in(client: TestClient, table: _Table, name: str, password: str) -> None:
    with table.step(name, 'http.post("/login", json=...)') as step:
        answer = await client.http.post("/login", json={"name": name, "password": password})
        step.outcome = f"{answer.status_code}, cookie {next(iter(answer.cookies))}"
    with table.step(name, "connect()") as step:
        await client.connect()
        step.outcome = f"connected, {client.transport}"


async def _join(client: TestClient, table: _Table, name: str) -> None:
    with table.step(name, 'call("join", "tea")') as step:
        step.outcome = f"here: {', '.join(await client.call('join', 'tea'))}"


async def _say(client: TestClient, table: _Table, name: str, text: str) -> None:
    with table.step(name, f'emit("say", "{text}")'):
        await client.emit("say", text)


async def _await_event(client: TestClient, table: _Table, name: str, event: str) -> None:
    with table.step(name, f'await_event("{event}")') as step:
        received = await client.await_event(event)
        step.outcome = ": ".join(received.args)


class _Table:
    """The table of steps; each step is written when it ends."""

    def __init__(self, write: _Write) -> None:
        self._write = write
        self._steps: list[_Step] = []

    def title(self) -> None:
        self._write(f"{_TITLE}\n\n", "bold")
        head = f"{'who':{_WHO}}{'call':{_CALL}}{'outcome':{_OUTCOME}}{'ms':>{_TIME}}\n"
        self._write(head, "dim")

    def step(self, who: str, call: str) -> _Step:
        step = _Step(who, call, self._write)
        self._steps.append(step)
        return step

    def total(self) -> None:
        milliseconds = sum(step.milliseconds for step in self._steps)
        self._write(f"\n{len(self._steps)} steps in {milliseconds:.1f} ms.", "bold")
        self._write(" The app: asgi_sio_testclient/_cli/demo_app.py\n", "")


class _Step:
    """One call, as a context manager that measures its time and writes a line of the table."""

    def __init__(self, who: str, call: str, write: _Write) -> None:
        self._who = who
        self._call = call
        self._write = write
        self.outcome = ""
        self.style = ""
        self.milliseconds = 0.0

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.milliseconds = (time.perf_counter() - self._started) * 1000
        self._write(f"{self._who:{_WHO}}", "cyan" if self._who == "ada" else "magenta")
        self._write(f"{self._call:{_CALL}}", "")
        self._write(f"{self.outcome:{_OUTCOME}}", self.style)
        self._write(f"{self.milliseconds:{_TIME}.2f}\n", "dim")


def _uses_colour() -> bool:
    # https://no-color.org: set and not empty, whatever its value.
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _plain(text: str, _style: str) -> None:
    sys.stdout.write(text)


def _coloured() -> _Write:
    try:
        from rich.console import Console  # noqa: PLC0415 (optional)
        from rich.text import Text  # noqa: PLC0415
    except ImportError:
        return _plain
    console = Console(soft_wrap=True)

    def write(text: str, style: str) -> None:
        console.print(Text(text, style=style), end="")

    return write
