"""The app of a command: imports the app, builds a client of the app, and connects.

Only the module on the command line is imported. No function here prints.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from asgi_sio_testclient import HandshakeFailed, TestClient, UsageError
from asgi_sio_testclient._cli import CommandLineError
from asgi_sio_testclient._error_texts import shown_url
from asgi_sio_testclient._protocol.names import TRANSPORT_CHOICES


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
