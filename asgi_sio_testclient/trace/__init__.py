"""Traces: what clients, handlers and the test did, in order of time, to be opened in a browser.

`Trace` is plain data: lanes, with spans, marks and arrows. It is written as one HTML file, or as
trace-event JSON for Perfetto. This package imports the standard library only: it lies below the
transcript, which builds its own traces with it.
"""

from __future__ import annotations

from asgi_sio_testclient.trace._build import ClientLog, Failure, build
from asgi_sio_testclient.trace._model import Arrow, Item, Lane, Mark, Problem, Span, Trace
from asgi_sio_testclient.trace._recording import Emit, Recording, Wait, recording

__all__ = [
    "Arrow",
    "ClientLog",
    "Emit",
    "Failure",
    "Item",
    "Lane",
    "Mark",
    "Problem",
    "Recording",
    "Span",
    "Trace",
    "Wait",
    "build",
    "recording",
]
