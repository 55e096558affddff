"""``from-har``: prints a test made from a browser's recording."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from asgi_sio_testclient._cli import CommandLineError, Parser
from asgi_sio_testclient.har import HARError, Recorded, read_har, source_of_test

_DESCRIPTION = """\
Print a test that repeats a browser's recording: the test connects, emits, and asserts the answers.
Record with Chrome's network panel ("Export HAR") or with Playwright (record_har_path).

Session ids, ids and times that the server generates are assigned to variables, which the test sends
where the browser sent them. Passwords, tokens and cookies are left out: the test takes them from
environment variables, which the test names."""

_EXAMPLES = """\
examples:
  %(prog)s session.har > test_session.py
  %(prog)s session.har --app main:app --ignore tick > test_session.py

exit codes: 0 success; 1 the file has no recording; 2 wrong arguments."""


def build_parser(prog: str) -> Parser:
    """Return the parser with the options of the command."""
    parser = Parser(prog=prog, description=_DESCRIPTION, epilog=_EXAMPLES)
    add_file_arguments(parser)
    parser.add_argument(
        "--app",
        metavar="MODULE:APP",
        default="",
        help="import the app; by default the test takes the fixture sio_app",
    )
    parser.add_argument(
        "--with-secrets", action="store_true", help="write passwords, tokens and cookies, too"
    )
    return parser


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0.

    Raises:
        CommandLineError: the file can't be read.
        HARError: the file has no recording.
    """
    parser = build_parser(prog)
    arguments = parser.parse_args(argv)
    if arguments.app and not all(arguments.app.partition(":")):
        parser.error(f"--app: expected MODULE:APP, not {arguments.app!r}")
    source = source_of_test(
        load_har(arguments.file),
        app=arguments.app,
        with_secrets=arguments.with_secrets,
        ignore=arguments.ignore,
    )
    sys.stdout.write(source)
    return 0


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the file, and the option for the events that are ignored."""
    parser.add_argument("file", metavar="FILE", help="a HAR file, or a zip archive with one")
    parser.add_argument(
        "--ignore",
        metavar="EVENT",
        action="append",
        default=[],
        help="an event that the server sends by itself, and that is not compared; may be repeated",
    )


def load_har(file: str) -> Recorded:
    """Read a HAR file.

    Raises:
        CommandLineError: the file can't be read.
        HARError: the file has no recording.
    """
    try:
        return read_har(file)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file in UTF-8"
        raise CommandLineError(f"cannot read {file}: {reason}") from None


__all__ = ["HARError", "add_file_arguments", "load_har", "main"]
