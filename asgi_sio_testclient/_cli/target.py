"""What the commands that connect to an app share: naming it, importing it, connecting to it.

Only the module that was named on the command line is imported. Nothing here prints.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import json
import math
import os
import shlex
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from asgi_sio_testclient import HandshakeFailed, TestClient, UsageError
from asgi_sio_testclient._cli import CommandLineError
from asgi_sio_testclient._exceptions import shown_url
from asgi_sio_testclient._protocol.names import TRANSPORT_CHOICES

APP_HELP = "the app, as uvicorn takes it; or the URL of a live server"


def add_event_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the app, the event and its arguments.

    Parse with ``parse_intermixed_args``: people put options anywhere.
    """
    parser.add_argument("app", metavar="MODULE:APP", help=APP_HELP)
    parser.add_argument("event", metavar="EVENT", help="the event to emit")
    parser.add_argument(
        "data",
        metavar="JSON",
        nargs="*",
        default=[],  # without one argparse says that it is required
        type=json_value,
        help="the event's arguments, each a JSON value of its own; with none, none are sent",
    )


def add_connection_options(parser: argparse.ArgumentParser, *, namespace: str | None = "/") -> None:
    """Add how to reach the app and as whom; `namespace` is the default, None for all."""
    add_transport_option(parser, default=None)
    option = parser.add_argument
    option("--factory", action="store_true", help="APP is a function that returns the app")
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
        help="a cookie, for example of a session that is logged in; may be repeated",
    )
    option(
        "--path",
        metavar="PATH",
        default="socket.io",
        help="where Socket.IO is, /ws/socket.io for a mounted app (default: socket.io)",
    )
    option(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=5.0,
        help="how long to wait for anything (default: 5)",
    )


def add_transport_option(
    parser: argparse.ArgumentParser, default: str | None = "websocket"
) -> None:
    """Add ``--transport``, with the values that `TRANSPORT_CHOICES` translates for `TestClient`.

    `default` None leaves the choice to `TestClient`, which polls a WSGI app.
    """
    parser.add_argument(
        "--transport",
        choices=tuple(TRANSPORT_CHOICES),
        default=default,
        help="upgrade starts with polling and goes on with websocket (default: websocket"
        f"{'' if default else ', of a WSGI app polling'})",
    )


def build_client(arguments: argparse.Namespace) -> TestClient:
    """Import the app that was named, and build the client that the options describe.

    Raises:
        CommandLineError: there is no such app, or it is not one.
    """
    app = load_app(arguments.app, factory=arguments.factory)
    transport: dict[str, Any] = {}
    if arguments.transport is not None:
        transport["transports"] = TRANSPORT_CHOICES[arguments.transport]
    try:
        return TestClient(
            app,
            headers=arguments.header,
            cookies=dict(arguments.cookie),
            auth=arguments.auth,
            socketio_path=arguments.path,
            timeout=arguments.timeout,
            **transport,
        )
    except (ImportError, TypeError, ValueError, UsageError) as error:
        raise CommandLineError(f"{shown_url(arguments.app)}: {error}") from None


async def connect(client: TestClient, namespace: str) -> None:
    """Connect, and name the option where the client's hint is about an argument of its own.

    Raises:
        TestClientError: see `TestClient.connect`.
    """
    try:
        await client.connect(namespace)
    except HandshakeFailed as error:
        if error.hint and not error.hint.startswith("origin"):
            error.add_note(
                "--path says where Socket.IO is, such as /ws/socket.io for a mounted app"
            )
        raise


def is_url(target: str) -> bool:
    """Whether it names a live server in the place of an app."""
    return "://" in target


def load_app(target: str, *, factory: bool) -> Any:
    """Import ``MODULE:APP``, with the current directory on ``sys.path``, as uvicorn has it.

    Returns:
        the app; of the URL of a live server the URL.

    Raises:
        CommandLineError: it names no app. An error of the app's own code is its ``__cause__``.
    """
    if is_url(target):
        if factory:
            raise CommandLineError(f"--factory is for an app, and {shown_url(target)} is a URL")
        return target
    app = _load(target)
    if factory:
        return _made_by(app, target)
    if _takes_nothing(app):
        raise CommandLineError(f"{target} takes no arguments: add --factory if it returns the app")
    return app


def load_object(target: str) -> Any:
    """Import ``MODULE:NAME`` as `load_app` does.

    Raises:
        CommandLineError: there is nothing of that name.
    """
    return _load(target)


def _load(target: str) -> Any:
    module_name, _, path = target.partition(":")
    if not module_name or not path:
        hint = f"; do you mean {_module_of(target)}?" if target.endswith(".py") else ""
        raise CommandLineError(
            f"expected MODULE:APP, for example myproject.main:app, not {target!r}{hint}"
        )
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    return _attribute(_module(module_name, path), module_name, path)


def json_value(text: str) -> Any:
    """An argument of the command line as the JSON value that it is.

    Raises:
        argparse.ArgumentTypeError: it is not JSON; says what was expected.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        quoted = shlex.quote(json.dumps(text, ensure_ascii=False))
        raise argparse.ArgumentTypeError(
            f"{text!r} is not JSON ({error}). Expected 42, true, null, '[1, 2]', "
            f"""'{{"key": "value"}}' or a string: the shell takes one pair of quotes away, """
            f"so that this text as a string is {quoted}"
        ) from None


def _module(name: str, path: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            hint = f"; do you mean {_module_of(name)}:{path}?" if _looks_like_file(name) else ""
            raise CommandLineError(
                f"cannot import {name}:{path}: there is no module {missing!r}, "
                f"looked in {Path.cwd()} and in the installed packages{hint}"
            ) from None
        raise CommandLineError(_import_failed(name, path, error)) from error
    except (Exception, SystemExit) as error:
        raise CommandLineError(_import_failed(name, path, error)) from error


def _import_failed(name: str, path: str, error: BaseException) -> str:
    return f"cannot import {name}:{path}: importing {name!r} raised {type(error).__name__}: {error}"


def _attribute(value: Any, module_name: str, path: str) -> Any:
    for name in path.split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            near = difflib.get_close_matches(name, dir(value), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CommandLineError(
                f"cannot import {module_name}:{path}: "
                f"{module_name!r} has no attribute {name!r}{hint}"
            ) from None
    return value


def _made_by(factory: Any, target: str) -> Any:
    try:
        return factory()
    except Exception as error:
        raise CommandLineError(
            f"{target}: the factory raised {type(error).__name__}: {error}"
        ) from error


def _takes_nothing(app: Any) -> bool:
    """Whether ``app`` can only be a factory: every ASGI app takes a scope."""
    try:
        return callable(app) and not inspect.signature(app).parameters
    except (TypeError, ValueError):
        return False


def _looks_like_file(name: str) -> bool:
    return name.endswith(".py") or os.sep in name


def _module_of(file_name: str) -> str:
    return file_name.removesuffix(".py").removeprefix("./").replace(os.sep, ".")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is none of JSON's values")


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


def add_count(
    parser: argparse.ArgumentParser, name: str, least: int, default: int, meaning: str
) -> None:
    """Add an option that takes a whole number; its help is `meaning` and the default."""
    text = f"{meaning} (default: {default})"
    parser.add_argument(name, metavar="N", type=whole(least), default=default, help=text)


def whole(least: int) -> Callable[[str], int]:
    """A type for argparse: a whole number, `least` or more."""

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
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, not {text!r}")
    return seconds
