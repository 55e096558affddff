"""One call of an ASGI app: its task, its messages and its end."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._test_endings import reaches_test
from asgi_sio_testclient._waiting.deadlines import EXPIRED
from asgi_sio_testclient._waiting.origin import INTERNAL, ORIGIN
from asgi_sio_testclient._waiting.services import services_of

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application

__tracebackhide__ = True


Headers = Iterable[tuple[bytes, bytes]]
Message = dict[str, Any]
DEFAULT_TIMEOUT = 5.0


class _Run:
    """One call of the app with one scope: its task, and the messages it has not received yet.

    Attributes:
        scope: the ASGI scope.
        task: the task of the call; None before `start`.
        ended: whether the call has ended.
        error: the exception that the call raised, or None.
        on_receive: called each time the app calls ``receive()``, or None.
        origin: the origin of the call and of all tasks that it begins; see `_waiting.origin`.
    """

    _loop: asyncio.AbstractEventLoop
    origin: Any = INTERNAL

    def __init__(
        self, app: ASGI3Application, scope: Any, on_receive: Callable[[], None] | None = None
    ) -> None:
        self.scope = scope
        self.task: asyncio.Task[None] | None = None
        self.ended = False
        self.error: BaseException | None = None
        self._app = app
        # A queue of two lists: an empty deque is 760 bytes, and most connections are idle.
        self._messages: list[Message] = []
        self._next: list[Message] = []
        self._receivers: list[asyncio.Future[Message]] = []
        self.on_receive = on_receive

    def start(self, context: contextvars.Context | None = None) -> asyncio.Task[None]:
        """Call the app in a new task, and return the task. Needs a running event loop.

        Args:
            context: the context in a copy of which the call runs; None for the current context.
        """
        if context is not None:
            return context.run(self.start)
        self._loop = asyncio.get_running_loop()
        self.task = self._loop.create_task(self._call())
        return self.task

    def cancel(self) -> None:
        """Cancel the call of the app.

        The end of the call is reported in any case, also for a task that is cancelled before its
        first step, of which no line runs.
        """
        if self.task is not None:
            self.task.add_done_callback(self._cancelled)
            self.task.cancel()

    def _cancelled(self, task: asyncio.Task[None]) -> None:
        if not self.ended:
            self._end(None)

    @property
    def idle(self) -> bool:
        """Whether the app has received every message and waits in ``receive()``, or has
        returned.
        """
        return self.ended or (bool(self._receivers) and not self._messages and not self._next)

    async def _call(self) -> None:
        """The task of the call."""
        ORIGIN.set(self.origin)
        try:
            if self.task is None:
                # An eager task: the app must not run before `start` has returned.
                await asyncio.sleep(0)
            await self._app(self.scope, self._receive, self._send)  # type: ignore[arg-type]
        except BaseException as exc:
            # An exception of the app, which is reported unchanged.
            self._end(exc)
            if not reaches_test(exc):
                raise
        else:
            self._end(None)

    def _end(self, exc: BaseException | None) -> None:
        self.ended = True
        self.error = exc
        self._ended(exc)

    async def _receive(self) -> Message:
        """The app's ``receive()``: return the oldest message, or wait for one."""
        # Before the wait: the callback finds the server in the stack of the app's call.
        if self.on_receive is not None:
            self.on_receive()
        if self._messages or self._next:
            return self._oldest()
        receiver: asyncio.Future[Message] = self._loop.create_future()
        self._receivers.append(receiver)
        try:
            return await receiver
        except asyncio.CancelledError:
            # python-engineio's wait_for cancels a receive(): the next receive() gets the message.
            if receiver in self._receivers:
                self._receivers.remove(receiver)
            elif not receiver.cancelled():
                self._next.append(receiver.result())
                if self._receivers:
                    self._feed(self._oldest())
            raise

    def _oldest(self) -> Message:
        if not self._next:
            self._next, self._messages = self._messages, self._next
            self._next.reverse()
        return self._next.pop()

    def _feed(self, message: Message) -> None:
        """Pass a message to the app if the app waits for one, else store the message."""
        while self._receivers:
            receiver = self._receivers.pop(0)
            if not receiver.done():
                receiver.set_result(message)
                return
        self._messages.append(message)

    async def _send(self, message: Any) -> None:
        """Process a message that the app sends."""

    def _ended(self, exc: BaseException | None) -> None:
        """Process the end of the app's call: it returned, or raised `exc`."""


class _Mailbox:
    """The unread messages of a scope that is driven by hand."""

    def __init__(self) -> None:
        self._arrived: list[Any] = []
        self._readers: list[asyncio.Future[None]] = []

    def put(self, item: Any) -> None:
        self._arrived.append(item)
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)

    async def get_soon(self, timeout: float) -> Any:
        """Do the same as `get` after a turn of the loop: most answers need no timer then."""
        if not self._arrived:
            await asyncio.sleep(0)
        return await self.get(timeout)

    async def get(self, timeout: float) -> Any:
        if self._arrived:
            return self._oldest()
        deadlines = services_of(asyncio.get_running_loop()).deadlines
        deadline = deadlines.loop.time() + timeout
        while not self._arrived:
            reader = deadlines.loop.create_future()
            self._readers.append(reader)
            try:
                if await deadlines.wait(reader, deadline - deadlines.loop.time()) is EXPIRED:
                    raise TimeoutError(f"nothing arrived within {timeout:g} s")
            finally:
                self._readers.remove(reader)
        return self._oldest()

    def _oldest(self) -> Any:
        item = self._arrived.pop(0)
        if isinstance(item, BaseException):
            raise item
        return item


def _by_hand(mailbox: _Mailbox | None) -> _Mailbox:
    if mailbox is None:
        raise UsageError("a listener takes the app's messages: other methods can't read them")
    return mailbox


def _headers(headers: Any) -> tuple[tuple[bytes, bytes], ...]:
    return tuple([(bytes(name).lower(), bytes(value)) for name, value in headers])
