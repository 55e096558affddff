"""The running app that a client and its clones share: lifespan, instrumented servers, sessions.

`app_exit` waits for the work that is left when the clients exit.
"""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, cast

from asgi_sio_testclient import asgi
from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._http.wsgi import WSGIBridge
from asgi_sio_testclient._server.app_exceptions import is_server_entry
from asgi_sio_testclient._server.ended_tasks import note_ended
from asgi_sio_testclient._server.find import bare_server, engineio_server_of, find_threaded_server
from asgi_sio_testclient._server.instrumentation import instrument, restore
from asgi_sio_testclient._server.origins import note
from asgi_sio_testclient._server.protocol import (
    ServerInstrumentation,
    ThreadedServerInstrumentation,
)
from asgi_sio_testclient._test_endings import ends_test
from asgi_sio_testclient._waiting.idle import BUSY, IDLE, IdleState, SupportsIdle
from asgi_sio_testclient._waiting.origin import is_from_client
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE
from asgi_sio_testclient._waiting.services import LoopServices, services_of
from asgi_sio_testclient._waiting.suspended import suspended_at
from asgi_sio_testclient.asgi._elsewhere import Elsewhere

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.transcript import Transcript
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["RunningApp"]

__tracebackhide__ = True


class AppClient(Protocol):
    """A client of the running app."""

    transcript: Transcript

    def app_raised(self, exc: BaseException) -> None:
        """Called when the app has raised because of this client."""


class IdleSource(SupportsIdle, Protocol):
    """A source of idleness that notes when something happens.

    Attributes:
        unsettled: whether something may be under way, in either direction.
    """

    unsettled: bool

    @property
    def settled(self) -> bool:
        """Whether the source is idle, and will set `unsettled` before it gets busy."""


class AppSession(IdleSource, Protocol):
    """A connection to the running app.

    Attributes:
        instrumentation: the instrumentation of the connection's server; None until it is detected.
    """

    instrumentation: ServerInstrumentation | None

    @property
    def sid(self) -> str:
        """The Engine.IO session id, "" before the handshake."""

    @property
    def running_app(self) -> RunningApp:
        """The running app to which the session is a connection."""

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The calls of the app that still run for the session."""

    def why_busy(self) -> str:
        """Return what keeps the session from being idle; "" if the session is idle."""

    def in_threads(self) -> list[str]:
        """Return a line if the server's threads have not taken all that was sent, else none."""

    def still_connected(self) -> list[str]:
        """Return a line for each namespace in which the server counts the session as connected."""

    def drop(self) -> None:
        """Close the connection without a CLOSE packet, like a lost network."""

    async def wait_closed(self, timeout: float) -> None:
        """Wait until no call of the app runs for the session, for at most `timeout` seconds."""


class RunningApp:
    """One running app.

    Args:
        app: an ASGI 3 callable.
        server: the server given by the user, or None.
        lifespan: whether to run the app's lifespan.
        isolate: whether to run the lifespan in a context of its own.

    Attributes:
        elsewhere: the URL of the server, if `app` forwards to a server elsewhere; else None.
        address: host and port of that server, for error texts; else "".
        running: whether the app was started and not released.
        clients: all clients of the app; the first one started it.
        transcripts: a function that returns the transcripts of all clients.
        test_endings: exceptions that end the test, see `ends_test`, and that no call has raised
            yet.
        instrumented: the instrumentations by Engine.IO server.
        sessions: the connections, in the order in which they began.
        unsettled: sessions on which something may be under way.
        own_tasks: the tasks of the client itself that have not ended.
    """

    loop: asyncio.AbstractEventLoop = cast("asyncio.AbstractEventLoop", None)  # until `start`
    services: LoopServices

    def __init__(self, app: Any, server: Any, *, lifespan: bool, isolate: bool = False) -> None:
        self.app = app
        is_elsewhere = isinstance(app, Elsewhere)
        self.elsewhere = app.url if is_elsewhere else None
        self.address = app.address if is_elsewhere else ""
        self.running = False
        self.clients: list[AppClient] = []
        self.test_endings: list[BaseException] = []
        self.transcripts = self._all_transcripts  # one object for all clients
        self.given_instrumentation: ServerInstrumentation | None = None
        self._former: list[weakref.ref[Transcript]] = []
        self._bare_server: Any = None
        self._given_server = server
        self._searched = False
        self._with_lifespan = lifespan
        self._isolate = isolate
        self._lifespan: asgi.Lifespan | None = None
        self.instrumented: dict[Any, ServerInstrumentation] = {}
        self.sessions: dict[AppSession, None] = {}
        self.unsettled: set[IdleSource] = set()
        self.own_tasks: set[asyncio.Task[Any]] = set()
        self._begun_now: list[str] = []  # handlers of the test whose tasks are created now
        self._ending: list[asyncio.Task[Any]] = []
        self._restored: list[ServerInstrumentation] = []

    def _all_transcripts(self) -> list[Transcript]:
        former = [transcript for seen in self._former if (transcript := seen()) is not None]
        return former or [client.transcript for client in self.clients]

    def release_clients(self, first: AppClient) -> None:
        """Remove all clients but `first`, at the end; keep weak references to the transcripts
        of the others.
        """
        if len(self.clients) > 1:
            self._former = [weakref.ref(client.transcript) for client in self.clients]
            self.clients = [first]

    @property
    def state(self) -> dict[str, Any] | None:
        """The lifespan's state, for the scopes of connections."""
        return None if self._lifespan is None else self._lifespan.state

    async def start(self, timeout: float) -> None:
        """Start the app's lifespan.

        Raises:
            LifespanFailed: the startup failed.
            UsageError: the server that was given can't be instrumented.
        """
        self.loop = asyncio.get_running_loop()
        self._former = []
        self.services = services_of(self.loop)
        self.services.add_app(self)
        try:
            if self._given_server is not None:
                self.given_instrumentation = self.instrument(engineio_server_of(self._given_server))
            self._bare_server = bare_server(self.app)
            if self._with_lifespan and self._bare_server is None:
                self._lifespan = asgi.Lifespan(self.app, is_unsupported=is_server_entry)
                context = contextvars.Context() if self._isolate else None
                await self._lifespan.startup(timeout, context)
        except BaseException:
            await self.wait_closed(self.release(), timeout)
            raise
        self.running = True

    def require_loop(self) -> None:
        """Require the event loop in which the app runs.

        Raises:
            UsageError: in another event loop than the one in which the app runs.
        """
        loop = asyncio._get_running_loop()
        if loop is not self.loop and loop is not None and self.running:
            raise UsageError("this client was entered in another event loop")

    def instrument(self, eio: Any) -> ServerInstrumentation:
        """Instrument a server of the app until the end, and return the instrumentation."""
        current = self.instrumented.get(eio)
        if current is None:
            current = self.instrumented[eio] = instrument(eio, self.services)
        return current

    def known_instrumentation(self) -> ServerInstrumentation | None:
        """Return the instrumentation if the app is python-socketio's own ASGIApp without a wrapper;
        else None: the server is detected at the first receive().

        Raises:
            UsageError: the server is in use in another event loop.
        """
        if self._bare_server is None or self._given_server is not None:
            return None
        return self.instrument(self._bare_server)

    def threaded_instrumentation(self) -> ThreadedServerInstrumentation | None:
        """Return the instrumentation of the app's server if the server runs in threads; else None.

        Raises:
            UsageError: the server is in use in another event loop, or has another async_mode.
        """
        instrumentation = self.given_instrumentation
        if instrumentation is None and not self._searched:
            self._searched = True
            eio = find_threaded_server(self.app)
            if eio is not None:
                instrumentation = self.given_instrumentation = self.instrument(eio)
        if instrumentation is None or not instrumentation.threaded:
            return None
        return cast("ThreadedServerInstrumentation", instrumentation)

    @property
    def instrumentations(self) -> list[ServerInstrumentation]:
        """The instrumentations of all servers that were found or given."""
        return list(self.instrumented.values())

    def add_session(self, session: AppSession) -> None:
        """Add a session that begins."""
        self.sessions[session] = None

    def session_over(self, session: AppSession) -> None:
        """Remove a session for which no call of the app runs any more."""
        self.sessions.pop(session, None)
        self.unsettled.discard(session)
        if session.instrumentation is not None and session.sid:
            self._ending += session.instrumentation.release_connection(session.sid)

    def track(self, task: asyncio.Task[Any]) -> None:
        """Hold a task of the client itself until it ends. `settle` and the exit wait for it."""
        self.own_tasks.add(task)
        task.add_done_callback(self._own_task_ended)

    def begin_handler(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run a handler of the test in a task of that name."""
        self._begun_now.append(name)
        try:
            task = self.loop.create_task(coroutine, name=name)
        finally:
            self._begun_now.pop()
        self.track(task)

    def time_out(self, instrumentation: ServerInstrumentation, eio_sid: str) -> asyncio.Task[None]:
        """Let the ping of a connection time out now, which a server would do 45 s after the
        client has gone.
        """
        task = self.loop.create_task(instrumentation.sockets.time_out(eio_sid))
        self.track(task)
        return task

    def _own_task_ended(self, task: asyncio.Task[Any]) -> None:
        self.own_tasks.discard(task)
        if self.running:
            self.services.idle.notify()

    def task_failed(self, origin: Any, exc: BaseException, task: str) -> None:
        """Report an exception of a task that a client caused, if nobody has retrieved the
        exception.

        Args:
            origin: what began the task, and the connection or client that it belongs to.
            exc: the exception.
            task: the title of the task.
        """
        begun_by, owner = origin
        note(exc, task, f"begun by {begun_by}")
        owner.app_raised(exc)

    def handle_failure(self, exc: BaseException) -> bool:
        """Report an exception of a task or callback that nobody awaits; return whether it
        belongs to this app's clients, or ends the test.
        """
        if self.clients and ends_test(exc):
            self.clients[0].app_raised(exc)
            return True
        return any(
            instrumentation.handle_failure(exc) for instrumentation in self.instrumented.values()
        )

    # -- settle

    def idle_sources(self) -> Iterator[SupportsIdle]:
        """Yield the sources of idleness of this app, and of other apps that share a server with
        this one.
        """
        mine = self._related()
        for running_app in self.services.apps:
            if running_app is self or not mine.isdisjoint(running_app._related()):
                yield running_app
                yield from running_app._busy_sessions()
        # A broker in memory (asgi_sio_testclient.pubsub) counts the messages between nodes.
        yield from (thing for thing in mine if hasattr(thing, "quiet"))

    def _busy_sessions(self) -> Iterator[IdleSource]:
        """Yield the sessions on which something is under way. Only sessions on which something has
        happened since the last check are checked, whatever the number of clients.
        """
        for session in list(self.unsettled):
            if session.settled:
                session.unsettled = False
                self.unsettled.discard(session)
            else:
                yield session

    def _related(self) -> set[Any]:
        return {
            thing
            for instrumentation in self.instrumented.values()
            for thing in instrumentation.clients.related
        }

    def quiet(self) -> IdleState:
        """Return whether all handlers, the app's and the test's own, have ended."""
        if self.own_tasks:
            return BUSY
        busy = any(
            run.owner is not None
            for instrumentation in self.instrumented.values()
            for run in instrumentation.runs
        )
        return BUSY if busy else IDLE

    def why_busy(self) -> str:
        """Return why a session is not idle; "" if all are idle."""
        return next(filter(None, (session.why_busy() for session in self.sessions)), "")

    def running_handlers(self) -> list[HandlerRun]:
        """Return the handlers that run now, oldest first."""
        runs = [
            run
            for instrumentation in self.instrumented.values()
            for run in instrumentation.runs
            if run.owner
        ]
        return sorted(runs, key=lambda run: run.started)

    def running_own_handlers(self) -> list[str]:
        """Return a line for each handler of the test that runs now, with its place."""
        tasks = [task for task in self.own_tasks if not task.done()]
        return [_with_place(task) for task in tasks if _HANDLER in task.get_name()]

    def own_handler_of_current_task(self) -> str:
        """Return the name of the test's handler that runs in the current task; "" for none."""
        task = asyncio.current_task()
        if task is None or task not in self.own_tasks:
            # An eager task runs before it has its name and can be tracked.
            return self._begun_now[-1] if self._begun_now else ""
        return task.get_name() if _HANDLER in task.get_name() else ""

    def own_runs(self) -> list[HandlerRun]:
        """Return the running handlers of this app's clients: another app may use the same
        server.
        """
        runs = self.running_handlers()
        return [run for run in runs if cast("AppSession", run.owner).running_app is self]

    def awaited_outside(self) -> list[str]:
        """Return a line for each handler, request or task that waits for a thread or a socket."""
        work = self.services.work
        lines = []
        for running_app in self.services.apps:
            lines += [str(run) for run in running_app.running_handlers() if run.waits_outside(work)]
            lines += [line for session in running_app.sessions for line in session.in_threads()]
            tasks = [task for task in running_app.own_tasks if work.waits_outside(task)]
            lines += [f"the app at {suspended_at(task)}" for task in tasks]
        return lines + work.outside_work(DEFAULT_GRACE)

    # -- the end

    def is_own(self, origin: Any) -> bool:
        """Return whether `origin` belongs to this app's clients, as far as that is known:
        another client of the same server may go on.
        """
        running_app = getattr(origin[1], "running_app", None) if is_from_client(origin) else None
        return running_app is None or running_app is self

    def handler_tasks(self) -> set[asyncio.Task[Any]]:
        """Return the unfinished tasks of the handlers, of the calls of the app and of the client
        itself.
        """
        tasks = set(self.own_tasks)
        for instrumentation in self.instrumented.values():
            if instrumentation.runs:
                tasks |= {run.task for run in self.own_runs() if run.task is not None}
                break
        for session in self.sessions:
            tasks |= session.tasks
        return {task for task in tasks if not task.done()} if tasks else tasks

    def stop_services(self) -> None:
        """Cancel the servers' own tasks; they end while other things are waited for."""
        for instrumentation in self.instrumented.values():
            self._ending += instrumentation.stop_service()

    async def shutdown(self, timeout: float) -> None:
        """Shut the lifespan down.

        Raises:
            LifespanFailed: the shutdown failed.
        """
        if self._lifespan is not None:
            await self._lifespan.shutdown(timeout)

    def release(self) -> set[asyncio.Task[Any]]:
        """Cancel all remaining tasks, and restore the servers. Can't be interrupted.

        Returns:
            The tasks that were cancelled; `wait_closed` waits for them.
        """
        self.running = False
        tasks = self.handler_tasks()
        for session in list(self.sessions):
            session.drop()
            self.session_over(session)
        tasks.update(self._ending)
        self._ending.clear()
        instrumentations, self.instrumented = self.instrumented, {}
        self._restored = []
        for instrumentation in instrumentations.values():
            tasks.update(restore(instrumentation))
            if not instrumentation.users:
                self._restored.append(instrumentation)
        if self.services.work.tracked:
            begun = self._tasks_of_handlers()
            tasks |= begun
            for eio in instrumentations:
                note_ended(eio, begun)
        self.given_instrumentation = None
        self._searched = False
        if self._lifespan is not None:
            tasks.add(cast("asyncio.Task[Any]", self._lifespan.task))
            self._lifespan = None
        for task in tasks:
            task.cancel()
        if isinstance(self.app, WSGIBridge):
            self.app.close()
        self.services.remove_app(self)
        return {task for task in tasks if not task.done()}

    def _tasks_of_handlers(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that this app's handlers began, without the current one."""
        begun = self.services.work.begun_by_handlers()
        tasks = {task for task, origin in begun if self.is_own(origin)}
        return tasks - {cast("asyncio.Task[Any]", asyncio.current_task())}

    async def wait_closed(self, tasks: Iterable[asyncio.Task[Any]], timeout: float) -> None:
        """Wait at most `timeout` seconds until cancelled tasks have ended; cancel tasks that
        swallow the cancellation again, as python-engineio's do.
        """
        deadline = self.loop.time() + timeout
        await self._tasks_over(tasks, deadline)
        for instrumentation in self._restored:
            await instrumentation.close_brokers()

    async def _tasks_over(self, tasks: Iterable[asyncio.Task[Any]], deadline: float) -> None:
        """Wait until tasks have ended, or until `deadline`; cancel them again meanwhile."""
        # Most tasks need a few turns of the loop, which takes less time than asyncio.wait().
        pending = {task for task in tasks if not task.done()}
        for _ in range(_TURNS):
            if not pending:
                return
            await asyncio.sleep(0)
            pending = {task for task in pending if not task.done()}
        while pending and self.loop.time() < deadline:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN)


_HANDLER = "a handler of this client"  # in the names of their tasks


def _with_place(task: asyncio.Task[Any]) -> str:
    place = suspended_at(task)
    return f"{task.get_name()} at {place}" if place else task.get_name()


_CANCEL_AGAIN = 0.05  # seconds
_TURNS = 5
