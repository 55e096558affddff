"""Waits for idleness: the states of a source, and `IdleWatchers`, which call back once all sources
are idle.

The contract of notify()
------------------------
A source of idleness that has returned BUSY is not checked again before `IdleWatchers.notify` is
called. So code that ends the work of a source has to call `notify` afterwards, in the event loop's
thread; without the call, `settle` waits until its timeout. These functions call `notify`,
each at one place, and no others do:

- `RunningApp._own_task_ended`: a task of the client itself ended, such as a handler of the test;
- `ReceivingSession.transport_frame`: a frame of the server arrived;
- `ReceivingSession._receive_disturbed`: a frame of the server reached a disturbed link, which may
  lose the frame;
- `ReceivingSession.about_to_receive`: the app awaits the body of a request, or the first message of
  a websocket;
- `ReceivingSession._be_ready`: the app awaits the next message of a websocket, which then calls
  `bound_notify`;
- `ClosingSession.activity`: a request was answered, or a call of the app ended;
- `AsyncioInstrumentation._run_handler`: a handler ended that has a task of its own;
- `AsyncioInstrumentation._message_hook`: the server has processed a message;
- `AsyncioInstrumentation._disconnect_hook`: a disconnect handler ended;
- `ThreadedInstrumentation._handled`: the server's threads have processed a message;
- `ThreadedInstrumentation._disconnect_ended`: a handler in a thread ended;
- `_Subscription.done`: a message between two nodes of `asgi_sio_testclient.pubsub` was delivered.

A source that can't notify returns MOVING instead: it is checked again in each turn of the loop for
a while, then every few milliseconds. ``tests/_waiting/test_notify.py`` holds the list, and fails
where a change is not followed by a call of `notify`.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from asgi_sio_testclient._waiting.rest import RestCheck

__tracebackhide__ = True

_SLOW_CHECK = 0.01  # seconds until the next check of a source that stays MOVING
# Turns of the loop that the server's writer takes from sending a packet back to waiting for the
# next (3 with Python 3.11's wait_for).
_TURNS = 10


class IdleState(enum.Enum):
    """Whether a source has nothing to do, and whether a change of that is notified."""

    BUSY = "busy"  # `IdleWatchers.notify` will be called after a change
    MOVING = "moving"  # about to be idle; `notify` will not be called
    IDLE = "idle"


# In the hot path, where the attribute of an Enum takes ten times as long on Python 3.11.
BUSY, MOVING, IDLE = IdleState


class SupportsIdle(Protocol):
    """A source of idleness."""

    def quiet(self) -> IdleState:
        """Return the state now. After BUSY, a change must be notified: see the module."""


class _Watcher:
    """A wait until several sources are idle at the same time, and the app is at rest then.

    Attributes:
        callback: called once, as soon as that is so.
        rest: checks whether the app is at rest; None if only the sources matter.
        turns: turns of the loop for which sources may still be MOVING.
        notified: how often `IdleWatchers.notify` had been called when `turns` was last reset.
        kind: a value that is equal for watchers that wait for the same sources.
    """

    def __init__(
        self,
        sources: Callable[[], Iterable[SupportsIdle]],
        callback: Callable[[], object],
        rest: RestCheck | None,
    ) -> None:
        self._sources = sources
        self.callback = callback
        self.rest = rest
        self.turns = _TURNS
        self.notified = 0
        self.kind = sources, None if rest is None else rest.kind
        self._busy: SupportsIdle | None = None

    def check(self) -> IdleState:
        # The source that was busy the last time is checked first: most checks end there, whatever
        # the number of clients.
        if self._busy is not None and self._busy.quiet() is BUSY:
            return BUSY
        self._busy = None
        answer = IDLE
        for source in self._sources():
            state = source.quiet()
            if state is BUSY:
                self._busy = source
                return state
            if state is MOVING:
                answer = state
        return answer


class IdleWatchers:
    """The waits of one event loop until sources are idle.

    Attributes:
        watchers: the waits that go on.
        bound_notify: `notify`, as one object for all connections that call it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.watchers: dict[_Watcher, None] = {}  # in the order in which they came
        self.bound_notify = self.notify
        self._kinds: Counter[Any] = Counter()
        self._notified = 0
        self._check_is_scheduled = False
        self._next_check: asyncio.TimerHandle | None = None

    def clear(self) -> None:
        """Remove all watchers."""
        self.watchers.clear()
        self._kinds.clear()
        if self._next_check is not None:
            self._next_check.cancel()
            self._next_check = None

    def when_idle(
        self,
        sources: Callable[[], Iterable[SupportsIdle]],
        callback: Callable[[], object],
        rest: RestCheck | None = None,
        *,
        soon: bool = False,
    ) -> Callable[[], None]:
        """Call `callback` once, as soon as all `sources` are idle, and the app at rest if `rest` is
        given.

        `soon` defers the first check to the next turn of the loop: the caller is within a call of
        the app, which may go on.

        Returns:
            A function that removes the wait.
        """
        watcher = _Watcher(sources, callback, rest)
        self.watchers[watcher] = None
        self._kinds[watcher.kind] += 1
        if soon:
            self._check_soon()
        elif self._kinds[watcher.kind] == 1:
            self._check_watcher(watcher)
        # Else an earlier watcher of this kind has found a busy source.

        def remove() -> None:
            if watcher in self.watchers:
                self._remove(watcher)

        return remove

    def _remove(self, watcher: _Watcher) -> None:
        del self.watchers[watcher]
        self._kinds[watcher.kind] -= 1
        if not self._kinds[watcher.kind]:
            del self._kinds[watcher.kind]

    def notify(self) -> None:
        """Check the sources again in the next turn of the loop: the state of a source may have
        changed.
        """
        if self.watchers:
            self._notified += 1
            self._check_soon()

    def _check_soon(self) -> None:
        if not self._check_is_scheduled:
            self._check_is_scheduled = True
            self.loop.call_soon(self._check_all)

    def _check_all(self) -> None:
        """Check each watcher, but only one of each kind."""
        self._check_is_scheduled = False
        # Of many watchers of one kind, only the first is checked: the check of each would go over
        # the tasks of all clients.
        busy, idle = set(), set()
        for watcher in list(self.watchers):
            if watcher.kind in idle:
                self._remove(watcher)
                watcher.callback()
            elif watcher.kind in busy:
                continue
            elif not self._check_watcher(watcher):
                busy.add(watcher.kind)
            elif watcher.rest is None or watcher.rest.is_certain:
                idle.add(watcher.kind)

    def _check_watcher(self, watcher: _Watcher) -> bool:
        """Check the sources of a watcher, and call the watcher back if all are idle; return whether
        they are.
        """
        if watcher.notified != self._notified:
            watcher.notified, watcher.turns = self._notified, _TURNS
        state = watcher.check()
        if state is IDLE:
            again_in = None if watcher.rest is None else watcher.rest.check()
            if again_in is None:
                self._remove(watcher)
                watcher.callback()
                return True
            if again_in:
                self._check_in(again_in)
            else:
                self._check_soon()
        elif state is MOVING and watcher.turns:
            watcher.turns -= 1
            self._check_soon()
        elif state is MOVING:
            self._check_in(_SLOW_CHECK)
        return False

    def _check_in(self, seconds: float) -> None:
        """Check again after `seconds`, for sources that do not call `notify`."""
        when = self.loop.time() + seconds
        if self._next_check is not None:
            if self._next_check.when() <= when:
                return
            self._next_check.cancel()
        self._next_check = self.loop.call_at(when, self._check_again)

    def _check_again(self) -> None:
        self._next_check = None
        if self.watchers:
            self._check_all()
