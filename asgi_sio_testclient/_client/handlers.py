"""The test's own handlers: which handler takes an event, and its call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from asgi_sio_testclient._connection.arguments import check_namespace
from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._protocol.packets import RESERVED
from asgi_sio_testclient._test_endings import reaches_test

__all__ = ["RESERVED", "HandlerRunner", "Handlers", "check_subscription"]

__tracebackhide__ = True

Handler = Callable[..., Any]


def check_subscription(event: Any, handler: Any, namespace: str) -> None:
    """Check the arguments of `TestClient.on`; `handler` is None in a decorator's first call.

    Raises:
        TypeError: `event` is no name, or `handler` can't be called.
        ValueError: `namespace` has no slash.
    """
    check_namespace(namespace)
    if not isinstance(event, str):
        raise TypeError(f"event is {event!r}; expected its name: @client.on('name')")
    if handler is not None and not callable(handler):
        raise TypeError(f"handler is {handler!r}; expected a callable")


class Handlers:
    """Handlers by namespace and event; "*" stands for any namespace, or any event."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, Handler]] = {}

    def __bool__(self) -> bool:
        return bool(self._handlers)

    def add(self, event: str, handler: Handler, namespace: str) -> None:
        """Register a handler; it replaces an earlier one for the same event."""
        self._handlers.setdefault(namespace, {})[event] = handler

    def find(
        self, event: str, namespace: str, args: tuple[Any, ...]
    ) -> tuple[Handler | None, tuple[Any, ...]]:
        """Return the handler of an event and its arguments; None without a handler.

        The arguments of a catch-all handler begin with the event, then, for namespace "*", the
        namespace. The order is that of ``socketio.BaseClient._get_event_handler``.
        """
        for space in (namespace, ALL):
            handlers = self._handlers.get(space, {})
            prefix = (namespace,) if space == ALL else ()
            if event in handlers:
                return handlers[event], (*prefix, *args)
            if ALL in handlers and event not in RESERVED:
                return handlers[ALL], (event, *prefix, *args)
        return None, args


class HandlerRunner:
    """Calls the test's handlers and callbacks, sync or async.

    Args:
        spawn: runs a coroutine in a tracked task of that name.
        failed: called with an exception of a handler and the handler's description.
    """

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        failed: Callable[[BaseException, str], None],
    ) -> None:
        self._spawn = spawn
        self._failed = failed

    def run(
        self,
        handler: Handler,
        args: tuple[Any, ...],
        where: str,
        answer: Callable[[Any], None] | None = None,
    ) -> None:
        """Call `handler`, and `answer` with its result, awaited if the handler is async."""
        name = getattr(handler, "__qualname__", repr(handler))
        what = f"{name}, a handler of this client ({where})"
        try:
            result = handler(*args)
            if inspect.isawaitable(result):
                self._spawn(self._finish(result, what, answer), what)
            elif answer is not None:
                answer(result)
        except BaseException as exc:
            # An error of the test: raised in the test, not in the app's send().
            if not reaches_test(exc):
                raise
            self._failed(exc, what)

    async def _finish(
        self, awaitable: Awaitable[Any], what: str, answer: Callable[[Any], None] | None
    ) -> None:
        try:
            result = await awaitable
            if answer is not None:
                answer(result)
        except BaseException as exc:
            if not reaches_test(exc):
                raise
            self._failed(exc, what)
