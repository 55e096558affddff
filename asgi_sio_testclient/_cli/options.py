"""The arguments and options that several commands have, and the parsers of their values."""

from __future__ import annotations

import argparse
import json
import math
import shlex
from collections.abc import Callable
from typing import Any

from asgi_sio_testclient._protocol.names import TRANSPORT_CHOICES


def add_app(parser: argparse.ArgumentParser, *, or_url: bool = True) -> None:
    """Add the app; with `or_url`, a live server may stand in its place."""
    text = "the app, as uvicorn takes it" + "; or the URL of a live server" * or_url
    parser.add_argument("app", metavar="MODULE:APP", help=text)


def add_factory_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--factory``."""
    parser.add_argument(
        "--factory", action="store_true", help="APP is a function that returns the app"
    )


def add_timeout_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--timeout``."""
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=5.0,
        help="the most seconds of each wait (default: 5)",
    )


def add_event_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the app, the event and the event's arguments.

    Parse with ``parse_intermixed_args``, which allows options anywhere.
    """
    add_app(parser)
    parser.add_argument("event", metavar="EVENT", help="the event to emit")
    parser.add_argument(
        "data",
        metavar="JSON",
        nargs="*",
        default=[],  # without a default, argparse calls the argument required
        type=json_value,
        help="the event's arguments, each a JSON value; without arguments, none are sent",
    )


def add_connection_options(parser: argparse.ArgumentParser, *, namespace: str | None = "/") -> None:
    """Add the options of a connection: path, namespace, auth, headers, cookies, timeout.

    Args:
        parser: the parser.
        namespace: the default namespace; None for all namespaces of the app.
    """
    add_transport_option(parser, default=None)
    add_factory_option(parser)
    option = parser.add_argument
    option(
        "-n",
        "--namespace",
        metavar="NAME",
        type=_namespace,
        default=namespace,
        help=f"the namespace to connect to (default: {namespace or 'all of the app'})",
    )
    option("--auth", metavar="JSON", type=json_value, help="the auth payload of CONNECT")
    option(
        "-H",
        "--header",
        metavar="'NAME: VALUE'",
        type=_header,
        action="append",
        default=[],
        help="a header of every request; may be repeated",
    )
    option(
        "-b",
        "--cookie",
        metavar="NAME=VALUE",
        type=_cookie,
        action="append",
        default=[],
        help="a cookie, for example of a logged-in session; may be repeated",
    )
    option(
        "--path",
        metavar="PATH",
        default="socket.io",
        help="the path of Socket.IO, such as /ws/socket.io for a mounted app (default: socket.io)",
    )
    add_timeout_option(parser)


def add_transport_option(
    parser: argparse.ArgumentParser, default: str | None = "websocket"
) -> None:
    """Add ``--transport``, whose values `TRANSPORT_CHOICES` translates for `TestClient`.

    Args:
        parser: the parser.
        default: the default transport. None uses the default of `TestClient`, which is polling for
            a WSGI app, and else websocket.
    """
    parser.add_argument(
        "--transport",
        choices=tuple(TRANSPORT_CHOICES),
        default=default,
        help="upgrade begins with polling and changes to websocket (default: websocket"
        f"{'' if default else ', for a WSGI app polling'})",
    )


def add_count(
    parser: argparse.ArgumentParser, name: str, least: int, default: int, meaning: str
) -> None:
    """Add an option for a whole number, `least` or more; its help is `meaning` and the default."""
    text = f"{meaning} (default: {default})"
    parser.add_argument(name, metavar="N", type=whole(least), default=default, help=text)


def json_value(text: str) -> Any:
    """Decode an argument of the command line as JSON.

    Raises:
        argparse.ArgumentTypeError: the argument is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        quoted = shlex.quote(json.dumps(text, ensure_ascii=False))
        raise argparse.ArgumentTypeError(
            f"{text!r} is not JSON ({error}). Expected 42, true, null, '[1, 2]', "
            f"""'{{"key": "value"}}' or a string: the shell removes one pair of quotes, """
            f"so that this text as a string is {quoted}"
        ) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a value of JSON")


def _namespace(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"a namespace starts with a slash: /{text}")
    return text


def _pair(separator: str, expected: str) -> Callable[[str], tuple[str, str]]:
    def parse(text: str) -> tuple[str, str]:
        name, found, value = text.partition(separator)
        if not found or not name.strip():
            raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")
        return name.strip(), value.strip()

    return parse


_header = _pair(":", "'Name: value'")


_cookie = _pair("=", "name=value")


def whole(least: int) -> Callable[[str], int]:
    """Return a type for argparse: a whole number, `least` or more."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number, {least} or more, not {text!r}"
            )
        return number

    return parse


def seconds(text: str) -> float:
    """Parse a number of seconds above 0.

    Raises:
        argparse.ArgumentTypeError: the text is no such number.
    """
    return above_zero(text, "a number of seconds")


def above_zero(text: str, what: str = "a number") -> float:
    """Parse a number above 0; `what` names the number in the error.

    Raises:
        argparse.ArgumentTypeError: the text is no such number.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected {what} above 0, not {text!r}")
    return number
