"""Measures latencies without a network: of one event (`measure`), or of many clients (`swarm`).

    async with TestClient(app) as client:
        await client.connect()
        report = await bench.measure(client, "search", {"text": "tea"}, calls=1000)
    print(report)

How it is measured:

* The clock is `time.perf_counter_ns`, which is read at the start and at the end of each call.
* Warm-up calls come first and are not measured: imports, caches and the interpreter's
  specialisation of hot code are part of these calls only.
* The garbage collector is off while calls are measured, as in `timeit`: the time of a collection
  depends on all objects of the process. Objects that exist before are frozen, and garbage is
  collected every 5,000 calls, between measured calls. (An open loop can't pause; it collects at the
  end.)
* All other work that takes time, such as a progress bar, is done between measured calls.
* A closed loop, the default, sends a call when the call before was answered. So a slow call delays
  the sending of later calls, and the delay is not in their latency ("coordinated omission"). In an
  open loop, with ``rate``, each call is due at a fixed time, and its latency counts from that time.
* Failed calls are counted by type; their times are not in the figures.
* The time of the handler is measured on the server, by the client's instrumentation. See
  `LatencyReport.handler` for what is part of this time.

This package imports no protocol: it uses a client as a test does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgi_sio_testclient._client.client import TestClient
from asgi_sio_testclient._connection.transcript_entry import shorten
from asgi_sio_testclient._exceptions import NotConnected
from asgi_sio_testclient.bench._comparison import Comparison, NotComparable
from asgi_sio_testclient.bench._report import (
    Bucket,
    LatencyReport,
    Sample,
    Slice,
    Timings,
)
from asgi_sio_testclient.bench._runner import Measurement, Plan, Progress
from asgi_sio_testclient.bench._subject import Subject, name_of
from asgi_sio_testclient.bench._swarm import swarm

__all__ = [
    "Bucket",
    "Comparison",
    "LatencyReport",
    "NotComparable",
    "Progress",
    "Sample",
    "Slice",
    "Subject",
    "Timings",
    "measure",
    "swarm",
]

__tracebackhide__ = True

MODES = ("call", "emit")
SHOWN_ARGUMENTS = 200


async def measure(
    client: TestClient,
    event: str,
    *args: Any,
    calls: int = 1000,
    warmup: int = 100,
    concurrency: int = 1,
    mode: str = "call",
    await_event: str | None = None,
    rate: float | None = None,
    namespace: str | None = None,
    timeout: float | None = None,
    app: str | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> LatencyReport:
    """Send an event many times, and return a report of the latencies.

    While calls are measured, use the client for nothing else: unread events of the namespace are
    read and dropped.

    Args:
        client: a connected client.
        event: the name of the event.
        args: the arguments of the event.
        calls: how many calls are measured.
        warmup: how many calls are sent before, and not measured.
        concurrency: how many calls may be pending at the same time. With `rate`, 1 (the default)
            means no limit; with a greater number, further calls wait, and the wait is part of their
            latency.
        mode: "call" measures until the ack; "emit" measures until `await_event` has arrived, or
            without `await_event` until the app has settled.
        await_event: the event that answers an emit. If several emits are pending, the first of
            these events answers the oldest emit.
        rate: calls per second at regular intervals; None: a call is sent when a call before has
            ended.
        namespace: the namespace; "/" by default.
        timeout: seconds for each call; by default the client's timeout.
        app: the name of the app in the report. By default "module:name", as for uvicorn, if a
            module has the app; else the name of the app's type.
        progress: called before the first call, and a few times a second between calls. If the
            measurement is cancelled, `Progress.report` returns the figures so far.

    Returns:
        The report.

    Raises:
        ValueError: `calls` is 0, or another argument is out of its range.
        TypeError: `client` is no `TestClient`; or the arguments of the event can't be serialised.
        NotConnected: the client is not connected to the namespace.
        UsageError: nothing in the app handles the event; or `mode` is "emit" without `await_event`,
            and the server is not detected.
    """
    _check(client, calls, warmup, concurrency, mode, await_event, rate)
    namespace = namespace or "/"
    transport = client.transport
    if not client.is_connected(namespace) or transport is None:
        raise NotConnected(
            f"not connected to namespace {namespace!r}: connect() before measuring",
            client.disconnect_reason,
        )
    subject = Subject.here(
        app=name_of(client._options.app) if app is None else app,
        event=event,
        namespace=namespace,
        mode=mode,
        await_event=await_event,
        arguments=", ".join(shorten(arg, SHOWN_ARGUMENTS) for arg in args),
        transport=transport,
        concurrency=0 if rate is not None and concurrency == 1 else concurrency,
        rate=rate,
    )
    operation = _operation(client, event, args, mode, await_event, namespace, timeout)
    plan = Plan(
        calls, warmup, concurrency, rate, operation, event, namespace, await_event is not None
    )
    measurement = Measurement(client, plan, subject, progress)
    await measurement.run()
    return measurement.report()


def _operation(
    client: TestClient,
    event: str,
    args: tuple[Any, ...],
    mode: str,
    await_event: str | None,
    namespace: str,
    timeout: float | None,
) -> Callable[[], Awaitable[object]]:
    """Return the function that sends the event once and waits for the answer, by `mode`."""

    async def call() -> None:
        await client.call(event, *args, namespace=namespace, timeout=timeout)

    async def emit_and_settle() -> None:
        await client.emit(event, *args, namespace=namespace)
        await client.settle(timeout)

    async def emit_and_await() -> None:
        # An unread event must not count as the answer to this emit.
        client.get_received(namespace)
        await client.emit(event, *args, namespace=namespace)
        await client.await_event(await_event, namespace=namespace, timeout=timeout)

    if mode == "call":
        return call
    return emit_and_settle if await_event is None else emit_and_await


def _check(
    client: object,
    calls: int,
    warmup: int,
    concurrency: int,
    mode: str,
    await_event: str | None,
    rate: float | None,
) -> None:
    if not isinstance(client, TestClient):
        raise TypeError(f"client is {client!r}; expected a TestClient")
    if calls < 1:
        raise ValueError(f"calls is {calls!r}; there is nothing to measure below 1")
    if warmup < 0:
        raise ValueError(f"warmup is {warmup!r}; expected 0 or more")
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency!r}; expected 1 or more")
    if rate is not None and not 0 < rate < float("inf"):
        raise ValueError(f"rate is {rate!r}; expected arrivals per second, above 0")
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; expected 'call' or 'emit'")
    if mode == "call" and await_event is not None:
        raise ValueError(f"await_event is {await_event!r}; await_event goes with mode='emit'")
    if mode == "emit" and await_event is None and (concurrency > 1 or rate is not None):
        raise ValueError(
            "mode='emit' without await_event waits until the whole app has settled, so that "
            "calls can't run concurrently: give await_event, or neither concurrency nor rate"
        )
