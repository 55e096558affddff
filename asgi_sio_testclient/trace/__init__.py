"""Traces: what clients, handlers and the test did, in order of time, to be opened in a browser.

`Trace` is plain data: lanes, with spans, marks and arrows. It is written as one HTML file, or as
trace-event JSON for Perfetto. This package imports the standard library only: it lies below the
transcript, which builds its own traces with it.
"""

from __future__ import annotations

from asgi_sio_testclient.trace._build import ClientLog, Failure, build
from asgi_sio_testclient.trace._har import write_har
from asgi_sio_testclient.trace._ids import kind_of
from asgi_sio_testclient.trace._items import Arrow, Item, Lane, Mark, Problem, Span
from asgi_sio_testclient.trace._portable import portable
from asgi_sio_testclient.trace._recording import Emit, Note, Recording, Wait, active, recording
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
