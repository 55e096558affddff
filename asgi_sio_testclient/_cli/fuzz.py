"""``fuzz``: sends generated payloads to every handler of an app.

The failures and the summary go to standard output; the output of the app goes to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import sys
from collections.abc import Sequence
from typing import Any

from asgi_sio_testclient import UsageError
from asgi_sio_testclient._cli import CommandLineError, Parser, options, target
from asgi_sio_testclient._error_texts import shown_url
from asgi_sio_testclient._protocol.names import TRANSPORT_CHOICES

_DESCRIPTION = """\
Send generated payloads to the handlers of an app in memory: any JSON and bytes, shaped by the
handlers' code, annotations and recorded arguments. A handler fails if it never ends, if it raises,
or if the server accepts no other client afterwards. Hypothesis makes failing payloads smaller.

Time is virtual: a handler that sleeps for hours takes no time. The app's handlers do run: give the
app a database for tests."""

_EXAMPLES = """\
examples:
  %(prog)s main:app
  %(prog)s main:app order pay --auth '{"token": "t0k3n"}' --max-examples 1000
  %(prog)s main:create_app --factory --setup tests.login:log_in --from session.har
  %(prog)s main:app --sequences 8 --allow ValueError

exit codes: 0 no handler failed; 1 a handler failed; 2 wrong arguments, or the app refuses the
client."""


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0 if no handler failed, else 1.

    Raises:
        CommandLineError: the command line can't be carried out.
    """
    arguments = build_parser(prog).parse_intermixed_args(argv)
    try:
        fuzz = importlib.import_module("asgi_sio_testclient.fuzz")
    except ModuleNotFoundError as error:
        raise CommandLineError(
            f"needs {error.name}: pip install 'asgi-sio-testclient[fuzz]'"
        ) from None
    if target.is_url(arguments.app):
        raise CommandLineError(
            f"needs an app in this process, not the URL {shown_url(arguments.app)}"
        )
    with contextlib.redirect_stdout(sys.stderr):
        app = target.load_app(arguments.app, factory=arguments.factory)
        setup = None if arguments.setup is None else _setup(arguments.setup)
        report = _run(fuzz, app, setup, arguments)
    sys.stdout.write(f"{report}\n")
    return 1 if report.failures else 0


def _run(fuzz: Any, app: Any, setup: Any, arguments: argparse.Namespace) -> Any:
    try:
        return fuzz.run(
            app,
            *arguments.events,
            namespace=arguments.namespace,
            max_examples=arguments.max_examples,
            seed=arguments.seed,
            arity=arguments.arity,
            allow=arguments.allow,
            auth=arguments.auth,
            setup=setup,
            recorded=arguments.recorded,
            sequences=arguments.sequences,
            progress=_show if sys.stderr.isatty() else None,
            headers=arguments.header,
            cookies=dict(arguments.cookie),
            socketio_path=arguments.path,
            transports=TRANSPORT_CHOICES[arguments.transport or "websocket"],
            timeout=arguments.timeout,
        )
    except (UsageError, ValueError) as error:
        raise CommandLineError(str(error)) from None
    except OSError as error:
        raise CommandLineError(f"cannot read the recording: {error}") from None


def _setup(text: str) -> Any:
    function = target.load_object(text)
    if not callable(function) or not inspect.signature(function).parameters:
        raise CommandLineError(f"--setup {text}: expected a function that takes the client")
    return function


def _show(line: str) -> None:
    sys.stderr.write(f"fuzzing {line}\n")


def build_parser(prog: str) -> Parser:
    """Return the parser with the options of the command."""
    parser = Parser(prog=prog, description=_DESCRIPTION, epilog=_EXAMPLES)
    options.add_app(parser, or_url=False)
    option = parser.add_argument
    option(
        "events",
        metavar="EVENT",
        nargs="*",
        default=[],
        help="events whose handlers are fuzzed (default: all)",
    )
    options.add_count(
        parser, "--max-examples", 1, 200, "the most examples that are sent to one handler"
    )
    options.add_count(parser, "--seed", 0, 0, "the seed of the generated values")
    option(
        "--allow",
        metavar="EXCEPTION",
        action="append",
        default=[],
        help="an exception that handlers may raise, by name; may be repeated",
    )
    option(
        "--arity",
        metavar="N",
        type=options.whole(0),
        help="how many arguments to send (default: as many as each handler takes)",
    )
    option(
        "--setup",
        metavar="MODULE:FUNCTION",
        help="called with each client before the client connects, for example to log in; sync or "
        "async",
    )
    option(
        "--from",
        metavar="FILE",
        dest="recorded",
        help="recorded arguments to begin with: a HAR file, or a text file with one Engine.IO "
        "packet on each line",
    )
    option(
        "--sequences",
        metavar="LENGTH",
        type=options.whole(1),
        default=0,
        help="send sequences of events of all handlers instead, each with at most LENGTH events",
    )
    options.add_connection_options(parser, namespace=None)
    return parser
