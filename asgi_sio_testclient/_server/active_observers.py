"""The observers of servers. Every server and client imports this module, which imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgi_sio_testclient._server.observers import ServerObserver

__all__ = ["observers"]

__tracebackhide__ = True

observers: list[ServerObserver] = []
"""The observers in use: see `observers.add_observer`."""
