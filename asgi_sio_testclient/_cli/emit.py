"""``emit``: sends one event to an app from the shell, like curl for HTTP.

Only JSON lines go to standard output, so that the output can be piped into jq. The output of the
app goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from asgi_sio_testclient import EventTimeout, NotConnected, ReceivedEvent, TestClient
from asgi_sio_testclient._cli import Parser, options, target

_DESCRIPTION = """\
Connect to an app in memory, emit one event, and print the answers. No server is started. With a URL
in the place of the app, connect to a live server.

Without --ack and --wait, every event that the app sends is printed once the app has settled; for a
live server, every event that arrives within --timeout. Each event is printed on one line, as
{"name": ..., "args": [...], "namespace": ...}; bytes as {"base64": "..."}."""

_EXAMPLES = """\
examples:
  %(prog)s main:app ping
  %(prog)s main:app say '{"room": "tea", "text": "hello"}' --ack
  %(prog)s main:app FOO 42 '"text"' --wait BAR --wait BAR -b session=eyJ1c2Vy | jq .args[0]
  %(prog)s main:create_app echo true --factory -n /chat --auth '{"token": "t0k3n"}'
  %(prog)s https://staging.example.com say '"hello"' --ack

exit codes: 0 success; 1 refused, timed out, or the app raised; 2 wrong arguments."""


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0, or 1 if the app has no handler for the event. Other errors are raised.
    """
    arguments = build_parser(prog).parse_intermixed_args(argv)
    printer = _JSONLines(sys.stdout)
    with contextlib.redirect_stdout(sys.stderr):
        client = target.build_client(arguments)
        asyncio.run(_emit(client, arguments, printer))
    if _is_unhandled(client, arguments.event):
        where = f"namespace {arguments.namespace!r}"
        sys.stderr.write(f"{prog}: the app has no handler for {arguments.event!r} in {where}\n")
        return 1
    return 0


def build_parser(prog: str) -> Parser:
    """Return the parser with the options of the command."""
    parser = Parser(prog=prog, description=_DESCRIPTION, epilog=_EXAMPLES)
    options.add_event_arguments(parser)
    options.add_connection_options(parser)
    parser.add_argument(
        "-w",
        "--wait",
        metavar="EVENT",
        action="append",
        default=[],
        help="wait for this event and print it; may be repeated, with the same or another event",
    )
    parser.add_argument(
        "--ack", action="store_true", help="wait for the handler's return value and print it"
    )
    return parser


async def _emit(
    client: TestClient, arguments: argparse.Namespace, output: Callable[[Any], None]
) -> None:
    namespace, event, data = arguments.namespace, arguments.event, arguments.data
    async with client:
        await target.connect(client, namespace)
        if arguments.ack:
            output(await client.call(event, *data, namespace=namespace))
        else:
            await client.emit(event, *data, namespace=namespace)
        for awaited in arguments.wait:
            output(_readable(await client.await_event(awaited, namespace=namespace)))
        if not arguments.ack and not arguments.wait:
            if target.is_url(arguments.app):
                await _print_until(client, arguments.timeout, output)
                return
            await client.settle()
            for received in client.get_received("*"):
                output(_readable(received))


async def _print_until(client: TestClient, timeout: float, output: Callable[[Any], None]) -> None:
    """Print the events of a live server for `timeout` seconds, or until the connection ends."""
    deadline = asyncio.get_running_loop().time() + timeout
    with contextlib.suppress(EventTimeout, NotConnected):
        while True:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            output(_readable(await client.await_event(namespace="*", timeout=left)))


def _is_unhandled(client: TestClient, event: str) -> bool:
    return any(run.event == event and not run.name for run in client.transcript.handlers)


def _readable(event: ReceivedEvent) -> dict[str, Any]:
    return {"name": event.name, "args": event.args, "namespace": event.namespace}


class _JSONLines:
    """Writes each value on a line and flushes: a later wait may time out, and a reader may wait."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, value: Any) -> None:
        line = json.dumps(value, ensure_ascii=False, default=_encode_bytes)
        try:
            line.encode(self._stream.encoding)
        except UnicodeEncodeError:
            line = json.dumps(value, default=_encode_bytes)
        self._stream.write(f"{line}\n")
        self._stream.flush()


def _encode_bytes(value: bytes | bytearray) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode()}
