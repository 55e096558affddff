"""Makes an ASGI app of a WSGI app, with a2wsgi's bridge.

a2wsgi runs each request in a thread of a pool. A polling client uses one thread for its pending
GET, and another one for its POST. So the pool has no limit that a test could reach; a thread is
started only if none is free.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient.asgi._scopes import has_async_call

if TYPE_CHECKING:
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

__tracebackhide__ = True

_WSGI_ARGUMENTS = 2
_ASGI_ARGUMENTS = (3, 1)
_WORKERS = 10_000


class WSGIBridge:
    """An ASGI callable around a WSGI app.

    Args:
        app: a WSGI callable.

    Attributes:
        app: the same.

    Raises:
        UsageError: a2wsgi is not installed.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self._bridge = _bridge(app)

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Call the WSGI app with one request. A lifespan is answered, and a websocket is closed."""
        await self._bridge(scope, receive, send)

    def close(self) -> None:
        """End the threads: idle threads now, the others after their requests."""
        bridge, self._bridge = self._bridge, _bridge(self.app)
        bridge.executor.shutdown(wait=False)


def _bridge(app: Any) -> Any:
    try:
        from a2wsgi import WSGIMiddleware  # noqa: PLC0415 (needs the [flask] extra)
    except ImportError:
        raise UsageError(
            "a WSGI app needs a2wsgi, which bridges it to ASGI: "
            "pip install 'asgi-sio-testclient[flask]'"
        ) from None
    return WSGIMiddleware(app, workers=_WORKERS)


def is_wsgi(app: Any) -> bool:
    """Return whether a callable takes WSGI's two arguments, and not those of ASGI 3 or ASGI 2."""
    if has_async_call(app) or inspect.iscoroutinefunction(app):
        return False
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return False
    takes_asgi = any(_binds(signature, count) for count in _ASGI_ARGUMENTS)
    return not takes_asgi and _binds(signature, _WSGI_ARGUMENTS)


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
