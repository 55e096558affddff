"""`SocketIOUser`: a Locust user with a connected client."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, ClassVar

import gevent
from locust import User
from locust.exception import RescheduleTask, StopTest

from asgi_sio_testclient import TestClientError
from asgi_sio_testclient._client.options import DEFAULT_TRANSPORTS
from asgi_sio_testclient.locust._client import MeasuredClient, Requests
from asgi_sio_testclient.locust._failures import is_reported
from asgi_sio_testclient.locust._loop import event_loop
from asgi_sio_testclient.locust._tasks import wrap_coroutines
from asgi_sio_testclient.remote import RemoteServer

__all__ = ["SocketIOUser"]

__tracebackhide__ = True

FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 1.0  # seconds

_servers: dict[tuple[str, str], RemoteServer] = {}


def _run_scenario(user: Any) -> Any:
    """The task that calls `SocketIOUser.scenario`."""
    scenario = inspect.getattr_static(type(user), "scenario")
    if isinstance(scenario, staticmethod):
        scenario = scenario.__func__
    elif len(inspect.signature(scenario).parameters) > 1:
        return user.scenario(user.client)
    return scenario(user.client)


class SocketIOUser(User):
    """A Locust user that runs coroutines with a connected `TestClient`, the attribute ``client``.

    Tasks, also tasks of TaskSets, ``on_start`` and ``on_stop`` may be ``async def``. All users of a
    process share one asyncio event loop.

    The client connects before ``on_start``, and again before a task if the connection was lost; a
    failed connection is tried again after a pause. A request that fails ends its task, and not the
    user.

    Attributes:
        host: the URL of the server, such as "http://localhost:8000"; or Locust's ``--host``.
        transports: see `TestClient`.
        namespaces: the namespaces to which `connect_client` connects.
        client_options: further arguments of `TestClient`, such as ``auth`` or ``timeout``.
        server_options: arguments of `RemoteServer`, such as ``verify``.
        scenario: a coroutine function, which is one of the tasks and is called with the client, as
            in `bench.swarm`: ``scenario = staticmethod(buy_tea)``.
        client: the client. Its ``connect``, ``call``, ``emit``, ``send``, ``await_event`` and
            ``await_events`` are requests in Locust's statistics, and take ``name=``.

    Raises:
        StopTest: the user has no host, or the host is no URL of a server.
    """

    abstract = True
    transports: Any = DEFAULT_TRANSPORTS
    namespaces: Sequence[str] = ("/",)
    client_options: ClassVar[dict[str, Any]] = {}
    server_options: ClassVar[dict[str, Any]] = {}
    scenario: Any = None
    client: MeasuredClient

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.scenario is not None and _run_scenario not in cls.tasks:
            cls.tasks = [*cls.tasks, _run_scenario]

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        wrap_coroutines(type(self))
        self._requests = Requests(environment.events.request.fire, self.context)
        self._joined: set[str] = set()
        self._pause = FIRST_PAUSE
        self._has_begun = False
        self.client = MeasuredClient(
            self._server(), lifespan=False, transports=self.transports, **self.client_options
        )
        self.client.requests = self._requests

    def _server(self) -> RemoteServer:
        """Return the `RemoteServer`: one object, with one pool of connections, for all users of the
        class.
        """
        if not self.host:
            raise self._stop_test(
                "no host: give the server's URL as `host` of the user class or --host"
            )
        key = self.fullname(), self.host
        if key not in _servers:
            try:
                _servers[key] = RemoteServer(self.host, **self.server_options)
            except ValueError as exc:
                raise self._stop_test(f"host: {exc}") from exc
        return _servers[key]

    def _stop_test(self, why: str) -> StopTest:
        """Return the exception that ends the run, and set the exit code to 1: Locust's would be
        0.
        """
        self.environment.process_exit_code = 1
        return StopTest(why)

    async def connect_client(self) -> None:
        """Connect the client to ``namespaces``. Override this method if each connection needs more,
        such as a login with ``self.client.http`` before, or an event after.
        """
        await self.client.connect(*self.namespaces)

    def run(self) -> None:
        """Run the user until Locust stops it, and disconnect its client."""
        try:
            super().run()
        finally:
            loop = event_loop()
            if loop.is_held:
                loop.run_later(self._disconnect())
            else:
                loop.run(self._disconnect(), _let_end)

    # -- called by the wrappers of tasks and hooks, see `wrap_coroutines`

    def _begin(self, on_start: Callable[[], Any]) -> Any:
        """Connect, and run ``on_start``; repeat ``on_start`` if one of its requests fails, after a
        pause.
        """
        loop = event_loop()
        if loop.is_current:
            return on_start()  # super().on_start()
        loop.run(self._enter(), self._requests.stop)
        self._has_begun = True
        while True:
            try:
                return self._finish(on_start())
            except RescheduleTask:
                gevent.sleep(self._next_pause())

    def _end(self, on_stop: Callable[[], Any]) -> Any:
        """Run ``on_stop`` if ``on_start`` was called."""
        return self._finish_last(on_stop()) if self._has_begun else None

    def _finish(self, result: Any, *, reconnect: bool = True) -> Any:
        """Run the result of a task, if that is a coroutine, and return the coroutine's result.

        In the event loop the result is returned unchanged: one coroutine method may await another.

        Raises:
            RescheduleTask: a request failed that was reported to Locust.
            Exception: any other exception of the coroutine.
        """
        loop = event_loop()
        if not inspect.iscoroutine(result) or loop.is_current:
            return result
        try:
            return loop.run(self._run(result, reconnect=reconnect), self._requests.stop)
        except Exception as exc:
            if is_reported(exc):
                raise RescheduleTask from exc
            raise

    def _finish_last(self, result: Any) -> Any:
        """Run the result of an ``on_stop``; a request that fails ends the coroutine."""
        with contextlib.suppress(RescheduleTask):
            return self._finish(result, reconnect=False)

    # -- in the event loop

    async def _enter(self) -> None:
        await self.client.__aenter__()
        while not self._joined:
            try:
                await self._connect()
            except Exception as exc:
                if not is_reported(exc):
                    raise

    async def _run(self, coroutine: Any, *, reconnect: bool) -> Any:
        self._requests.sent_at = None
        self.client.trim()
        try:
            if reconnect and not all(map(self.client.is_connected, self._joined)):
                await self._connect()
        except BaseException:
            coroutine.close()
            raise
        return await coroutine

    async def _connect(self) -> None:
        """Connect; disconnect before if some namespaces are still connected.

        Raises:
            Exception: connecting failed. If the failure was reported to Locust, a pause comes
                before.
        """
        client, began = self.client, perf_counter()
        try:
            if client.is_connected("*"):
                with contextlib.suppress(TestClientError):
                    await client.disconnect()
            await self.connect_client()
        except Exception as exc:
            if not is_reported(exc):  # not a request of the client, such as a login over HTTP
                name = ",".join(self.namespaces)
                self._requests.report_failure("CONNECT", name, began, exc, "answer")
            if is_reported(exc):
                await asyncio.sleep(self._next_pause())
            raise
        self._joined = client.joined()
        self._pause = FIRST_PAUSE

    def _next_pause(self) -> float:
        pause = self._pause
        self._pause = min(2 * pause, LONGEST_PAUSE)
        return pause

    async def _disconnect(self) -> None:
        """Disconnect, without waiting for pending acks."""
        self.client.clear_acks()
        try:
            await self.client.__aexit__(None, None, None)
        except Exception as exc:  # noqa: BLE001 (raised by a handler of the user class)
            fire = self.environment.events.user_error.fire
            fire(user_instance=self, exception=exc, tb=exc.__traceback__)


def _let_end(_: asyncio.Task[Any]) -> None:
    """Do nothing when the greenlet is killed: disconnecting has a timeout."""
