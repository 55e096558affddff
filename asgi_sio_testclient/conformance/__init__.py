"""The official Engine.IO v4 and Socket.IO v5 protocol test suites, for an ASGI app in memory or for
a live server in any language.

From Python::

    results = asyncio.run(conformance.run(app))
    assert all(result.conforms for result in results)

From a shell: ``python -m asgi_sio_testclient conformance MODULE:APP``, or a URL in its place.

The app has to follow the rules of the suites, `RULES`. This module uses ASGI only, so that any
server can be tested.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgi_sio_testclient._exceptions import HandshakeFailed
from asgi_sio_testclient.asgi import Lifespan, single_callable
from asgi_sio_testclient.asgi._elsewhere import Elsewhere, RemoteFailure
from asgi_sio_testclient.conformance import _engineio_cases, _socketio_cases
from asgi_sio_testclient.conformance._probe import (
    Case,
    Probe,
    Stopped,
    polling_query,
)
from asgi_sio_testclient.remote import RemoteServer

__all__ = ["CASES", "RULES", "SUITES", "Case", "Result", "cases", "run", "served"]

__tracebackhide__ = True

NOT_FOUND = 404
AT_A_TIME = 4  # cases against a live server
REPETITIONS = 5  # the most repetitions of a case that differs on a live server
CHECK_TIMEOUT = 2.0  # seconds for the answer to the request that checks a suite's path

CASES: tuple[Case, ...] = (*_engineio_cases.CASES, *_socketio_cases.CASES)
"""Every case of both suites, in the suites' order."""

SUITES: dict[str, str] = {"engine.io": "/engine.io/", "socket.io": "/socket.io/"}
"""The suites, and the default path of each."""

RULES = """\
Both suites: ping interval 300 ms, ping timeout 200 ms, payloads of up to 1,000,000 bytes.

engine.io: an Engine.IO server at /engine.io/ that sends every message back as it came, text and
binary.

socket.io: a Socket.IO server at /socket.io/ with the namespaces "/" and "/custom" and no other.
On connection it emits "auth" with the auth payload of the CONNECT packet, {} if there was none. In
"/" it answers the event "message" with the event "message-back" and the same arguments, and
acknowledges "message-with-ack" with the arguments that it came with.
"""
"""The rules that the app has to follow, as text."""


@dataclass(frozen=True)
class Result:
    """The answer of a server in one case.

    Attributes:
        case: the case.
        answer: the answer of the server, in the words of ``case.answers``.
        notes: remarks that are not part of the verdict, such as "only at the ping timeout".
        seconds: the duration of the case.
    """

    case: Case
    answer: str
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def conforms(self) -> bool:
        """Whether the official suite accepts the answer."""
        return self.answer in self.case.answers


def cases(suites: Iterable[str] = tuple(SUITES)) -> tuple[Case, ...]:
    """Return the cases of some suites.

    Args:
        suites: "engine.io", "socket.io"; by default both.

    Raises:
        ValueError: a suite is unknown.
    """
    wanted = set(suites)
    unknown = wanted - set(SUITES)
    if unknown:
        raise ValueError(f"no suite {sorted(unknown)}; there are {list(SUITES)}")
    return tuple(case for case in CASES if case.suite in wanted)


async def served(app: Any, paths: dict[str, str] | None = None) -> tuple[str, ...]:
    """Return the suites whose path the app serves: the app answers a handshake there, with another
    status than 404.

    Args:
        app: an ASGI callable whose lifespan has started.
        paths: the paths of suites, if they differ from `SUITES`.

    Raises:
        HandshakeFailed: a server elsewhere can't be reached, or gives no HTTP response at any path.
    """
    found, failures = [], []
    for suite, path in {**SUITES, **(paths or {})}.items():
        probe = Probe(single_callable(app), path)
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                response = await probe.response(probe.request("GET", polling_query()))
        except TimeoutError:
            why = f"no answer within {CHECK_TIMEOUT:g} s; is the path {path!r} right?"
            failures.append((path, why))
        except RemoteFailure as exc:
            raise _unreachable(app, path, str(exc)) from None
        else:
            # A remark on the first request is a connection that was lost, or the app's exception.
            failures += [(path, remark) for remark in probe.notes]
            if response.status != NOT_FOUND and not (probe.notes and isinstance(app, Elsewhere)):
                found.append(suite)
        finally:
            await probe.close()
    if isinstance(app, Elsewhere) and failures and not found:
        raise _unreachable(app, *failures[0])
    return tuple(found)


def _unreachable(app: Any, path: str, why: str) -> HandshakeFailed:
    return HandshakeFailed(f"{app.url}{path}", None, "", why)


async def run(
    app: Any,
    suites: Sequence[str] | None = None,
    *,
    paths: dict[str, str] | None = None,
    headers: Iterable[tuple[bytes, bytes]] = (),
    lifespan: bool = True,
) -> list[Result]:
    """Run the suites against an app, and return the results. All cases run at the same time, each
    with new sessions.

    Against a live server few cases run at a time, and a case that differs is repeated alone until
    two repetitions agree: over a network, or on a busy machine, the heartbeat of 0.3 s may be late.

    Servers leave timers in the event loop. Use a new event loop, as ``asyncio.run(run(app))`` does.

    Args:
        app: an ASGI callable that follows `RULES`; or the URL of a server, or a `RemoteServer`.
        suites: "engine.io", "socket.io"; by default the suites whose path the app serves.
        paths: the paths of suites, if they differ from `SUITES`.
        headers: headers of every request, with names in lower case.
        lifespan: whether to start the app and shut it down.

    Raises:
        ValueError: a suite is unknown.
        HandshakeFailed: a server elsewhere can't be reached.
        LifespanFailed: the app didn't start, or didn't shut down.
    """
    callable_app: Any = RemoteServer(app) if isinstance(app, str) else single_callable(app)
    of_app = Lifespan(callable_app)
    if lifespan:
        await of_app.startup()
    try:
        if suites is None or isinstance(callable_app, Elsewhere):
            found = await served(callable_app, paths)
            suites = found if suites is None else suites
        at = {**SUITES, **(paths or {})}

        def result(case: Case) -> Awaitable[Result]:
            probe = Probe(callable_app, at[case.suite], headers=headers, state=of_app.state)
            return _result(case, probe)

        if isinstance(callable_app, Elsewhere):
            return await _few_at_a_time(cases(suites), result)
        return await asyncio.gather(*map(result, cases(suites)))
    finally:
        if lifespan:
            await of_app.shutdown()


async def _few_at_a_time(
    cases: Sequence[Case], result: Callable[[Case], Awaitable[Result]]
) -> list[Result]:
    free = asyncio.Semaphore(AT_A_TIME)

    async def in_turn(case: Case) -> Result:
        async with free:
            return await result(case)

    results = await asyncio.gather(*map(in_turn, cases))
    return [first if first.conforms else await _alone(first, result) for first in results]


async def _alone(first: Result, result: Callable[[Case], Awaitable[Result]]) -> Result:
    """Repeat a case that differs until two results agree, and return the last result."""
    seen = [await result(first.case)]
    while len(seen) == len(set(seen)) and len(seen) < REPETITIONS:
        seen.append(await result(first.case))
    return seen[-1]


async def _result(case: Case, probe: Probe) -> Result:
    """Run one case, and return its result."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(case.limit):
            await case.check(probe)
    except Stopped:
        pass
    except RemoteFailure as exc:
        probe.record(str(exc))
    except TimeoutError:
        probe.record(f"nothing within {case.limit:g} s")
    finally:
        seconds = time.perf_counter() - began
        await probe.close()
    return Result(case, "; ".join(probe.seen), tuple(probe.notes), seconds)
