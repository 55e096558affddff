"""The method of all measures of time: the clock, the garbage collector, the rounds, the ratios.

- The clock is `time.perf_counter_ns`.
- A round is one slice of every contender, in an order that rotates from round to round. A slice is
  a number of operations that take about `SLICE_NS`, calibrated once. Slices are short, so that a
  temporary load of the machine slows several contenders. A round's ratio is a contender's time per
  operation over the floor's in the same round. The reported figures are the median and the
  quartiles of the rounds' ratios.
- After every `ROUNDS_PER_SESSION` rounds all contenders get a new app, a new event loop and a new
  connection, and warm up. Set-up and tear-down are not measured, except in the measures that are
  about them.
- The garbage collector is handled as in `timeit`: a full collection before a session's rounds, none
  during them. (`pyperf` leaves the collector on, and so does `--gc`. The cost of a collection
  depends on all objects of the process, not only on the client's.)
"""

import asyncio
import contextlib
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field

SLICE_NS = 20_000_000
QUICK_SLICE_NS = 5_000_000
ROUNDS_PER_SESSION = 10
MAX_OPERATIONS = 1_000
MIN_ROUNDS = 9
ROUNDS = 30


class _Settings:
    """Settings of a whole run, set by options of the command line."""

    collector_on = False
    clock = staticmethod(time.perf_counter_ns)


def leave_collector_on() -> None:
    _Settings.collector_on = True


def use_processor_time() -> None:
    """Measure processor time, for a busy machine. Sleeping and waiting then cost nothing."""
    _Settings.clock = staticmethod(time.process_time_ns)


@contextlib.contextmanager
def collector() -> Iterator[None]:
    """Collect garbage now, and disable the collector until the end of the block."""
    gc.collect()
    was_enabled = gc.isenabled()
    if not _Settings.collector_on:
        gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def now() -> int:
    """Return nanoseconds of the clock of all measures."""
    return _Settings.clock()


async def clocked(operation: Callable[[], Awaitable], n: int) -> int:
    """Return the nanoseconds that `n` awaited operations take."""
    clock = _Settings.clock
    start = clock()
    for _ in range(n):
        await operation()
    return clock() - start


def clocked_sync(operation: Callable[[], object], n: int) -> int:
    """Return the nanoseconds that `n` blocking operations take."""
    clock = _Settings.clock
    start = clock()
    for _ in range(n):
        operation()
    return clock() - start


@dataclass(frozen=True)
class Cannot:
    """The reason why a contender has no figure of a measure; the table shows the reason."""

    why: str


# Opens an app, a loop and a connection; yields a function that runs n operations and returns the
# nanoseconds.
Session = Callable[[], AbstractContextManager[Callable[[int], int]]]


@dataclass
class Contender:
    """A client that is measured: its sessions by measure, or the reason why there is none."""

    key: str
    title: str
    sessions: Mapping[str, Session | Cannot]
    variant: bool = False  # shown only in the tables where it has a figure


@dataclass
class Series:
    """Nanoseconds per operation, one figure per round."""

    ns: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.ns)


@dataclass(frozen=True)
class Ratio:
    """Median of the per-round ratios, and the quartiles around it."""

    median: float
    low: float
    high: float


def ratio(of: Sequence[float], over: Sequence[float]) -> Ratio:
    each = [a / b for a, b in zip(of, over, strict=True)]
    if len(each) == 1:
        return Ratio(each[0], each[0], each[0])
    low, median, high = statistics.quantiles(each, n=4, method="inclusive")
    return Ratio(median, low, high)


def calibrate(repeat: Callable[[int], int], target_ns: int) -> int:
    """Return the number of operations that take about `target_ns`. Also warms up."""
    n = 1
    while True:
        elapsed = max(1, repeat(n))
        if elapsed >= target_ns or n >= MAX_OPERATIONS:
            return n
        if elapsed > target_ns // 4:
            return max(1, min(MAX_OPERATIONS, n * target_ns // elapsed))
        n = min(MAX_OPERATIONS, n * 3)


def alternate(
    sessions: Mapping[str, Session],
    rounds: int,
    target_ns: int,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Series]:
    """Run a slice of every contender in each round, and return the figures by name."""
    if not sessions:
        return {}
    series = {name: Series() for name in sessions}
    sizes: dict[str, int] = {}
    for first in range(0, rounds, ROUNDS_PER_SESSION):
        with contextlib.ExitStack() as opened:
            repeats = {name: opened.enter_context(open_()) for name, open_ in sessions.items()}
            for name, repeat in repeats.items():
                sizes[name] = calibrate(repeat, target_ns)
            with collector():
                for number in range(first, min(rounds, first + ROUNDS_PER_SESSION)):
                    progress(f"round {number + 1}/{rounds}")
                    for name in _rotated(list(repeats), number):
                        series[name].ns.append(repeats[name](sizes[name]) / sizes[name])
    return series


def _rotated(names: list[str], number: int) -> list[str]:
    shift = number % len(names)
    return names[shift:] + names[:shift]


def on_a_loop(open_operation: Callable[[], AbstractAsyncContextManager]) -> Session:
    """Return a session with its own event loop, which runs during its slices only.

    One task opens, repeats and closes, because anyio's cancel scopes must stay in one task.
    """

    @contextlib.contextmanager
    def session():
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            slices: asyncio.Queue = asyncio.Queue()
            ready = loop.create_future()
            keeper = loop.create_task(_keep(open_operation, slices, ready))
            loop.run_until_complete(asyncio.wait({keeper, ready}, return_when="FIRST_COMPLETED"))
            if keeper.done():
                keeper.result()

            def repeat(n: int) -> int:
                answer = loop.create_future()
                slices.put_nowait((n, answer))
                loop.run_until_complete(
                    asyncio.wait({keeper, answer}, return_when="FIRST_COMPLETED")
                )
                return answer.result() if answer.done() else keeper.result()

            try:
                yield repeat
            finally:
                slices.put_nowait((0, None))
                loop.run_until_complete(keeper)

    return session


async def _keep(open_operation, slices: asyncio.Queue, ready: asyncio.Future) -> None:
    async with open_operation() as operation:
        ready.set_result(None)
        while (asked := await slices.get())[0]:
            n, answer = asked
            answer.set_result(await clocked(operation, n))


def in_this_thread(open_operation: Callable[[], AbstractContextManager]) -> Session:
    """Return a session of a client whose operations block."""

    @contextlib.contextmanager
    def session():
        with open_operation() as operation:
            yield lambda n: clocked_sync(operation, n)

    return session


def whole_tests(one_test: Callable[[], Awaitable]) -> Session:
    """Return a session of whole tests, each with its own event loop, as in pytest-asyncio."""
    return in_this_thread(lambda: contextlib.nullcontext(lambda: asyncio.run(one_test())))
