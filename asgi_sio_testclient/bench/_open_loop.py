"""Calls that begin at a fixed rate, whether or not the calls before them were answered.

An open loop can't pause the calls for housekeeping (see `Calls.housekeep`). Housekeeping is done
while no call is pending and the next call is not due soon. If there is no such time for long, then
housekeeping is done while calls are pending, and delays a call.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter_ns
from typing import Protocol

__all__ = ["CALLS_A_ROUND", "ROUND_NS", "SECOND", "OpenLoop", "until"]

__tracebackhide__ = True

SECOND = 1_000_000_000
ROUND_NS = SECOND // 20
"""The time after which housekeeping is due again, in the closed and in the open loop."""
CALLS_A_ROUND = 5_000
"""The most calls between two times of housekeeping: the transcript keeps twice as many handlers."""
SPIN_NS = 2_000_000
"""A timer of the event loop is late by up to a millisecond, the resolution of epoll, and by what
the system adds. In the last two milliseconds before a call is due, `until` polls the clock."""
HOUSEKEEPING_NS = 3_000_000
"""The longest time of housekeeping: the transcript, the calibration loop, a progress bar."""
LONGEST_NS = 2 * SECOND
"""The time after which housekeeping is overdue, and is done even while calls are pending."""


class Calls(Protocol):
    """The calls of a measurement.

    Attributes:
        stopped: why no further call is sent; None while calls are sent.
        sent: how many calls were sent.
        housekept_ns: when housekeeping was done last, in `perf_counter_ns()`.
        housekept_at: how many calls had been sent then.
    """

    stopped: str | None
    sent: int
    housekept_ns: int
    housekept_at: int

    async def call(self, due: int) -> None:
        """Send one call that was due at a time of `perf_counter_ns()`."""

    def housekeep(self, *, calibrate: bool = True) -> None:
        """Do the work that takes time and must not be measured."""


class OpenLoop:
    """Sends calls at a fixed rate.

    Args:
        calls: sends one call, and does the housekeeping.
        count: how many calls to send.
        rate: calls per second.
        concurrency: how many calls may be pending at once; further calls wait. 1 means no limit.
    """

    def __init__(self, calls: Calls, count: int, rate: float, concurrency: int) -> None:
        self._calls = calls
        self._count = count
        self._rate = rate
        self._slots = asyncio.Semaphore(concurrency) if concurrency > 1 else None
        self._pending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send the calls and wait for all of them; stop early once `Calls.stopped` is set."""
        start = perf_counter_ns()
        try:
            for number in range(self._count):
                due = start + round(number * SECOND / self._rate)
                await self._housekeep(due)
                await until(due)
                if self._calls.stopped is not None:
                    break
                task = asyncio.create_task(self._call(due))
                self._pending.add(task)
                task.add_done_callback(self._pending.discard)
            await asyncio.gather(*self._pending)
        finally:
            for task in self._pending:
                task.cancel()
            await asyncio.gather(*self._pending, return_exceptions=True)

    async def _call(self, due: int) -> None:
        async with self._slots or contextlib.nullcontext():
            await self._calls.call(due)

    async def _housekeep(self, due: int) -> None:
        """Do the housekeeping if enough time or calls have passed since the last one.

        The housekeeping is postponed if it would delay the next call, unless it is overdue.

        Args:
            due: when the next call is due, in nanoseconds of `perf_counter_ns`.
        """
        calls, pending = self._calls, self._pending
        now = perf_counter_ns()
        if now - calls.housekept_ns < ROUND_NS and calls.sent - calls.housekept_at < CALLS_A_ROUND:
            return
        await _sleep_until(due - 2 * HOUSEKEEPING_NS)
        while pending and due - perf_counter_ns() > HOUSEKEEPING_NS:  # noqa: ASYNC110 (as in until)
            await asyncio.sleep(0)
        if not pending and due - perf_counter_ns() > HOUSEKEEPING_NS:
            calls.housekeep()
        elif (
            now - calls.housekept_ns > LONGEST_NS
            or calls.sent - calls.housekept_at >= CALLS_A_ROUND
        ):
            calls.housekeep(calibrate=False)


async def until(due: int) -> None:
    """Return when `perf_counter_ns()` is `due`, after one turn of the event loop at least: without
    that turn, calls that are late would keep the app from its work.
    """
    await asyncio.sleep(0)
    await _sleep_until(due - SPIN_NS)
    while perf_counter_ns() < due:  # noqa: ASYNC110 (it waits for the clock)
        await asyncio.sleep(0)


async def _sleep_until(when: int) -> None:
    left = when - perf_counter_ns()
    if left > 0:
        await asyncio.sleep(left / SECOND)
