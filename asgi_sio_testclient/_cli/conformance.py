"""``conformance``: runs the official protocol test suites against an app, and prints a table.

The table goes to standard output; the output and the log of the app go to standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest

from asgi_sio_testclient import conformance
from asgi_sio_testclient._cli import CommandLineError, Parser, options, target
from asgi_sio_testclient._error_texts import shown_url
from asgi_sio_testclient.conformance import Result

_DESCRIPTION = """\
Run every case of the official Engine.IO v4 and Socket.IO v5 protocol test suites against an app in
memory, or against a live server at a URL, in any language, and print the answer that the
specification requires and the answer of the app.

Against a live server few cases run at a time, and a case that differs is repeated alone until two
repetitions agree.

The table goes to standard output, the log of the app to standard error.

The app has to follow the suites' rules:

"""

_EPILOGUE = """\
examples:
  %(prog)s myserver:app
  %(prog)s http://localhost:3000
  %(prog)s myserver:create_app --factory --suite socket.io --socketio-path ws/socket.io

exit codes: 0 every case conforms; 1 a case differs; 2 wrong arguments."""

NARROWEST, WIDEST = 60, 160  # columns
INDENT = "  "

ECHOES = {
    "engine.io: message, websocket: echoes a text packet",
    "socket.io: message: echoes an event",
}
"""Cases that fail if the app doesn't follow the suites' rules, and hardly for any other reason."""


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0 if every case conforms, else 1.

    Raises:
        CommandLineError: the app does not exist, or serves the path of no suite.
    """
    arguments = build_parser(prog).parse_args(argv)
    paths = {"engine.io": arguments.engineio_path, "socket.io": arguments.socketio_path}
    with contextlib.redirect_stdout(sys.stderr):
        app = target.load_app(arguments.app, factory=arguments.factory)
        # Errors of this package for a URL; for an app in memory, they are errors of the app.
        misuse = (ImportError, ValueError) if target.is_url(arguments.app) else ()
        try:
            results = asyncio.run(conformance.run(app, arguments.suite, paths=paths))
        except misuse as error:
            raise CommandLineError(f"{shown_url(arguments.app)}: {error}") from None
    if not results:
        nowhere = " nor ".join(paths.values())
        raise CommandLineError(
            f"{arguments.app} serves neither {nowhere}: where is it mounted? "
            "Give --engineio-path and --socketio-path"
        )
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    sys.stdout.write("".join(f"{line}\n" for line in table(results, width)))
    return 0 if all(result.conforms for result in results) else 1


def build_parser(prog: str) -> Parser:
    """Return the parser with the options of the command."""
    parser = Parser(
        prog=prog,
        description=_DESCRIPTION + textwrap.indent(conformance.RULES, INDENT),
        epilog=_EPILOGUE,
    )
    options.add_app(parser)
    options.add_factory_option(parser)
    option = parser.add_argument
    option(
        "--suite",
        choices=tuple(conformance.SUITES),
        action="append",
        help="run this suite; may be repeated (default: the suites whose path the app serves)",
    )
    for suite, path in conformance.SUITES.items():
        option(
            f"--{suite.replace('.', '')}-path",
            metavar="PATH",
            type=_path,
            default=path,
            help=f"the path of the server for the {suite} suite (default: {path})",
        )
    return parser


def _path(text: str) -> str:
    return f"/{text.strip('/')}/"


def table(results: Sequence[Result], width: int) -> Iterator[str]:
    """Yield the lines of the table: case, the specification's answer, the app's answer."""
    first = width // 3
    columns = (first, first, width - 2 * first)
    yield from _row(("case", "the specification's answer", "the app's answer"), columns)
    for (suite, section), group in groupby(results, _section):
        yield ""
        yield f"{suite}: {section}"
        for result in group:
            case = INDENT + result.case.title
            yield from _row((case, result.case.answers[0], _answer(result)), columns)
    differing = sum(not result.conforms for result in results)
    yield ""
    if differing:
        yield f"{differing} of {len(results)} cases differ from the specification"
        yield from _rules_broken(results)
    else:
        yield f"all {len(results)} cases conform"


def _rules_broken(results: Sequence[Result]) -> Iterator[str]:
    names = [result.case.name for result in results if not result.conforms]
    silent = [name for name in names if name in ECHOES]
    if silent:
        yield (
            f"The app did not echo ({'; '.join(silent)}). Where it doesn't follow the suites' "
            "rules, most cases differ, however well the server conforms: --help has the rules."
        )


def _section(result: Result) -> tuple[str, str]:
    return result.case.suite, result.case.section


def _answer(result: Result) -> str:
    answer = "conforms" if result.conforms else f"DIFFERS: {result.answer}"
    return f"{answer} ({', '.join(result.notes)})" if result.notes else answer


def _row(cells: Iterable[str], columns: Sequence[int]) -> Iterator[str]:
    wrapped = [
        textwrap.wrap(
            cell, column - len(INDENT), subsequent_indent=2 * INDENT, break_on_hyphens=False
        )
        for cell, column in zip(cells, columns, strict=True)
    ]
    for line in zip_longest(*wrapped, fillvalue=""):
        text = "".join(f"{part:{column}}" for part, column in zip(line, columns, strict=True))
        yield text.rstrip()
