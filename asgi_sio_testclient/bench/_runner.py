"""Sends the calls of `measure()`, and records when each call was due, sent and answered.

Nothing but the calls is measured. Other work that takes time (progress, garbage collection,
reading the transcript) is done between rounds of calls, while no call is pending. An open loop
can't pause, and does some of this work while calls are pending: see `_open_loop`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING

from asgi_sio_testclient._client.client import TestClient
from asgi_sio_testclient._connection import transcript
from asgi_sio_testclient._exceptions import EventTimeout, NotConnected, TestClientError, UsageError
from asgi_sio_testclient.bench._calibration import measure
from asgi_sio_testclient.bench._open_loop import CALLS_A_ROUND, ROUND_NS, SECOND, OpenLoop
from asgi_sio_testclient.bench._report import SLICES, LatencyReport, Sample
from asgi_sio_testclient.bench._subject import Subject

if TYPE_CHECKING:
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["Measurement", "Plan", "Progress", "Watcher", "first_line", "garbage_collection_off"]

__tracebackhide__ = True

Watcher = Callable[["Progress"], object]

FEWEST_CALLS_A_ROUND = 10
"""For each concurrent caller: in a round of one or two calls, all callers would begin together."""
TIMEOUTS_IN_A_ROW = 3


@dataclass(frozen=True)
class Plan:
    """The arguments of `measure()`.

    Attributes:
        calls, warmup, concurrency, rate: see `measure()`.
        operation: sends the event once and waits for its answer.
        event: the name of the event.
        namespace: the namespace of the event.
        goes_on: whether a handler may run on after its answer, and fail.
    """

    calls: int
    warmup: int
    concurrency: int
    rate: float | None
    operation: Callable[[], Awaitable[object]]
    event: str
    namespace: str
    goes_on: bool


class Progress:
    """The progress of a measurement: the argument of the function that was given as `progress`.

    Attributes:
        total: how many calls will be measured.
    """

    def __init__(self, measurement: Measurement, total: int) -> None:
        self._measurement = measurement
        self.total = total

    @property
    def warming_up(self) -> bool:
        """Whether the warm-up calls run, which are not measured; `done` is 0 until they end."""
        return self._measurement.warming_up

    @property
    def done(self) -> int:
        """How many calls have ended, failed calls included."""
        return 0 if self.warming_up else len(self._measurement.samples) + self.errors

    @property
    def errors(self) -> int:
        """How many calls have failed."""
        return 0 if self.warming_up else self._measurement.errors.total()

    def report(self, interrupted: str | None = None) -> LatencyReport:
        """Return the report of the calls so far; `interrupted` is the reason of an early end."""
        return self._measurement.report(interrupted)


class Measurement:
    """One measurement: call `run`, then `report`. `report` works, too, if `run` was cancelled.

    Args:
        client: the client.
        plan: what to send.
        subject: the description of the measurement, for the report.
        watcher: called with the progress, or None.

    Attributes:
        samples: for each answered call its number among all calls, and when it was due, sent and
            answered, in nanoseconds.
        errors: how many calls failed, by type.
        warming_up: whether the warm-up calls run.
        stopped, sent, housekept_ns, housekept_at: see `_open_loop.Calls`.
    """

    def __init__(
        self, client: TestClient, plan: Plan, subject: Subject, watcher: Watcher | None
    ) -> None:
        self._client = client
        self._plan = plan
        self._subject = subject
        self._watcher = watcher
        self._progress = Progress(self, plan.calls)
        self._handlers = _Handlers(client, plan.event, plan.namespace)
        self.samples: list[tuple[int, int, int, int]] = []
        self.errors: Counter[str] = Counter()
        self._messages: dict[str, str] = {}
        # start and length of each run of the calibration loop, in seconds
        self._calibrations: list[tuple[float, float]] = []
        self._reported_ns = 0
        self.warming_up = False
        self._elapsed = 0
        self._began: int | None = None
        self.sent = 0
        self.housekept_ns = self.housekept_at = 0
        self._timeouts = 0
        self._proved = False
        self.stopped: str | None = None
        self._fatal: Exception | None = None

    async def run(self) -> None:
        """Warm up and measure.

        Raises:
            UsageError: nothing in the app handles the event.
            TypeError: the arguments of the event can't be serialised.
            NotConnected: the client is not connected.
        """
        self.warming_up = self._plan.warmup > 0
        self._report_progress()
        if self.warming_up:
            await self._warm_up()
        with garbage_collection_off():
            try:
                if self._plan.rate is None:
                    await self._closed_loop(self._plan.calls)
                else:
                    await self._open_loop(self._plan.rate)
            finally:
                self._clock_off()
        if self._plan.goes_on:
            await self._drain()
        self.housekeep()
        self._report_progress()

    # -- closed loop

    async def _warm_up(self) -> None:
        """Send the calls that are not measured; remove their figures, also if cancelled."""
        try:
            await self._closed_loop(self._plan.warmup)
        finally:
            self._discard_warm_up()
        self.warming_up = False
        self._report_progress()

    def _discard_warm_up(self) -> None:
        self._messages.clear()
        self.errors.clear()
        self.samples.clear()
        self._calibrations.clear()
        self._elapsed = 0

    async def _closed_loop(self, calls: int) -> None:
        self._left = calls
        uncollected = 0
        # The calibration loop runs between rounds: once for each slice of the timeline, or oftener.
        fewest = FEWEST_CALLS_A_ROUND * self._plan.concurrency
        size = min(CALLS_A_ROUND, max(-(-calls // SLICES), fewest))
        while self._left and self.stopped is None:
            self._room = size
            self._clock_on()
            await self._round(self._plan.operation)
            self._clock_off()
            self.housekeep()
            uncollected += size - self._room
            if uncollected >= CALLS_A_ROUND:
                gc.collect()
                uncollected = 0

    async def _round(self, operation: Callable[[], Awaitable[object]]) -> None:
        ends = perf_counter_ns() + ROUND_NS
        if self._plan.concurrency == 1:
            await self._worker(operation, ends)
        else:
            workers = (self._worker(operation, ends) for _ in range(self._plan.concurrency))
            await asyncio.gather(*workers)
        if self._fatal is not None:
            raise self._fatal

    async def _worker(self, operation: Callable[[], Awaitable[object]], ends: int) -> None:
        # The same as `call`, without its call, which would be part of the figure.
        clock, note = perf_counter_ns, self.samples.append
        begin = 0
        while self._left > 0 and self._room > 0 and begin < ends and self.stopped is None:
            self._left -= 1
            self._room -= 1
            number = self.sent
            self.sent += 1
            begin = clock()
            try:
                await operation()
            except Exception as exc:  # noqa: BLE001 (whatever the app raises is counted)
                self._failed(exc)
            else:
                note((number, begin, begin, clock()))
                if not self._proved:
                    self._prove(None)

    # -- open loop

    async def _open_loop(self, rate: float) -> None:
        self._clock_on()
        await OpenLoop(self, self._plan.calls, rate, self._plan.concurrency).run()
        if self._fatal is not None:
            raise self._fatal

    async def call(self, due: int) -> None:
        """Send one call that was due at a time of `perf_counter_ns()`, and record its times or
        its error.
        """
        number = self.sent
        self.sent += 1
        sent = perf_counter_ns()
        try:
            await self._plan.operation()
        except Exception as exc:  # noqa: BLE001 (whatever the app raises is counted)
            self._failed(exc)
        else:
            self.samples.append((number, due, sent, perf_counter_ns()))
            if not self._proved:
                self._prove(None)

    # -- errors

    def _failed(self, exc: Exception) -> None:
        if not self._proved:
            self._prove(exc)
        if isinstance(exc, NotConnected):
            self.stopped = first_line(exc)
        elif self._is_misuse(exc):
            self._fatal = exc
        elif isinstance(exc, EventTimeout) and exc.timeout is not None:
            self._timed_out()
        if self._fatal is not None:
            self.stopped = first_line(self._fatal)
            return
        self._count(exc)

    def _is_misuse(self, exc: Exception) -> bool:
        """Return whether every further call would fail, too: the arguments can't be sent, or the
        server can't be instrumented.
        """
        ours = isinstance(exc, TypeError) and exc not in self._client.app_exceptions
        return ours or isinstance(exc, UsageError)

    def _count(self, exc: Exception) -> None:
        name = type(exc).__name__
        self.errors[name] += 1
        self._messages.setdefault(name, first_line(exc))

    def _timed_out(self) -> None:
        """Count a timeout; stop if all calls so far have timed out, and there were enough."""
        self._timeouts += 1
        if not self.samples and self._timeouts >= max(TIMEOUTS_IN_A_ROW, self._plan.concurrency):
            self.stopped = f"{self._timeouts} calls timed out, and none was answered"

    def _prove(self, exc: Exception | None) -> None:
        """Check after the first call whether anything in the app handles the event; if not, stop.

        Args:
            exc: the error of the call, or None.
        """
        self._proved = True
        run = self._handlers.latest()
        if run is not None and not run.name:
            where = f"{self._plan.event!r} in namespace {self._plan.namespace!r}"
            hint = f" ({exc.headline})" if isinstance(exc, EventTimeout) else ""
            self._fatal = UsageError(f"nothing in the app handles {where}{hint}")
            self.stopped = str(self._fatal)

    # -- between calls

    def _clock_on(self) -> None:
        self._began = perf_counter_ns()

    def _clock_off(self) -> None:
        if self._began is not None:
            self._elapsed += perf_counter_ns() - self._began
            self._began = None

    def housekeep(self, *, calibrate: bool = True) -> None:
        """Do the work that takes time and must not be measured.

        Args:
            calibrate: whether to run the calibration loop, too.
        """
        self._handlers.read()
        # The handler may send other events, too: without a reader they would fill the memory.
        self._client.get_received(self._plan.namespace)
        if calibrate:
            self._calibrations.append((perf_counter_ns() / SECOND, measure()))
        # An open loop does this seldom enough.
        if self._plan.rate is not None or perf_counter_ns() - self._reported_ns >= ROUND_NS:
            self._report_progress()
        self.housekept_ns, self.housekept_at = perf_counter_ns(), self.sent

    def _report_progress(self) -> None:
        if self._watcher is not None:
            self._watcher(self._progress)
        self._reported_ns = perf_counter_ns()

    async def _drain(self) -> None:
        """Wait for handlers that run on after their answers, and count those that fail."""
        failed = True
        while failed:
            try:
                await self._client.settle()
            except (UsageError, EventTimeout) as exc:
                # The server is not detected, or the handler does not end: settle() would fail
                # again.
                failed = False
                if isinstance(exc, EventTimeout):
                    self.stopped = self.stopped or first_line(exc)
            except Exception as exc:  # noqa: BLE001 (as in _worker)
                self._count(exc)
            else:
                failed = False

    def report(self, interrupted: str | None = None) -> LatencyReport:
        """Return the report of the calls so far; `interrupted` is the reason of an early end."""
        self._handlers.read()
        running = 0 if self._began is None else perf_counter_ns() - self._began
        samples = () if self.warming_up else self.samples
        return LatencyReport.from_samples(
            (self._sample(*sample) for sample in samples),
            self._subject,
            elapsed=(self._elapsed + running) / SECOND,
            yardstick=(took for _, took in self._calibrations),
            calibrations=self._calibrations,
            errors=self.errors,
            messages=self._messages,
            notes=self._handlers.notes,
            interrupted=interrupted or self.stopped,
        )

    def _sample(self, number: int, due: int, sent: int, end: int) -> Sample:
        waited, due_, end_ = (sent - due) / SECOND, due / SECOND, end / SECOND
        run = self._handlers.get(number)
        if run is None:
            return Sample(due_, end_, waited=waited)
        started, ended = run
        inside = max(0.0, min(ended, end_) - max(started, due_))
        return Sample(due_, end_, ended - started, inside, waited)


class _Handlers:
    """Assigns runs of the app's handler to calls, by their order: the server handles the events of
    one client in the order in which they were sent.
    """

    def __init__(self, client: TestClient, event: str, namespace: str) -> None:
        self._transcript = client.transcript
        self._event = event, namespace
        self._runs: list[tuple[float, float] | HandlerRun] = []
        self._unended: set[int] = set()
        self._last = next(reversed(self._transcript.handlers), None)
        self._incomplete = False
        self._is_elsewhere = client._running_app.elsewhere is not None

    @property
    def notes(self) -> list[str]:
        """One line with the reason if there are no handler times; else none."""
        if self._incomplete:
            return ["no handler times: the client's transcript no longer has these events"]
        if self._is_elsewhere:
            return ["no handler times: the server is elsewhere"]
        if not self._runs:
            return ["no handler times: the app's server was not found; pass server= to the client"]
        return []

    def latest(self) -> HandlerRun | None:
        """Return the latest run of the handler, or None."""
        runs = reversed(self._transcript.handlers)
        return next((run for run in runs if (run.event, run.namespace) == self._event), None)

    def read(self) -> None:
        """Copy the new runs from the transcript, which keeps a limited number of entries."""
        new: list[HandlerRun] = []
        runs = self._transcript.handlers
        for run in reversed(runs):
            if run is self._last:
                break
            new.append(run)
        else:
            removed = self._last is not None or len(runs) >= transcript.MAX_PACKETS
            self._incomplete = self._incomplete or removed
        for run in reversed(new):
            if (run.event, run.namespace) == self._event:
                self._unended.add(len(self._runs))
                self._runs.append(run)
        self._last = runs[-1] if runs else None
        for index in list(self._unended):
            self._release(index)

    def _release(self, index: int) -> None:
        """Replace a run that has ended by its times: a run holds its task, and more."""
        run = self._runs[index]
        if not isinstance(run, tuple) and run.ended is not None:
            self._runs[index] = run.started, run.ended
            self._unended.discard(index)

    def get(self, number: int) -> tuple[float, float] | None:
        """Return when the handler for a call started and ended, in seconds; None if unknown."""
        run = self._runs[number] if number < len(self._runs) and not self._incomplete else None
        return run if isinstance(run, tuple) else None


@contextlib.contextmanager
def garbage_collection_off() -> Iterator[None]:
    """Disable garbage collection within the block, as timeit does. Objects that exist before are
    frozen, so that an explicit collection only examines newer objects.
    """
    gc.collect()
    enabled, frozen = gc.isenabled(), gc.get_freeze_count()
    gc.disable()
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()
        if enabled:
            gc.enable()


def first_line(exc: BaseException) -> str:
    """Return the text of an error on one line, with its first note, which names the handler."""
    text = str(exc).partition("\n")[0] or repr(exc)
    notes = getattr(exc, "__notes__", None)
    return f"{text} ({notes[0]})" if notes and not isinstance(exc, TestClientError) else text
