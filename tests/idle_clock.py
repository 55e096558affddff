"""An event loop whose clock goes on while the loop waits, and stands still while it works.

A busy machine gives a process a fraction of its time, so that a timeout of 0.05 s may expire before
the code has run that it is to bound. On this clock a timer is due when the loop has had nothing to
do for so long, whatever the machine does besides: a short timeout ends a wait that is in vain, and
no other one. Every loop of the tests' own processes is such a one, unless a test makes another by
its class, or is marked `real_clock`: where what blocks the loop is the subject.
"""

import asyncio
import contextlib
import selectors
import time

# Seconds that a turn of the loop counts while something is ready to run: a loop that never waits
# needs its timeouts, too.
TURN = 1e-5


class _Selector(selectors.DefaultSelector):
    now = time.monotonic()

    def select(self, timeout=None):
        if timeout is not None and timeout <= 0:
            self.now += TURN
            return super().select(timeout)
        began = time.monotonic()
        ready = super().select(timeout)
        waited = time.monotonic() - began
        if timeout is not None:
            # A process that was not given the processor again in time has not waited longer.
            waited = min(waited, timeout) if ready else timeout
        self.now += waited
        return ready


class IdleClockLoop(asyncio.SelectorEventLoop):
    """asyncio's own, on that clock."""

    def __init__(self):
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self):
        return self._clock.now


@contextlib.contextmanager
def installed():
    """Let asyncio make such loops wherever none is asked for by its class."""
    before = asyncio.new_event_loop
    asyncio.new_event_loop = asyncio.events.new_event_loop = IdleClockLoop
    try:
        yield
    finally:
        asyncio.new_event_loop = asyncio.events.new_event_loop = before
