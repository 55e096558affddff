"""``replay-har``: repeats a browser's recording against an app, and compares the answers."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence

from asgi_sio_testclient._cli import Parser, options, target
from asgi_sio_testclient._cli.from_har import add_file_arguments, load_har
from asgi_sio_testclient.har import replay

_DESCRIPTION = """\
Send the packets and requests of a browser's recording to an app in memory, each once the events
recorded before have arrived, and compare the answers. Session ids, ids and times may differ."""

_EXAMPLES = """\
examples:
  %(prog)s main:app session.har
  %(prog)s main:create_app session.har --factory --ignore tick

exit codes: 0 the answers are the same; 1 they differ, and a diff is printed; 2 wrong arguments."""


def build_parser(prog: str) -> Parser:
    """Return the parser with the options of the command."""
    parser = Parser(prog=prog, description=_DESCRIPTION, epilog=_EXAMPLES)
    options.add_app(parser, or_url=False)
    add_file_arguments(parser)
    options.add_factory_option(parser)
    options.add_timeout_option(parser)
    return parser


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0 if the app answered as recorded, else 1.
    """
    arguments = build_parser(prog).parse_intermixed_args(argv)
    recorded = load_har(arguments.file)
    with contextlib.redirect_stdout(sys.stderr):
        app = target.load_app(arguments.app, factory=arguments.factory)
        played = asyncio.run(
            replay(recorded, app, timeout=arguments.timeout, ignore=frozenset(arguments.ignore))
        )
    if played.same:
        sys.stdout.write(f"the same: {len(played.recorded)} steps of {recorded.name}\n")
        return 0
    sys.stdout.write("\n".join(played.diff()) + "\n")
    for error in played.errors:
        sys.stdout.write(f"the app raised {type(error).__name__}: {error}\n")
    return 1
