"""The work that an app still does at its exit: waits for it, then cancels the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._waiting.deadlines import EXPIRED, finish
from asgi_sio_testclient._waiting.idle import IDLE, MOVING, IdleState
from asgi_sio_testclient._waiting.rest import RestCheck
from asgi_sio_testclient._waiting.suspended import suspended_at
from asgi_sio_testclient._waiting.work import TrackedTask

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.app import RunningApp

__all__ = ["finish_work"]

__tracebackhide__ = True

_EXIT_CHECK = 0.02  # seconds until the first check whether the remaining work can ever end
_EXIT_CHECK_LONGEST = 1.0  # the most seconds between later checks
_CANCEL_LIMIT = 5.0  # seconds in which cancelled tasks may end


async def finish_work(
    running_app: RunningApp, deadline: float, timeout: float, grace: float
) -> list[str]:
    """Wait until `deadline` for the work that the clients caused, then cancel the rest.

    Work that nothing can wake is cancelled at once.

    Args:
        running_app: the app.
        deadline: in the loop's time.
        timeout: the seconds until then, for the text.
        grace: seconds; see `RestCheck`.

    Returns:
        A line for each thing that had to be cancelled.
    """
    work = running_app.services.work
    for instrumentation in running_app.instrumented.values():
        if instrumentation.handlers.handle_disconnects:
            break
    else:
        # No code of the app runs when a connection ends, so nothing can hang there.
        for session in list(running_app.sessions):
            await session.wait_closed(deadline - running_app.loop.time())
        if not running_app.handler_tasks() and work.is_certainly_at_rest(grace):
            return []
    rest = RestCheck(work, grace, rounds=0, concerns=running_app.is_own)
    own = _OwnWork(running_app, rest, deadline)
    future: asyncio.Future[None] = running_app.loop.create_future()
    remove = running_app.services.idle.when_idle(lambda: (own,), lambda: finish(future), rest)
    try:
        ended = (
            await running_app.services.deadlines.wait(future, deadline - running_app.loop.time())
            is not EXPIRED
        )
    finally:
        remove()
    if ended:
        work.report_failures()
    if ended and not own.stuck:
        return []
    return await _cancel_work(running_app, rest, own.stuck or f"did not end within {timeout:g} s")


def _why_stuck(running_app: RunningApp, rest: RestCheck, deadline: float) -> str:
    """Return why the remaining handlers will never end; "" if they may end."""
    work, pending = running_app.services.work, running_app.handler_tasks()
    waiting = {run.task for run in running_app.own_runs() if run.awaits_client}
    if not pending or not all(task in waiting or work.waits_for_nothing(task) for task in pending):
        return ""
    if waiting == pending:
        return "waits for an ack, but no client is connected"
    if work.may_be_woken(deadline) or rest.check(whole=True) is not None:
        return ""
    return "waits for a future that nothing will set"


async def _cancel_work(running_app: RunningApp, rest: RestCheck, reason: str) -> list[str]:
    """Cancel the work that is left, and return a line for each thing; `reason` is its end."""
    pending = running_app.handler_tasks()
    late = [str(run) for run in running_app.own_runs()]
    late += [task.get_name() for task in pending & running_app.own_tasks]
    if pending and not late:
        late = [f"the app at {suspended_at(task)}" for task in pending]
    lines = [f"a handler that {reason}: {line}" for line in late]
    rest.check(whole=True)
    lines += [f"work that {reason}: {line}" for line in rest.describe()]
    running_app.services.work.report_failures()
    for session in running_app.sessions:
        lines += session.still_connected()
    pending |= {task for task in map(_task_of, rest.at_work) if task is not None}
    for task in pending:
        task.cancel()
    await running_app.wait_closed(pending, _CANCEL_LIMIT)
    return lines


class _OwnWork:
    """The work that the clients of one app caused, as a source of idleness.

    Attributes:
        stuck: why the remaining work will never end; "" if it may end.
    """

    def __init__(self, running_app: RunningApp, rest: RestCheck, deadline: float) -> None:
        self.stuck = ""
        self._running_app = running_app
        self._rest = rest
        self._deadline = deadline
        self._at_work: asyncio.Task[Any] | None = None  # found by the last check
        self._pause = _EXIT_CHECK
        self._check_again_at = running_app.loop.time() + self._pause

    def quiet(self) -> IdleState:
        """Return whether handlers and sessions have ended, or are stuck."""
        running_app = self._running_app
        if not running_app.sessions and not self._is_at_work():
            return IDLE
        now = running_app.loop.time()
        if now >= self._check_again_at:
            # Many apps may end at once in one loop, and each check goes over the tasks of all apps.
            self._pause = min(2 * self._pause, _EXIT_CHECK_LONGEST)
            self._check_again_at = now + self._pause
            self.stuck = _why_stuck(running_app, self._rest, self._deadline)
        return IDLE if self.stuck else MOVING

    def _is_at_work(self) -> bool:
        """Return whether a handler of the clients runs. The task that the last check has found is
        checked first: finding another one goes over the tasks of all clients.
        """
        if self._at_work is None or self._at_work.done():
            self._at_work = next(iter(self._running_app.handler_tasks()), None)
        return self._at_work is not None


def _task_of(thing: Any) -> asyncio.Task[Any] | None:
    return thing.ref() if isinstance(thing, TrackedTask) else None
