"""Fuzzing: call every handler of an app with generated payloads, and report the handlers that fail.

A handler fails if it never ends, if it raises an exception that is not allowed, or if the server
accepts no other client afterwards. ``python -m asgi_sio_testclient fuzz MODULE:APP`` does the same
from the shell.

Needs the extra "fuzz" (Hypothesis).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from asgi_sio_testclient import TestClient, UsageError
from asgi_sio_testclient.fuzz._app import FuzzedApp, Settings
from asgi_sio_testclient.fuzz._loop import HandlerHang
from asgi_sio_testclient.fuzz._recorded import read_recording
from asgi_sio_testclient.fuzz._report import Failure, Report
from asgi_sio_testclient.fuzz._search import Found, search_handler, search_sequences
from asgi_sio_testclient.fuzz._targets import Call, Target, targets_of
from asgi_sio_testclient.fuzz._values import nested

__all__ = ["Call", "Failure", "HandlerHang", "Report", "nested", "run"]

__tracebackhide__ = True

_ALL = ("*", "*")


def run(
    app: Any,
    *events: str,
    namespace: str | None = None,
    max_examples: int = 200,
    seed: int = 0,
    arity: int | None = None,
    allow: Iterable[str | type[BaseException]] = (),
    auth: Any = None,
    setup: Callable[[TestClient], Any] | None = None,
    recorded: Any = None,
    sequences: int = 0,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> Report:
    """Fuzz the handlers of an app.

    Each example is sent by a new client. The app's lifespan is started once, and started again
    after a handler that never ended. The event loop's clock is virtual: a handler that sleeps for
    hours takes no time.

    Args:
        app: the app, as `TestClient` takes it.
        events: the events whose handlers are fuzzed; without events, all handlers.
        namespace: fuzz the handlers of this namespace only; None for all namespaces.
        max_examples: the most examples that are sent to one handler.
        seed: the seed of the generated values. The same seed gives the same values.
        arity: how many arguments are sent; None for as many as each handler takes.
        allow: exceptions that handlers may raise, subclasses included: classes, or names such as
            ``"ValueError"`` and ``"shop.errors.SoldOut"``.
        auth: the auth payload of each connection.
        setup: called with each client before the client connects, for example to log in; sync or
            async.
        recorded: arguments to begin with: the path of a HAR file, the path of a text file with
            one Engine.IO packet on each line, or a transcript.
        sequences: if above 0, send sequences of events of all handlers instead, each with at most
            that many events, and `max_examples` sequences in all.
        progress: called with a line of text before each handler is fuzzed.
        options: arguments of `TestClient`.

    Returns:
        The failures, each with the smallest failing example that was found.

    Raises:
        UsageError: `run` is called within a running event loop; or no handler has that event and
            namespace.
        TestClientError: the app has no Socket.IO server.
        ValueError: `recorded` has no events.
    """
    _require_no_loop()
    names = {name if isinstance(name, str) else name.__name__ for name in allow}
    settings = Settings(options, auth, setup, frozenset(names))
    recording = None if recorded is None else read_recording(recorded)
    with FuzzedApp(app, settings) as fuzzed_app:
        fuzzed_app.discover()
        targets = [
            target
            for target in targets_of(fuzzed_app.handlers.values(), arity=arity, recorded=recording)
            if namespace is None or target.label[0] == namespace
        ]
        targets = _chosen(targets, events)
        runner = _Runner(fuzzed_app, max_examples, seed, progress or _silent)
        if sequences > 0:
            return runner.sequences(targets, sequences)
        return runner.handlers(targets)


def _require_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError("fuzz.run() needs a thread without a running event loop: use a plain function")


def _chosen(targets: list[Target], events: tuple[str, ...]) -> list[Target]:
    """Return the targets of `events`; all targets if `events` is empty.

    Raises:
        UsageError: an event has no handler, or there is no handler at all.
    """
    known = sorted({target.label[1] for target in targets})
    missing = [event for event in events if event not in known]
    if missing or not targets:
        what = f"event {missing[0]!r}" if missing else "any event"
        raise UsageError(
            f"no handler to fuzz for {what}; the app handles {', '.join(known) or 'none'}"
        )
    return [target for target in targets if not events or target.label[1] in events]


def _silent(_: str) -> None:
    pass


class _Runner:
    """Fuzzes targets in a running app, and collects the failures."""

    def __init__(
        self, fuzzed_app: FuzzedApp, max_examples: int, seed: int, progress: Callable[[str], None]
    ) -> None:
        self._fuzzed_app = fuzzed_app
        self._max_examples = max_examples
        self._seed = seed
        self._progress = progress
        self._failures: dict[tuple[str, str], Failure] = {}
        self._connected: dict[str, bool] = {}

    def handlers(self, targets: list[Target]) -> Report:
        """Fuzz one handler after the other, and return the report.

        Raises:
            UsageError: the app refuses connections to a namespace.
        """
        examples = {}
        self._connected = {
            namespace: self._connects(namespace)
            for namespace in {
                target.namespace: None for target in targets if target.handler.event != "connect"
            }
        }
        for target in targets:
            self._progress(f"{target.label[0]} {target.label[1]}")
            examples[target.label] = self._handler(target)
        return self._report(examples)

    def _handler(self, target: Target) -> int:
        """Fuzz one handler until that handler fails, and return how many examples were sent.

        A failure of another handler is collected, too, and does not end the search.
        """
        if not self._connected.get(target.namespace, True):
            return 0
        done = 0
        while done < self._max_examples:
            count, found = search_handler(
                self._fuzzed_app, target, max_examples=self._max_examples - done, seed=self._seed
            )
            done += count
            if found is None:
                break
            # If another handler ends the app, each further example would end there.
            if self._add(found, target.label) == target.label or found.fault.fatal:
                break
        return done

    def _connects(self, namespace: str) -> bool:
        """Return whether a client with the given auth can connect to a namespace; collect a failure
        of a handler.

        Raises:
            UsageError: the app refuses the connection.
        """
        calls = (Call(namespace, "connect", (self._fuzzed_app.auth,)),)
        fault = self._fuzzed_app.run(calls)
        if fault is not None:
            label = self._add(Found(calls, fault, 0), (namespace, "connect"))
            if fault.fatal:
                self._fuzzed_app.restart()
            return not fault.fatal and label[1] != "connect"
        if self._fuzzed_app.refusal is not None:
            raise UsageError(
                f"the app refuses connections to {namespace!r}: {self._fuzzed_app.refusal.data!r}; "
                "give auth= or setup= (--auth or --setup), or the namespace= of another namespace"
            )
        return True

    def sequences(self, targets: list[Target], length: int) -> Report:
        """Send sequences of at most `length` events, and return the report."""
        done = 0
        while done < self._max_examples:
            count, found = search_sequences(
                self._fuzzed_app,
                targets,
                max_examples=self._max_examples - done,
                seed=self._seed,
                length=length,
            )
            done += count
            if found is None:
                break
            self._add(found, _label_of(found))
        return self._report({_ALL: done})

    def _add(self, found: Found, label: tuple[str, str]) -> tuple[str, str]:
        """Collect a failure, and return the namespace and event of the handler that failed: those
        of the fault, or `label`. Further failures of that handler are ignored.
        """
        label = found.fault.label or label
        fault = found.fault
        failure = Failure(*label, fault.error, found.calls, found.examples, fault.traceback)
        self._failures.setdefault(label, failure)
        self._fuzzed_app.ignored.add(label)
        return label

    def _report(self, examples: dict[tuple[str, str], int]) -> Report:
        return Report(tuple(self._failures.values()), examples)


def _label_of(found: Found) -> tuple[str, str]:
    last = found.calls[-1]
    return last.namespace, last.event
