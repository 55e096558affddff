"""`swarm()`: many clients that run one scenario.

The times of single calls in a scenario are read from the transcripts afterwards, so that scenarios
use clients without a wrapper.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter_ns
from typing import Any

from asgi_sio_testclient._client.client import TestClient
from asgi_sio_testclient._connection.transcript_entry import TranscriptEntry
from asgi_sio_testclient._exceptions import EventTimeout, NotConnected, UsageError
from asgi_sio_testclient.bench._open_loop import SECOND, until
from asgi_sio_testclient.bench._report import LatencyReport, Sample
from asgi_sio_testclient.bench._runner import first_line, garbage_collection_off
from asgi_sio_testclient.bench._subject import Subject, name_of

__all__ = ["swarm"]

__tracebackhide__ = True

Scenario = Callable[[TestClient], Awaitable[object]]

CONNECTS_AT_A_TIME = 50
"""If ten thousand clients connected at once, the last one would exceed its timeout."""


async def swarm(
    app: Any,
    *,
    clients: int = 100,
    scenario: Scenario,
    rounds: int = 1,
    warmup: int = 0,
    rate: float | None = None,
    namespaces: Sequence[str] = ("/",),
    name: str | None = None,
    **options: Any,
) -> LatencyReport:
    """Connect many clients to one running app, run the scenario with each, and return a report.

    Args:
        app: the ASGI app; its lifespan is started once, and shut down at the end.
        clients: the number of clients.
        scenario: a coroutine function, which is called with a connected client.
        rounds: how often each client runs the scenario, one run after the other.
        warmup: how many rounds come before, which are not measured.
        rate: scenarios that begin per second, at regular intervals and with each client in turn;
            the latency of a scenario counts from the time at which it was due. None: all clients
            begin at once.
        namespaces: the namespaces to which each client connects.
        name: the name of the app in the report; see ``app`` in `measure`.
        options: further arguments of `TestClient`.

    Returns:
        The report of the scenarios. Its ``events`` has a report for "connect", and for each event
        that got an ack (`call`, or `emit` with a callback) within the last 10,000 packets of its
        client. Errors of scenarios are counted together, and errors of "connect" separately.

    Raises:
        ValueError: `clients` or `rounds` is below 1, or another argument is out of its range.
        TypeError: `scenario` is no function, or an option is no argument of `TestClient`.
        Exception: the first error of connecting, if no client could connect.
    """
    _check(scenario, clients, rounds, warmup, rate)
    async with TestClient(app, **options) as first:
        users = [_User(first), *(_User(first.clone()) for _ in range(clients - 1))]
        run = _Swarm(users, scenario, rate)
        await run.connect(namespaces)
        await run.scenarios(warmup, None)
        run.discard_warm_up()
        with garbage_collection_off():
            elapsed = await run.scenarios(rounds, rate)
        await run.drain(first)
        subject = Subject.here(
            app=name_of(app) if name is None else name,
            event=getattr(scenario, "__qualname__", repr(scenario)),
            namespace=" ".join(namespaces),
            mode="scenario",
            await_event=None,
            arguments="",
            transport=run.transport,
            concurrency=clients,
            rate=rate,
        )
        return run.report(subject, elapsed)


class _User:
    """One client, and its measured scenarios."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.connected: Sample | None = None
        self.packets_before = 0
        self.samples: list[Sample] = []

    def seen(self) -> int:
        """Return how many packets the transcript has had, dropped packets included."""
        return self.client.transcript.dropped + len(self.client.transcript)

    def measured_packets(self) -> list[TranscriptEntry]:
        """Return the packets since the measurement began, as far as the transcript has them."""
        transcript = self.client.transcript
        return transcript[max(0, self.packets_before - transcript.dropped) :]


@dataclass
class _Failures:
    """The number of errors by type, and the text of the first error of each type."""

    counts: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)

    def add(self, exc: Exception) -> None:
        """Count an error."""
        name = type(exc).__name__
        self.counts[name] += 1
        self.messages.setdefault(name, first_line(exc))


class _Swarm:
    """Many clients that connect and run the scenario."""

    def __init__(self, users: list[_User], scenario: Scenario, rate: float | None) -> None:
        self._users = users
        self._scenario = scenario
        self._rate = rate
        self._failures = _Failures()
        self._refusals = _Failures()
        self._connect_seconds = 0.0
        self.transport = ""

    async def connect(self, namespaces: Sequence[str]) -> None:
        """Connect all clients.

        Raises:
            Exception: the first error, if no client could connect.
        """
        places = asyncio.Semaphore(CONNECTS_AT_A_TIME)
        first_error: list[Exception] = []

        async def connect(user: _User) -> None:
            async with places:
                begin = perf_counter_ns()
                try:
                    await user.client.connect(*namespaces)
                except Exception as exc:  # noqa: BLE001 (whatever the app raises is counted)
                    first_error.append(exc)
                    self._refusals.add(exc)
                else:
                    user.connected = Sample(begin / SECOND, perf_counter_ns() / SECOND)

        begin = perf_counter_ns()
        await asyncio.gather(*(connect(user) for user in self._users))
        self._connect_seconds = (perf_counter_ns() - begin) / SECOND
        connected = [user for user in self._users if user.connected is not None]
        if not connected:
            raise first_error[0]
        self.transport = connected[0].client.transport or ""

    async def scenarios(self, rounds: int, rate: float | None) -> float:
        """Run the scenario `rounds` times with each connected client; return the seconds in all."""
        users = [user for user in self._users if user.connected is not None]
        begin = perf_counter_ns()

        async def go_through(place: int, user: _User) -> None:
            for turn in range(rounds):
                due = perf_counter_ns()
                if rate is not None:
                    due = begin + round((turn * len(users) + place) * SECOND / rate)
                    await until(due)
                await self._once(user, due)

        await asyncio.gather(*(go_through(place, user) for place, user in enumerate(users)))
        return (perf_counter_ns() - begin) / SECOND

    async def _once(self, user: _User, due: int) -> None:
        sent = perf_counter_ns()
        try:
            await self._scenario(user.client)
        except Exception as exc:  # noqa: BLE001 (as in connect)
            self._failures.add(exc)
        else:
            end = perf_counter_ns()
            user.samples.append(Sample(due / SECOND, end / SECOND, waited=(sent - due) / SECOND))

    def discard_warm_up(self) -> None:
        """Remove the figures of the warm-up."""
        self._failures = _Failures()
        for user in self._users:
            user.samples.clear()
            user.packets_before = user.seen()

    async def drain(self, first: TestClient) -> None:
        """Wait for handlers that scenarios did not wait for, and count their errors."""
        # Each settle() first raises one error of the app that was not raised yet.
        while True:
            try:
                await first.settle()
            except UsageError:
                break  # the server is not detected
            except Exception as exc:  # noqa: BLE001 (as in connect)
                self._failures.add(exc)
                if isinstance(exc, EventTimeout):
                    break
            else:
                break
        for user in self._users:
            user.client.get_received("*")
            # Without unread events, each wait raises one error that was not raised yet.
            for _ in user.client.app_exceptions:
                try:
                    await user.client.await_event(namespace="*", timeout=0)
                except (EventTimeout, NotConnected):
                    break
                except Exception as exc:  # noqa: BLE001 (as in connect)
                    self._failures.add(exc)

    def report(self, subject: Subject, elapsed: float) -> LatencyReport:
        """Return the report of the scenarios, with reports of their single events."""
        connects = [user.connected for user in self._users if user.connected is not None]
        connect = LatencyReport.from_samples(
            connects,
            replace(subject, event="connect", mode="connect", rate=None),
            elapsed=self._connect_seconds,
            errors=self._refusals.counts,
            messages=self._refusals.messages,
        )
        truncated = sum(
            user.client.transcript.dropped > user.packets_before for user in self._users
        )
        notes = [f"of {truncated} clients only the last 10,000 packets are in the events' figures"]
        return LatencyReport.from_samples(
            [sample for user in self._users for sample in user.samples],
            subject,
            elapsed=elapsed,
            errors=self._failures.counts,
            messages=self._failures.messages,
            events={"connect": connect, **self._calls(subject, elapsed)},
            notes=notes if truncated else (),
        )

    def _calls(self, subject: Subject, elapsed: float) -> dict[str, LatencyReport]:
        samples: dict[tuple[str, str], list[Sample]] = {}
        for user in self._users:
            for key, sample in _acked(user.measured_packets()):
                samples.setdefault(key, []).append(sample)
        return {
            event if namespace == "/" else f"{event} ({namespace})": LatencyReport.from_samples(
                of_event,
                replace(subject, event=event, namespace=namespace, mode="call", rate=None),
                elapsed=elapsed,
            )
            for (event, namespace), of_event in sorted(samples.items())
        }


def _acked(entries: Sequence[TranscriptEntry]) -> list[tuple[tuple[str, str], Sample]]:
    """Return event, namespace and times of each event with an ack among a client's packets."""
    sent: dict[tuple[str | None, int | None], TranscriptEntry] = {}
    calls = []
    for entry in entries:
        key = entry.namespace, entry.id
        if entry.direction == "sent" and entry.event is not None and entry.id is not None:
            sent[key] = entry
        elif entry.direction == "received" and (entry.socketio_type or "").endswith("ACK"):
            call = sent.pop(key, None)
            if call is not None:
                sample = _sample(call, entry)
                calls.append(((str(call.event), str(call.namespace)), sample))
    return calls


def _sample(call: TranscriptEntry, ack: TranscriptEntry) -> Sample:
    took = None if call.handler is None else call.handler.duration
    inside = min(took or 0.0, ack.time - call.time)
    return Sample(call.time, ack.time, took, inside)


def _check(scenario: object, clients: int, rounds: int, warmup: int, rate: float | None) -> None:
    if not callable(scenario):
        raise TypeError(f"scenario is {scenario!r}; expected a coroutine function")
    if clients < 1:
        raise ValueError(f"clients is {clients!r}; expected 1 or more")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds!r}; there is nothing to measure below 1")
    if warmup < 0:
        raise ValueError(f"warmup is {warmup!r}; expected 0 or more")
    if rate is not None and not 0 < rate < float("inf"):
        raise ValueError(f"rate is {rate!r}; expected scenarios per second, above 0")
