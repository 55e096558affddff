"""Finds the path of an app's Socket.IO server, for the error of a handshake at another path.

The candidates are read from attributes of the app. Each candidate is tried: the app is called with
a handshake's request, and the call is cancelled as soon as the server is in the call stack, before
the server has received anything.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import engineio

from asgi_sio_testclient._server.find import is_entry
from asgi_sio_testclient._server.reachable import children_of, reachable

__all__ = ["hint_of_path"]

__tracebackhide__ = True

_APP = engineio.ASGIApp.__call__.__code__
_CANDIDATES = 8
_TIMEOUT = 1.0  # seconds, for an app that does not answer and does not call a server
_DEFAULT = "/socket.io"
_SEARCHED = 5_000

ScopeOf = Callable[[str], Any]


@dataclass
class _Reached:
    """The outcome of a request.

    Attributes:
        server: whether the request reached an Engine.IO server.
        path: the path of the scope with which an ASGIApp was called; None if none was called.
        app: that ASGIApp.
    """

    server: bool = False
    path: str | None = None
    app: Any = None


async def hint_of_path(app: Any, path: str, scope_of: ScopeOf) -> str:
    """Find out what to do after a handshake at `path` that no server answered.

    Args:
        app: the app under test.
        path: the ``socketio_path`` that was tried.
        scope_of: returns the scope of a handshake at another ``socketio_path``.

    Returns:
        The hint as text; "" if no server was found.
    """
    served = list(_served(app))
    refusing: _Reached | None = None
    for candidate in _candidates(served):
        reached = await _try(app, scope_of(candidate))
        if reached.server and candidate != _normal(path):
            return f"the app has one at socketio_path={candidate!r}"
        if reached.path is not None and not reached.server:
            refusing = refusing or reached
    hint = await _hint_of_wrapper(app, _normal(path), scope_of)
    if hint:
        return hint
    if refusing is not None:
        seen, own = str(refusing.path).strip("/"), refusing.app.engineio_path.strip("/")
        return (
            f"the app's ASGIApp is given the whole path {refusing.path!r} and serves {own!r}: "
            f"make it ASGIApp(sio, socketio_path={seen!r}) and pass socketio_path={'/' + seen!r}"
        )
    return ""


async def _hint_of_wrapper(app: Any, path: str, scope_of: ScopeOf) -> str:
    """Return the hint if another ASGIApp of the process has `app` as its ``other_asgi_app``: the
    test should pass the outer app. "" without such an ASGIApp.
    """
    for thing in _asgi_apps():
        if thing is app or all(inner is not app for inner in reachable(thing.other_asgi_app)):
            continue
        name = _name_of(thing)
        text = f"it is in the socketio.ASGIApp around this app{name and f', {name}'}: pass that one"
        if (await _try(thing, scope_of(path))).server:
            return text
        for candidate in _candidates(list(_served(thing))):
            if (await _try(thing, scope_of(candidate))).server:
                return f"{text}, with socketio_path={candidate!r}"
    return ""


def _asgi_apps() -> Iterator[Any]:
    """Return every ASGIApp of the process, those in modules' variables first."""
    seen: set[int] = set()
    # The garbage collector does not list frozen objects.
    for thing in (*(value for _, _, value in _variables()), *gc.get_objects()):
        # Not isinstance(), which reads __class__ of proxies.
        if issubclass(type(thing), engineio.ASGIApp) and id(thing) not in seen:
            seen.add(id(thing))
            yield thing


def _variables() -> Iterator[tuple[str, str, Any]]:
    """Yield the module, name and value of every module's variables."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            yield module.__name__, name, value


def _name_of(thing: Any) -> str:
    """Return the module and the variable that has `thing`, or ""."""
    found = (f"{module}.{name}" for module, name, value in _variables() if value is thing)
    return next(found, "")


def _candidates(served: list[tuple[str, str]]) -> list[str]:
    """Return possible values of ``socketio_path``, likeliest first."""
    paths: list[str] = []
    for prefix, own in served:
        paths += [f"{prefix}{own}", own, prefix]
    return list(dict.fromkeys(_normal(path) for path in (*paths, _DEFAULT)))[:_CANDIDATES]


def _normal(path: str) -> str:
    return f"/{path.strip('/')}"


def _served(app: Any) -> Iterator[tuple[str, str]]:
    """Yield for each ASGIApp within `app` the path of its mounts, and its own path."""
    waiting, seen = deque([(app, "")]), {id(app)}
    while waiting and len(seen) < _SEARCHED:
        thing, prefix = waiting.popleft()
        if isinstance(thing, engineio.ASGIApp):
            yield prefix, (thing.engineio_path or "").rstrip("/")
        path = getattr(thing, "__dict__", {}).get("path")
        if isinstance(path, str) and path.startswith("/"):
            prefix += path.rstrip("/")
        for child in children_of(thing, thorough=True):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append((child, prefix))


async def _try(app: Any, scope: Any) -> _Reached:
    """Call `app` with `scope` until an Engine.IO server is in the call stack, or the call ends."""
    loop = asyncio.get_running_loop()
    reached, found, asked = _Reached(), loop.create_future(), False

    def inspect_stack() -> None:
        frame: Any = sys._getframe(2)
        while frame is not None:
            if frame.f_code is _APP:
                values = frame.f_locals
                reached.app, reached.path = values["self"], values["scope"]["path"]
            elif is_entry(frame):
                reached.server = True
            frame = frame.f_back
        if reached.server and not found.done():
            found.set_result(None)

    async def receive() -> Any:
        nonlocal asked
        inspect_stack()
        if reached.server or asked:
            await loop.create_future()  # until the call is cancelled
        asked = True
        if scope["type"] == "websocket":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Any) -> None:
        inspect_stack()

    task = loop.create_task(app(scope, receive, send))
    try:
        await asyncio.wait({task, found}, timeout=_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return reached
