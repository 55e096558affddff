"""``fuzz``: generated payloads for every handler of an app.

Standard output carries the failures and the summary; what the app prints goes to standard error.
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
from asgi_sio_testclient._cli import CommandLineError, Parser, target
from asgi_sio_testclient._exceptions import shown_url
from asgi_sio_testclient._protocol.names import TRANSPORT_CHOICES

_DESCRIPTION = """\
Send generated payloads to the handlers of an app, in memory: any JSON and binary, shaped by the
handlers' code, annotations and recorded arguments. A handler holds where it ends, raises nothing,
and leaves the server able to answer another client. Failing payloads are made small by Hypothesis.

Time is virtual: a handler may sleep for hours. The app's handlers do run: let them have a database
of their own."""

_EXAMPLES = """\
examples:
  %(prog)s main:app
  %(prog)s main:app order pay --auth '{"token": "t0k3n"}' --max-examples 1000
  %(prog)s main:create_app --factory --setup tests.login:log_in --from session.har
  %(prog)s main:app --sequences 8 --allow ValueError

exit codes: 0 all handlers held; 1 some failed; 2 wrong arguments, or the app refuses the client."""


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0 where all handlers held, else 1.

    Raises:
        CommandLineError: what was typed cannot be carried out.
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
    """The options of the command."""
    parser = Parser(prog=prog, description=_DESCRIPTION, epilog=_EXAMPLES)
    option = parser.add_argument
    option("app", metavar="MODULE:APP", help="the app, as uvicorn takes it")
    option(
        "events",
        metavar="EVENT",
        nargs="*",
        default=[],
        help="events whose handlers are fuzzed (default: all)",
    )
    target.add_count(
        parser, "--max-examples", 1, 200, "how many each handler gets, until one fails"
    )
    target.add_count(parser, "--seed", 0, 0, "of the generated values")
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
        type=target.whole(0),
        help="how many arguments to send (default: as many as each handler takes)",
    )
    option(
        "--setup",
        metavar="MODULE:FUNCTION",
        help="called with each client before it connects, to log in; may be a coroutine function",
    )
    option(
        "--from",
        metavar="FILE",
        dest="recorded",
        help="a HAR file, or a text file with a frame on each line: arguments to begin with",
    )
    option(
        "--sequences",
        metavar="LENGTH",
        type=target.whole(1),
        default=0,
        help="send sequences of up to so many events of all handlers instead",
    )
    target.add_connection_options(parser, namespace=None)
    return parser
