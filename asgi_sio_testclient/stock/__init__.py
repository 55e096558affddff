"""python-socketio's stock client in memory, with `ASGIClientSession` in the place of aiohttp's
session.

::

    async with ASGIClientSession(app) as http:
        sio = socketio.AsyncClient(http_session=http)
        await sio.connect("http://testserver")

The session needs aiohttp, as the stock client does, and h11 and wsproto for the server's end of the
connections: ``pip install asgi-sio-testclient[stock]``. These packages are imported when
`ASGIClientSession` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgi_sio_testclient.stock._session import ASGIClientSession

__all__ = ["ASGIClientSession"]

__tracebackhide__ = True


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import aiohttp  # noqa: F401, PLC0415
        import h11  # noqa: F401, PLC0415
        import wsproto  # noqa: F401, PLC0415
    except ImportError as exc:
        raise ImportError(
            f"asgi_sio_testclient.stock needs aiohttp, h11 and wsproto, and {exc.name} is missing: "
            "pip install 'asgi-sio-testclient[stock]'"
        ) from exc
    from asgi_sio_testclient.stock import _session  # noqa: PLC0415

    return getattr(_session, name)
