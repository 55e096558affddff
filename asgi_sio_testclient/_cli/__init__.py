"""The command line: the list of commands, exit codes, and how errors are shown.

A command is a module of this package with a function ``main(argv, prog)`` that returns the exit
code. The module is imported only if the command is used. This module uses neither clients nor apps.

Exit codes: 0, success; 1, the app failed or refused the connection; 2, wrong arguments; 130,
Ctrl-C; 141, the reader of the output closed the pipe.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import difflib
import importlib
import os
import select
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TextIO

import asgi_sio_testclient as package
from asgi_sio_testclient._exceptions import TestClientError
from asgi_sio_testclient._version import __version__

SIGPIPE = 128 + 13
"""The exit code that a shell shows for a program that a closed pipe ended (``| head``)."""

SCRIPT = "sio-testclient"

_OUR_FRAMES = (
    *(str(Path(file).parent) for file in (package.__file__, asyncio.__file__, importlib.__file__)),
    "<frozen importlib",
)
"""Files of the frames at the top of every traceback, which are left out: they are not the app's."""


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        name: the name on the command line.
        summary: the line in the overview.
        module: the name of the module in ``asgi_sio_testclient._cli``.
    """

    name: str
    summary: str
    module: str


COMMANDS = (
    Command("demo", "run a small chat app in memory and watch two users talk", "demo"),
    Command("emit", "connect to an app, emit an event, print what comes back", "emit"),
    Command("bench", "measure what an event costs, and compare that with a baseline", "bench"),
    Command("fuzz", "send generated payloads to every handler of an app", "fuzz"),
    Command("conformance", "run the official protocol test suites against an app", "conformance"),
    Command("from-har", "print a test made from a browser's recording", "from_har"),
    Command("replay-har", "play a browser's recording again, and compare", "replay_har"),
)
_NAMES = [command.name for command in COMMANDS]


class Parser(argparse.ArgumentParser):
    """An argument parser that shows an error in one line, without the usage.

    Options can't be abbreviated, and the texts of ``--help`` keep their line breaks.
    """

    def __init__(self, *, prog: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    @property
    def own_options(self) -> set[str]:
        """The options, as on the command line."""
        return set(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")


class CommandLineError(Exception):
    """Raised for a command line that can't be carried out.

    The ``__cause__`` is an error of the app, and is shown with a traceback.
    """


def program() -> str:
    """Return the command with which this process was started, for usage lines."""
    return SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m asgi_sio_testclient"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command named in ``argv``, by default in ``sys.argv[1:]``.

    Returns:
        The exit code.

    Raises:
        SystemExit: from argparse, for ``--help``, ``--version`` and arguments that it rejects.
    """
    try:
        try:
            return _run(argv)
        finally:
            # At the interpreter's exit, a closed pipe can no longer be handled.
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
    except BrokenPipeError:
        _discard_output()
        return SIGPIPE


def _run(argv: Sequence[str] | None) -> int:
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    parser = _parser()
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in {*_NAMES, *parser.own_options}:
        parser.error(_no_command(words))
    arguments = parser.parse_args(words)
    command = next(command for command in COMMANDS if command.name == arguments.command)
    module = importlib.import_module(f"asgi_sio_testclient._cli.{command.module}")
    prog = f"{program()} {command.name}"
    try:
        code: int = module.main(arguments.arguments, prog)
    except CommandLineError as error:
        _explain(prog, error)
        return 2
    except TestClientError as error:
        _explain(prog, error)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _output_is_closed():
            raise
        # Without a frame of the app, the error is one of this package: show its frames.
        frames = _app_frames(error) or error.__traceback__
        traceback.print_exception(error.with_traceback(frames))
        return 1
    return code


def _no_command(words: list[str]) -> str:
    """Return the error for a command line that does not begin with a command."""
    if not words:
        return f"expected a command: {', '.join(_NAMES)}; --help tells more"
    if words[0].startswith("-"):
        return f"unrecognized arguments: {words[0]}"
    near = difflib.get_close_matches(words[0], _NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f": {', '.join(_NAMES)}"
    return f"no command {words[0]!r}{hint}"


def _complete() -> None:
    """Print completions for a shell with argcomplete, and exit; without argcomplete, do nothing.

    Each command has its own parser, so the words before the command are skipped.
    """
    try:
        argcomplete = importlib.import_module("argcomplete")
    except ImportError:
        return
    skipped = int(os.environ["_ARGCOMPLETE"])
    typed = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))].split(" ")
    command = next((c for c in COMMANDS if c.name in typed[skipped : skipped + 1]), None)
    parser = _parser()
    if command is not None and len(typed) > skipped + 1:
        os.environ["_ARGCOMPLETE"] = str(skipped + 1)
        module = importlib.import_module(f"asgi_sio_testclient._cli.{command.module}")
        parser = module.build_parser(f"{program()} {command.name}")
    argcomplete.autocomplete(parser)


def _parser() -> Parser:
    width = max(len(command.name) for command in COMMANDS)
    overview = "\n".join(f"  {command.name:{width}}  {command.summary}" for command in COMMANDS)
    parser = Parser(
        prog=program(),
        description="An in-memory Socket.IO test client for ASGI apps.",
        epilog=f"commands:\n{overview}\n\n`{program()} COMMAND --help` has the options of each.",
    )
    parser.add_argument("--version", action=_ShowVersion)
    parser.add_argument(
        "command",
        metavar="COMMAND",
        choices=_NAMES,
        help="one of the commands below",
    )
    parser.add_argument(
        "arguments",
        metavar="...",
        nargs=argparse.REMAINDER,
        help="the command's own arguments and options",
    )
    return parser


class _ShowVersion(argparse.Action):
    """Like argparse's "version", but finds the versions only if the option is used."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the versions in use, and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 (see the class)

        packages = {
            "asgi-sio-testclient": __version__,
            "python-socketio": version("python-socketio"),
            "python-engineio": version("python-engineio"),
        }
        sys.stdout.write("".join(f"{name} {number}\n" for name, number in packages.items()))
        parser.exit()


def _explain(prog: str, error: CommandLineError | TestClientError) -> None:
    notes = getattr(error, "__notes__", ())
    sys.stderr.write("\n".join((f"{prog}: {error}", *notes)) + "\n")
    cause = error.__cause__
    if cause is not None:
        traceback.print_exception(cause.with_traceback(_app_frames(cause)))


def _app_frames(error: BaseException) -> TracebackType | None:
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename.startswith(_OUR_FRAMES):
        frames = frames.tb_next
    return frames


def _output_is_closed() -> bool:
    """Return whether standard output or standard error is a pipe that the reader has closed.

    A BrokenPipeError may also come from the app.
    """
    return any(_is_closed(stream) for stream in (sys.stdout, sys.stderr))


def _is_closed(stream: TextIO) -> bool:
    # A stream without a descriptor is no pipe; Windows has no poll().
    with contextlib.suppress(OSError, ValueError, AttributeError):
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    return False


def _discard_output() -> None:
    """Redirect the closed pipes to the null device, so that Python's flush at exit does not fail.

    From https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if _is_closed(stream):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
