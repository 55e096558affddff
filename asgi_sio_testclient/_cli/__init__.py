"""The command line: which commands there are, and what their errors look like from a shell.

A command is a module of this package, imported only when it is asked for, with a function
``main(argv, prog)`` that returns the exit code. What a command does is its own affair; this module
knows neither clients nor apps.

Exit codes: 0, it worked; 1, the app or the connection said no; 2, the command line was wrong;
130, Ctrl-C; 141, the reader of the output closed the pipe.
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
"""Whose files stand above the app's own in every traceback, and tell its author nothing."""


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        name: what is typed.
        summary: its line in the overview.
        module: where it lives, below ``asgi_sio_testclient._cli``.
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
    """argparse's, which says in one line what is wrong; ``--help`` has the usage.

    Options are not abbreviated, and texts keep their lines.
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
        """The options, as they are written."""
        return set(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")


class CommandLineError(Exception):
    """What was typed cannot be carried out.

    Its ``__cause__`` is shown with a traceback: it is the app's own error.
    """


def program() -> str:
    """How this process was started, for usage lines."""
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
        # With nothing but our own frames it is our own mistake: then they do tell.
        frames = _app_frames(error) or error.__traceback__
        traceback.print_exception(error.with_traceback(frames))
        return 1
    return code


def _no_command(words: list[str]) -> str:
    """What is wrong where a command line begins with no command."""
    if not words:
        return f"expected a command: {', '.join(_NAMES)}; --help tells more"
    if words[0].startswith("-"):
        return f"unrecognized arguments: {words[0]}"
    near = difflib.get_close_matches(words[0], _NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f": {', '.join(_NAMES)}"
    return f"no command {words[0]!r}{hint}"


def _complete() -> None:
    """Answer a shell that asks for completions, by argcomplete, and exit; without it do nothing.

    The commands' own parsers are known to their modules: the words before a command are skipped.
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
        epilog=f"commands:\n{overview}\n\n`{program()} COMMAND --help` tells more about each.",
    )
    parser.add_argument("--version", action=_ShowVersion)
    parser.add_argument(
        "command",
        metavar="COMMAND",
        choices=_NAMES,
        help="one of those below",
    )
    parser.add_argument(
        "arguments",
        metavar="...",
        nargs=argparse.REMAINDER,
        help="the command's own arguments and options",
    )
    return parser


class _ShowVersion(argparse.Action):
    """As argparse's "version", but looks the versions up only when they are asked for."""

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
    """Whether standard output or standard error is a pipe whose reader has closed it.

    An app may raise a BrokenPipeError of its own.
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
    """Point the closed pipes at the null device: Python's own flush at exit must not complain.

    From https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if _is_closed(stream):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
