"""Options and functions for all commands that connect to an app: import the app, build a client,
connect.

Only the module on the command line is imported. No function here prints.
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


def build_client(arguments: argparse.Namespace) -> TestClient:
    """Import the app, and return a client with the options of the command line.

    Raises:
        CommandLineError: the app does not exist, or is no app.
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
    """Connect; add a note about ``--path`` to an error whose hint is about an argument of the
    client.

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
    """Return whether the command line names the URL of a live server in the place of an app."""
    return "://" in target


def load_app(target: str, *, factory: bool) -> Any:
    """Import ``MODULE:APP``, with the current directory on ``sys.path``, as uvicorn does.

    Args:
        target: ``MODULE:APP``, or the URL of a live server.
        factory: whether APP is a function that returns the app.

    Returns:
        The app; or the URL.

    Raises:
        CommandLineError: `target` names no app. An error of the app's code is the ``__cause__``.
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
    """Import ``MODULE:NAME`` as `load_app` does, and return the object.

    Raises:
        CommandLineError: the module or the name does not exist.
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
    """Return whether ``app`` takes no arguments: then it must be a factory."""
    try:
        return callable(app) and not inspect.signature(app).parameters
    except (TypeError, ValueError):
        return False


def _looks_like_file(name: str) -> bool:
    return name.endswith(".py") or os.sep in name


def _module_of(file_name: str) -> str:
    return file_name.removesuffix(".py").removeprefix("./").replace(os.sep, ".")


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


def add_count(
    parser: argparse.ArgumentParser, name: str, least: int, default: int, meaning: str
) -> None:
    """Add an option for a whole number, `least` or more; its help is `meaning` and the default."""
    text = f"{meaning} (default: {default})"
    parser.add_argument(name, metavar="N", type=whole(least), default=default, help=text)


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
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, not {text!r}")
    return seconds
