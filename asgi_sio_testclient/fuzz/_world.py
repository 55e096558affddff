"""The running app under the fuzzer: sends the calls of one example, and says what went wrong."""

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
from asgi_sio_testclient._server.observers import (
    HandlerResult,
    RegisteredHandler,
    add_observer,
    remove_observer,
)
from asgi_sio_testclient.fuzz._loop import Guard, HandlerHang, VirtualLoop
from asgi_sio_testclient.fuzz._targets import Call
from asgi_sio_testclient.fuzz._values import children_of, depth_of

__all__ = ["Fault", "Settings", "World"]

__tracebackhide__ = True

DAY = 90_000.0  # seconds of virtual time after which a handler never ends: a day and an hour
_ARRIVAL = 1.0  # seconds of virtual time in which a packet arrives
_DEEP = 100
_RECURSION = 20_000


@dataclass(frozen=True)
class Settings:
    """How clients connect, and what counts as a failure.

    Attributes:
        options: arguments of `TestClient`.
        auth: the auth payload of each connection.
        setup: called with each client before it connects; sync or async.
        allow: names of exceptions that handlers may raise.
        block: seconds for which a handler may block the event loop.
    """

    options: dict[str, Any] = field(default_factory=dict)
    auth: Any = None
    setup: Callable[[TestClient], Any] | None = None
    allow: frozenset[str] = frozenset()
    block: float = 2.0


@dataclass(frozen=True)
class Fault:
    """What went wrong in an example.

    Attributes:
        error: the exception.
        namespace, event: of the handler that raised it, as it is registered; None where that is
            the handler under test.
        fatal: whether the running app can't be used any more.
        traceback: of the error, as the app raised it.
    """

    error: BaseException
    label: tuple[str, str] | None = None
    fatal: bool = False
    traceback: TracebackType | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "traceback", self.error.__traceback__)


class World:
    """A running app; `start` and `close` it, or use it as a context manager.

    Args:
        app: the app.
        settings: how clients connect.

    Attributes:
        handlers: what the servers have registered.
        ignored: labels of handlers whose failures are known.
        outcome: of the last example: what the handlers did, as far as a client could tell.
        refusal: of the last example: what refused a connection; None where none was refused.
        turns: of the event loop, that the last example took.
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
        # A handler that raises never acks, which is no news here.
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore", LeakWarning)
        self._logging = logging.root.manager.disable
        logging.disable()  # servers log what handlers raise, hundreds of times
        try:
            self._start()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._close()
        finally:
            self._leave()

    def _leave(self) -> None:
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
        """Shut the app down; returns what was left over."""
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
        """Begin anew, with the app's lifespan: a handler that never ends is cancelled."""
        self._close()
        self._start()

    # -- the observer's methods

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
        if error is not None and label not in self.ignored and not self._is_allowed(error):
            self._faults.append(Fault(error, label))
        self.outcome.append(f"{label} {type(error).__name__}")
        if label[1] not in {"connect", "disconnect"}:
            self._loop.call_soon_threadsafe(self._has_ended)

    def called_directly(self, code: CodeType) -> None:
        """See `ServerObserver`."""

    def event_unhandled(self, namespace: str, event: str) -> None:
        """See `ServerObserver`."""
        self._loop.call_soon_threadsafe(self._has_ended)

    def event_emitted(self, namespace: str, event: str) -> None:
        """See `ServerObserver`."""
        self.outcome.append(f"{namespace} emits {event}")

    def client_closed(self, transcript: Iterable[Any], unread: Iterable[tuple[str, str]]) -> None:
        """See `ServerObserver`."""

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
        """Connect once, so that the servers and their handlers are known.

        Raises:
            TestClientError: the app has no Socket.IO server there.
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
                    # One connection at a time is allowed: the check goes without.
                    self._exclusive = True
        self._faults.clear()

    def run(self, calls: Sequence[Call]) -> Fault | None:
        """Send calls one after the other, by a client of their own.

        Returns:
            what went wrong, or None.
        """
        self._faults.clear()
        self.outcome = []
        self.refusal = None
        began = self._loop.turns
        try:
            self._run(self._example(calls))
        except HandlerHang as hang:
            return Fault(hang, fatal=True)
        except SystemExit as error:
            return Fault(error, fatal=True)
        except TestClientError as error:
            self._faults.append(Fault(error))
        self.turns = self._loop.turns - began
        return self._fault()

    def _fault(self) -> Fault | None:
        found = next(iter(self._faults), None)
        if found is not None and isinstance(found.error, HandlerHang | SystemExit):
            return Fault(found.error, found.label, fatal=True)
        return found

    async def _example(self, calls: Sequence[Call]) -> None:
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
            HandlerHang: it never does.
        """
        await asyncio.wait({self._ended}, timeout=_ARRIVAL)
        running = [run for run in client.transcript.handlers if run.ended is None]
        if running:
            # Where none runs, the server did not take the packet.
            name = str(running[-1])
            await asyncio.wait({self._ended}, timeout=DAY)
            if not self._ended.done():
                raise HandlerHang(f"never ended: {name}")
        # What the handler began in the background may raise, too.
        await asyncio.sleep(_ARRIVAL)

    def _has_ended(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def _check_another(self, namespace: str) -> None:
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
        """Run in the loop, guarded.

        Raises:
            HandlerHang: the loop does not come to rest.
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
    """Answer what the server asks of the client."""


def _names_of(kind: type) -> Iterator[str]:
    yield kind.__name__
    yield f"{kind.__module__}.{kind.__qualname__}"


def _fits_connect(auth: Any) -> bool:
    """Whether a CONNECT packet can carry it: no bytes, and no number, which would be an ack id."""
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
    """Whether the app's own code raised: what a server says to a malformed packet is no fault."""
    traceback = error.__traceback__
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in _LIBRARIES:
            return True
        traceback = traceback.tb_next
    return False


def _is_own_recursion(error: RecursionError) -> bool:
    """Whether the app's own code went too deep, and not the encoding of what it passed on."""
    modules = []
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__", "")
        modules.append(name.partition(".")[0])
        traceback = traceback.tb_next
    last = max((i for i, name in enumerate(modules) if name not in _LIBRARIES), default=-1)
    return last >= 0 and not {"socketio", "engineio", "json"} & set(modules[last:])


def _outline(value: Any, depth: int = 3) -> str:
    """What an answer looks like, without its figures: to tell new behaviour from known."""
    if isinstance(value, dict) and depth:
        return "{" + ",".join(f"{k}:{_outline(v, depth - 1)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple) and depth:
        return "[" + ",".join(_outline(item, depth - 1) for item in value[:3]) + "]"
    if isinstance(value, str):
        return value[:40] if " " in value else "str"
    return repr(value) if value is None or isinstance(value, bool) else type(value).__name__


@contextlib.contextmanager
def _deep_enough(value: Any) -> Iterator[None]:
    """Let deep values be encoded, which takes frames for each level."""
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
