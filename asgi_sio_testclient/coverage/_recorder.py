"""Counts the handlers, emits and events that servers and clients report within `record`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

from asgi_sio_testclient._server.observers import HandlerResult, add_observer, remove_observer
from asgi_sio_testclient._server.registered_handlers import RegisteredHandler
from asgi_sio_testclient.coverage._data import Coverage, HandlerCounts, HandlerKey

__all__ = ["Recorder", "record"]

__tracebackhide__ = True


@contextmanager
def record() -> Iterator[Coverage]:
    """Count handlers and events while the ``with`` block runs, on servers to which clients first
    connect within the block.

    Yields:
        The counts, which grow until the block ends.
    """
    recorder = Recorder()
    recorder.start()
    try:
        yield recorder.coverage
    finally:
        recorder.stop()


class Recorder:
    """An observer that counts for event coverage.

    Attributes:
        coverage: the counts so far.
    """

    def __init__(self) -> None:
        self.coverage = Coverage()
        self._lock = threading.Lock()
        self._by_code: dict[CodeType, dict[HandlerKey, HandlerCounts]] = {}

    def start(self) -> None:
        """Start counting, on servers to which no client is connected yet."""
        add_observer(self)

    def stop(self) -> None:
        """Stop counting."""
        remove_observer(self)

    # -- the methods of `ServerObserver`

    def handlers_found(
        self, namespaces: Iterable[str], handlers: Iterable[RegisteredHandler]
    ) -> None:
        """See `ServerObserver`."""
        with self._lock:
            self.coverage.namespaces.update(namespaces)
            for handler in handlers:
                self._counts_of(handler)

    def handler_ended(self, result: HandlerResult) -> None:
        """See `ServerObserver`."""
        with self._lock:
            counts = self._counts_of(result.handler)
            counts.ran += result.ran
            counts.acked += result.acked
            counts.raised += result.raised is not None
            counts.refused += result.refused

    def called_directly(self, code: CodeType) -> None:
        """See `ServerObserver`. Of a function that handles several events, the event that ran most
        often counts.
        """
        with self._lock:
            rows = self._by_code.get(code)
            if rows:
                max(rows.values(), key=lambda counts: counts.ran).ran += 1

    def event_unhandled(self, namespace: str, event: str) -> None:
        """See `ServerObserver`."""
        with self._lock:
            unhandled = self.coverage.unhandled
            unhandled[namespace, event] = unhandled.get((namespace, event), 0) + 1

    def event_emitted(self, namespace: str, event: str) -> None:
        """See `ServerObserver`."""
        with self._lock:
            self.coverage.event(namespace, event).emitted += 1

    def client_closed(self, transcript: Iterable[Any], unread: Iterable[tuple[str, str]]) -> None:
        """See `ServerObserver`."""
        with self._lock:
            for entry in transcript:
                if entry.direction == "received" and entry.event is not None:
                    event = self.coverage.event(entry.namespace, entry.event)
                    event.received += 1
                    event.read += 1
            for key in unread:
                self.coverage.event(*key).read -= 1

    def _counts_of(self, handler: RegisteredHandler) -> HandlerCounts:
        code = handler.code
        file, line = ("", 0) if code is None else (_shown(code.co_filename), code.co_firstlineno)
        counts = self.coverage.handler(
            HandlerCounts(handler.namespace, handler.event, handler.name, file, line)
        )
        if code is not None:
            self._by_code.setdefault(code, {})[counts.key] = counts
        return counts


def _shown(filename: str) -> str:
    """Return a file's name, relative to the current directory if the file is below it."""
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename
