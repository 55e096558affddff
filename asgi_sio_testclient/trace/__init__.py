"""Traces: the packets of clients, runs of handlers and waits of the test on one time line, as a
page for a browser.

`Trace` is plain data: lanes, with spans, marks and arrows. A trace is written as one HTML file, or
as trace-event JSON for Perfetto. This package imports the standard library only, because the
transcript, which is below the tools, builds its traces with this package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgi_sio_testclient.trace._active import active
    from asgi_sio_testclient.trace._build import ClientLog, Failure, build
    from asgi_sio_testclient.trace._har import write_har
    from asgi_sio_testclient.trace._ids import kind_of
    from asgi_sio_testclient.trace._items import Arrow, Item, Lane, Mark, Problem, Span
    from asgi_sio_testclient.trace._portable import portable
    from asgi_sio_testclient.trace._recording import Emit, Note, Recording, Wait, recording
    from asgi_sio_testclient.trace._trace import Trace

__all__ = [
    "Arrow",
    "ClientLog",
    "Emit",
    "Failure",
    "Item",
    "Lane",
    "Mark",
    "Note",
    "Problem",
    "Recording",
    "Span",
    "Trace",
    "Wait",
    "active",
    "build",
    "kind_of",
    "portable",
    "recording",
    "write_har",
]

__tracebackhide__ = True

_HOMES = {
    "Arrow": "_items",
    "ClientLog": "_build",
    "Emit": "_recording",
    "Failure": "_build",
    "Item": "_items",
    "Lane": "_items",
    "Mark": "_items",
    "Note": "_recording",
    "Problem": "_items",
    "Recording": "_recording",
    "Span": "_items",
    "Trace": "_trace",
    "Wait": "_recording",
    "active": "_active",
    "build": "_build",
    "kind_of": "_ids",
    "portable": "_portable",
    "recording": "_recording",
    "write_har": "_har",
}


def __getattr__(name: str) -> Any:
    # A client that is not recorded imports `_active` only.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
