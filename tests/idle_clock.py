"""An event loop with a clock of its own, so that timeouts of tests depend neither on the machine's
load nor on real waits.

The clock stops while the loop runs code. On a busy machine a process gets a fraction of the time,
and a timeout of 0.05 s might expire before the code has run that it limits; on this clock it
expires only if the loop has had nothing to do for 0.05 s.

The clock jumps to the next timer if nothing else can wake the loop: the test has started no thread
and no process, no socket is registered, and no call of an executor is under way.

All loops of the tests' own processes are of this class, except loops that a test creates by another
class, and those of tests marked `real_clock`: tests of a blocked loop, and tests that compare with
another clock.
"""

import asyncio
import contextlib
import selectors
import sys
import threading
import time

# Seconds by which the clock advances in an iteration of the loop without a wait: timeouts expire in
# a loop that never waits, too.
TURN = 1e-5


class _Outside:
    """Whether the test has started threads or processes that may wake its loops.

    Threads and processes that are older than the test have no reference to its loops, except the
    threads of an executor: the selector counts the calls of executors.
    """

    def __init__(self):
        self.begin()
        sys.addaudithook(self._note)

    def begin(self):
        """Ignore the threads and processes that exist now."""
        self._threads = set(threading.enumerate())
        self._processes = 0

    def _note(self, event, args):
        if event in ("subprocess.Popen", "os.fork", "os.posix_spawn"):
            self._processes += 1

    def __bool__(self):
        return self._processes > 0 or not self._threads.issuperset(threading.enumerate())


outside = _Outside()


class _Selector(selectors.DefaultSelector):
    now = time.monotonic()
    executed = 0

    def _only_a_timer_is_left(self):
        """Return whether nothing but a timer can wake the loop. One file is always registered: the
        pipe that wakes the loop for threads and signals.
        """
        return len(self.get_map()) == 1 and not self.executed and not outside

    def select(self, timeout=None):
        if timeout is not None and timeout <= 0:
            self.now += TURN
            return super().select(timeout)
        if timeout is not None and self._only_a_timer_is_left():
            # A signal, or a thread that has ended, may have woken the loop already.
            ready = super().select(0)
            self.now += TURN if ready else timeout
            return ready
        began = time.monotonic()
        ready = super().select(timeout)
        waited = time.monotonic() - began
        if timeout is not None:
            # The loop did not wait longer if the process got the processor back too late.
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

    def run_in_executor(self, executor, func, *args):
        future = super().run_in_executor(executor, func, *args)
        self._clock.executed += 1
        future.add_done_callback(self._executed)
        return future

    def _executed(self, future):
        self._clock.executed -= 1


@contextlib.contextmanager
def installed():
    """Let asyncio make such loops wherever none is asked for by its class."""
    before = asyncio.new_event_loop
    asyncio.new_event_loop = asyncio.events.new_event_loop = IdleClockLoop
    try:
        yield
    finally:
        asyncio.new_event_loop = asyncio.events.new_event_loop = before
