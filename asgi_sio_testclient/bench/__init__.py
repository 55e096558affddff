"""What a handler costs: latencies of an event, or of many clients, with no network in them.

    async with TestClient(app) as client:
        await client.connect()
        report = await bench.measure(client, "search", {"text": "tea"}, calls=1000)
    print(report)

How it is measured:

* The clock is `time.perf_counter_ns`. Each call has its own two readings; nothing is divided by a
  number of calls.
* Warm-up calls come first and are forgotten: imports, caches and the interpreter's own
  specialisation of hot code belong to none of the calls that count.
* The garbage collector is off while calls are measured, as in `timeit`: what a collection costs
  depends on all the objects of the process and not on the handler. What is alive before is frozen,
  and garbage is collected every 5,000 calls, off the clock. (An open loop can't pause; it collects
  at its end.)
* Everything else that costs time, such as a progress bar, happens between calls, off the clock.
* A closed loop sends a call when the one before is answered: it shows what a call costs. It never
  shows what users feel when a slow call holds up those behind it, since it waits with sending
  those. For that there is ``rate``: calls are due on a schedule, come what may, and their latency
  counts from then ("coordinated omission" is the name for leaving that out).
* Failed calls are counted by type; their times are in no figure.
* The handler's own time is taken from the server, which the client watches anyway. See
  `LatencyReport.handler` for what is in it.

It must know no protocol: it uses the client as a test does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgi_sio_testclient._client.client import TestClient
from asgi_sio_testclient._connection.transcript import shorten
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
    """Send an event many times, and report what each took.

    Leave the client to it meanwhile: it must be connected, nobody else should send that event on
    it, and its unread events of the namespace are read away.

    Args:
        client: who sends.
        event: what is sent.
        args: its arguments.
        calls: how many are measured.
        warmup: how many are sent before, and not measured.
        concurrency: how many are under way at a time. With `rate`: 1, the default, lets arrivals
            be under way whatever their number; above, later ones wait for a place, on the clock.
        mode: "call": from sending it until its ack; "emit": until `await_event` has come, or
            without that until the app has settled.
        await_event: the event that answers an emit. With several under way, the first to come
            answers the first to wait, whichever it belongs to.
        rate: arrivals per second, evenly spaced; None: each is sent when one before it is over.
        namespace: "/" by default.
        timeout: seconds, for each call; the client's by default.
        app: what the report calls the app. By default "module:name" of where the app is found, as
            uvicorn would be given it; else its type, by which two apps can't be told apart.
        progress: called between calls, a few times a second, and before the first. Cut short, by
            cancellation for example, `Progress.report` still has what was measured so far.

    Raises:
        ValueError: `calls` is 0, or another argument can't be.
        TypeError: no `TestClient`, or arguments of the event that can't be serialised.
        NotConnected: the client isn't connected to the namespace.
        UsageError: nothing in the app handles the event; or `mode` "emit" without `await_event`
            where the server isn't known.
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
    async def call() -> None:
        await client.call(event, *args, namespace=namespace, timeout=timeout)

    async def emit_and_settle() -> None:
        await client.emit(event, *args, namespace=namespace)
        await client.settle(timeout)

    async def emit_and_await() -> None:
        # What came besides the answers to earlier emits must not pass for an answer to this one.
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
        raise ValueError(f"await_event is {await_event!r}; that goes with mode='emit'")
    if mode == "emit" and await_event is None and (concurrency > 1 or rate is not None):
        raise ValueError(
            "mode='emit' without await_event waits until the whole app has settled, so that "
            "calls can't be under way beside one another: give await_event, or neither "
            "concurrency nor rate"
        )
