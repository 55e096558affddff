"""The running app that is fuzzed: sends the calls of an example, and returns the failure."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import CodeType, TracebackType
from typing import Any, Self

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._exceptions import (
    ConnectionRefused,
    LeakWarning,
    TestClientError,
)
from asgi_sio_testclient._server.observers import HandlerResult, add_observer, remove_observer
from asgi_sio_testclient._server.registered_handlers import RegisteredHandler
from asgi_sio_testclient.fuzz._loop import Guard, HandlerHang, VirtualLoop
from asgi_sio_testclient.fuzz._targets import Call
from asgi_sio_testclient.fuzz._values import children_of, depth_of

__all__ = ["Fault", "FuzzedApp", "Settings"]

__tracebackhide__ = True

DAY = 90_000.0  # seconds of virtual time, a day and an hour: a handler that runs on never ends
_ARRIVAL = 1.0  # seconds of virtual time in which a packet arrives
_DEEP = 100  # levels of a value whose encoding needs a higher recursion limit
_RECURSION = 20_000  # that recursion limit
_FATAL = (HandlerHang, SystemExit)  # the running app can't be used after one of them


@dataclass(frozen=True)
class Settings:
    """How clients connect, and what counts as a failure.

    Attributes:
        options: arguments of `TestClient`.
        auth: the auth payload of each connection.
        setup: called with each client before it connects; sync or async.
        allow: names of exceptions that handlers may raise.
        block: seconds of CPU time for which a handler may block the event loop.
    """

    options: dict[str, Any] = field(default_factory=dict)
    auth: Any = None
    setup: Callable[[TestClient], Any] | None = None
    allow: frozenset[str] = frozenset()
    block: float = 2.0


@dataclass(frozen=True)
class Fault:
    """The failure of an example.

    Attributes:
        error: the exception.
        label: namespace and event of the handler that raised `error`, as registered; None if that
            is the handler that is fuzzed.
        fatal: whether the running app has to be restarted.
        traceback: the traceback of `error`, as the app raised it.
    """

    error: BaseException
    label: tuple[str, str] | None = None
    fatal: bool = False
    traceback: TracebackType | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "traceback", self.error.__traceback__)


class FuzzedApp:
    """A running app, as a context manager that starts the app and shuts it down.

    Args:
        app: the app.
        settings: how clients connect, and what counts as a failure.

    Attributes:
        handlers: the handlers that the servers have registered, by namespace, event and code.
        namespaces: the namespaces that the servers accept.
        ignored: labels of handlers that have failed already; their failures are not reported again.
        outcome: what the last example led to, a line each: exceptions, emitted events, acks and
            refusals.
        refusal: the refusal of a connection in the last example; None if none was refused.
        turns: how many turns of the event loop the last example took.
    """

    def __init__(self, app: Any, settings: Settings) -> None:
        self.handlers: dict[tuple[str, str, CodeType | None], RegisteredHandler] = {}
        self.namespaces: set[str] = set()
        self.outcome: list[str] = []
        self.turns = 0
        self.refusal: ConnectionRefused | None = None
        self._app = app
        self._settings = settings
        self._guard = Guard(settings.block)
        self._faults: list[Fault] = []
        self.ignored: set[tuple[str, str]] = set()
        self._exclusive = False
        self._started = False

    def __enter__(self) -> Self:
        add_observer(self)
        # A handler that raises sends no ack, of which a warning would tell at each exit.
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore", LeakWarning)
        self._logging = logging.root.manager.disable
        logging.disable()  # servers log what handlers raise, hundreds of times
        try:
            self._start()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._close()
        finally:
            self._restore()

    def _restore(self) -> None:
        """Undo what `__enter__` has changed: the observer, logging and warnings."""
        remove_observer(self)
        logging.disable(self._logging)
        self._warnings.__exit__(None, None, None)

    def _start(self) -> None:
        self._loop = VirtualLoop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        options = {**self._settings.options, "raise_app_exceptions": False}
        self._base = TestClient(self._app, **options)
        try:
            self._run(self._base.__aenter__())
        except BaseException:
            _cancel_all(self._loop)
            self._loop.close()
            raise
        self._started = True

    def _close(self) -> list[str]:
        """Shut the app down, and return a line for each warning and error of the shutdown."""
        if not self._started:
            return []
        self._started = False
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self._run(self._base.__aexit__(None, None, None))
            except (Exception, HandlerHang) as error:  # noqa: BLE001 (whatever an app raises)
                caught.append(error)  # type: ignore[arg-type]
            _cancel_all(self._loop)
            self._loop.close()
        return [str(getattr(entry, "message", entry)) for entry in caught]

    def restart(self) -> None:
        """Shut the app down, which cancels a handler that never ends, and start the app again."""
        self._close()
        self._start()

    # -- the methods of `ServerObserver`

    def handlers_found(
        self, namespaces: Iterable[str], handlers: Iterable[RegisteredHandler]
    ) -> None:
        """See `ServerObserver`."""
        self.namespaces.update(namespaces)
        for handler in handlers:
            self.handlers[handler.namespace, handler.event, handler.code] = handler

    def handler_ended(self, result: HandlerResult) -> None:
        """See `ServerObserver`."""
        error = result.raised or result.unsent
        label = result.handler.namespace, result.handler.event
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            return
        if error is not None and self._is_failure(error, label):
            self._faults.append(Fault(error, label))
        self.outcome.append(f"{label} {type(error).__name__}")
        if label[1] not in {"connect", "disconnect"}:
            self._loop.call_soon_threadsafe(self._note_end)

    def called_directly(self, code: CodeType) -> None:
        """See `ServerObserver`."""

    def event_unhandled(self, namespace: str, event: str) -> None:
        """See `ServerObserver`."""
        self._loop.call_soon_threadsafe(self._note_end)

    def event_emitted(self, namespace: str, event: str) -> None:
        """See `ServerObserver`."""
        self.outcome.append(f"{namespace} emits {event}")

    def client_closed(self, transcript: Iterable[Any], unread: Iterable[tuple[str, str]]) -> None:
        """See `ServerObserver`."""

    def _is_failure(self, error: BaseException, label: tuple[str, str]) -> bool:
        """Return whether an exception of a handler is a failure of that handler. An exception that
        ends the app is, though the handler is ignored.
        """
        if self._is_allowed(error):
            return False
        return isinstance(error, _FATAL) or label not in self.ignored

    def _is_allowed(self, error: BaseException) -> bool:
        if isinstance(error, RecursionError) and not _is_own_recursion(error):
            return True
        names = {name for kind in type(error).__mro__ for name in _names_of(kind)}
        return not names.isdisjoint(self._settings.allow)

    @property
    def auth(self) -> Any:
        """The auth payload of connections."""
        return self._settings.auth

    # -- running

    def discover(self) -> None:
        """Connect once, so that the servers are detected and `handlers` is filled.

        Raises:
            TestClientError: the connection failed, and no server was detected.
        """
        self._run(self._discover())

    async def _discover(self) -> None:
        async with self._base.clone() as client:
            await self._set_up(client)
            try:
                await client.connect(auth=self._settings.auth)
            except TestClientError:
                if not self.handlers:
                    raise
                return
            async with self._base.clone() as other:
                await self._set_up(other)
                try:
                    await other.connect(auth=self._settings.auth)
                except TestClientError:
                    # The app allows one connection at a time: no second client can check that the
                    # server still accepts connections.
                    self._exclusive = True
        self._faults.clear()

    def run(self, calls: Sequence[Call]) -> Fault | None:
        """Send calls one after the other, with a new client.

        Returns:
            The failure, or None.
        """
        self._faults.clear()
        self.outcome = []
        self.refusal = None
        began = self._loop.turns
        try:
            self._run(self._example(calls))
        except (HandlerHang, SystemExit, TestClientError) as error:
            # After the faults of handlers, which name the handler.
            self._faults.append(Fault(error))
        self.turns = self._loop.turns - began
        return self._fault()

    def _fault(self) -> Fault | None:
        for fault in self._faults:
            if isinstance(fault.error, _FATAL):
                return Fault(fault.error, fault.label, fatal=True)
        return next(iter(self._faults), None)

    async def _example(self, calls: Sequence[Call]) -> None:
        """Send the calls of one example with a new client."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self._base.clone())
            client.on("*", _acknowledge, namespace="*")
            await self._set_up(client)
            for call in calls:
                await self._send(client, call)
                if self._faults:
                    break
            if not self._faults and not self._exclusive:
                await self._check_another(calls[-1].namespace)
            seen = len(self._faults)
            self._faults += [
                Fault(error)
                for error in client.app_exceptions
                if not seen and _is_of_the_app(error) and not self._is_allowed(error)
            ]

    async def _send(self, client: TestClient, call: Call) -> None:
        """Send one call; the event "connect" opens a new connection."""
        if call.event == "connect":
            if client.is_connected(call.namespace):
                await client.disconnect(call.namespace)
            auth = call.args[0] if call.args else None
            if _fits_connect(auth):
                await self._connect(client, call.namespace, auth)
            return
        if not client.is_connected(call.namespace):
            await self._connect(client, call.namespace, self._settings.auth)
        if not client.is_connected(call.namespace):
            return
        answers: list[Any] = []
        self._ended = self._loop.create_future()
        with _deep_enough(call.args):
            await client.emit(
                call.event,
                *call.args,
                namespace=call.namespace,
                callback=lambda *values: answers.append(values),
            )
        await self._handled(client)
        self.outcome.append(f"ack {_outline(answers)}")

    async def _connect(self, client: TestClient, namespace: str, auth: Any) -> None:
        try:
            with _deep_enough(auth):
                await client.connect(namespace, auth=auth, timeout=DAY)
        except ConnectionRefused as refusal:
            self.refusal = refusal
            self.outcome.append(f"refused {_outline(refusal.data)}")
        except TestClientError:
            running = [run for run in client.transcript.handlers if run.ended is None]
            if running and not self._faults:
                raise HandlerHang(f"never ended: {running[-1]}") from None
        await asyncio.sleep(_ARRIVAL)

    async def _handled(self, client: TestClient) -> None:
        """Wait until the handler of the event that was sent has ended.

        Raises:
            HandlerHang: the handler still runs after a day of virtual time.
        """
        await asyncio.wait({self._ended}, timeout=_ARRIVAL)
        running = [run for run in client.transcript.handlers if run.ended is None]
        if running:
            # If no handler runs, the server has ignored the packet.
            name = str(running[-1])
            await asyncio.wait({self._ended}, timeout=DAY)
            if not self._ended.done():
                raise HandlerHang(f"never ended: {name}")
        # What the handler began in the background may raise, too.
        await asyncio.sleep(_ARRIVAL)

    def _note_end(self) -> None:
        """Note that the handler of the event that was sent has ended."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def _check_another(self, namespace: str) -> None:
        """Check that another client can still connect, or is still refused.

        Raises:
            TestClientError: the server no longer answers.
        """
        async with self._base.clone() as other:
            await self._set_up(other)
            with contextlib.suppress(ConnectionRefused):
                await other.connect(namespace, auth=self._settings.auth, timeout=DAY)

    async def _set_up(self, client: TestClient) -> None:
        if self._settings.setup is not None:
            result = self._settings.setup(client)
            if inspect.isawaitable(result):
                await result

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the loop, with the guard, and return the result.

        Raises:
            HandlerHang: the app blocks the loop, or keeps the loop busy.
        """
        asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(coroutine)
        stuck: list[bool] = []

        def cancel() -> None:
            stuck.append(True)
            task.cancel()

        try:
            with self._guard.guard(self._loop, cancel):
                return self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise HandlerHang("the app keeps the event loop busy and does not end") from None
        finally:
            asyncio.set_event_loop(None)


def _acknowledge(*_: object) -> None:
    """Acknowledge an event of the server, without arguments."""


def _names_of(kind: type) -> Iterator[str]:
    yield kind.__name__
    yield f"{kind.__module__}.{kind.__qualname__}"


def _fits_connect(auth: Any) -> bool:
    """Return whether a CONNECT packet can carry an auth payload: without bytes, and not a number,
    which would be decoded as an ack id.
    """
    if isinstance(auth, int | float) and not isinstance(auth, bool):
        return False
    level = [auth]
    while level:
        if any(isinstance(value, bytes) for value in level):
            return False
        level = [inner for value in level for inner in children_of(value)]
    return True


_LIBRARIES = ("socketio", "engineio", "asgi_sio_testclient", "asyncio", "json")


def _is_of_the_app(error: BaseException) -> bool:
    """Return whether the app's own code raised: an error of the server about a malformed packet is
    no failure of the app.
    """
    traceback = error.__traceback__
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in _LIBRARIES:
            return True
        traceback = traceback.tb_next
    return False


def _is_own_recursion(error: RecursionError) -> bool:
    """Return whether the app's own code recursed too deep, and not the encoding of a value that
    the app sent.
    """
    modules = []
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__", "")
        modules.append(name.partition(".")[0])
        traceback = traceback.tb_next
    last = max((i for i, name in enumerate(modules) if name not in _LIBRARIES), default=-1)
    return last >= 0 and not {"socketio", "engineio", "json"} & set(modules[last:])


def _outline(value: Any, depth: int = 3) -> str:
    """Return the outline of an ack, without numbers and words, which distinguishes new behaviour
    from known behaviour.
    """
    if isinstance(value, dict) and depth:
        return "{" + ",".join(f"{k}:{_outline(v, depth - 1)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple) and depth:
        return "[" + ",".join(_outline(item, depth - 1) for item in value[:3]) + "]"
    if isinstance(value, str):
        return value[:40] if " " in value else "str"
    return repr(value) if value is None or isinstance(value, bool) else type(value).__name__


@contextlib.contextmanager
def _deep_enough(value: Any) -> Iterator[None]:
    """Raise the recursion limit within the block if `value` is deep: encoding a value takes stack
    frames for each level.
    """
    if depth_of(value)[0] < _DEEP:
        yield
        return
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_RECURSION)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for _ in range(20):
        tasks = asyncio.all_tasks(loop)
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
