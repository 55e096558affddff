"""What a test or a replay does of a recording, and in which order."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import pairwise
from statistics import fmean, pstdev
from typing import Any

from asgi_sio_testclient.har._file import RecordedRequest
from asgi_sio_testclient.har._steps import (
    Connect,
    Disconnect,
    Emit,
    Leave,
    Receive,
    Request,
    Script,
    Step,
    User,
)
from asgi_sio_testclient.har._values import Template, Text, Values, is_secret_name

__all__ = ["Handler", "Plan"]

__tracebackhide__ = True

_PAUSE = 0.03  # seconds between two steps after which the second may depend on the first
_MILLISECOND = 0.0011  # seconds: HTTP requests have no finer times
_SENDS = (Connect, Emit, Request, Disconnect, Leave)
_TICKS = 3
_TICK = 0.15  # seconds: what comes more often is no ticker
_REGULAR = 0.25  # of the mean, that the distances of a ticker's events may deviate
_KEPT_HEADERS = re.compile(r"authorization|x-(?!requested-with|forwarded|real-ip|client-data).*")
_TRACKING = re.compile(r"_ga|_gid|_fbp|io$")


@dataclass(eq=False)
class Handler:
    """A handler of the test's for events that the browser acked.

    Attributes:
        user: whose.
        namespace: where.
        event: its name.
        function: the name of the function.
        queue: the name of the queue that takes the arguments.
        answers: the values of each ack, in order.
    """

    user: User
    namespace: str
    event: str
    function: str
    queue: str
    answers: list[tuple[Any, ...]] = field(default_factory=list)


class Plan:
    """The steps of a recording in the order in which they are repeated.

    Args:
        script: what was recorded.
        with_secrets: whether secrets stand for themselves.
        ignored: names of events that are neither awaited nor counted.
    """

    def __init__(
        self, script: Script, *, with_secrets: bool = False, ignored: frozenset[str] = frozenset()
    ) -> None:
        self.script = script
        self.values = Values(script, with_secrets=with_secrets)
        self._ignored = ignored
        self._tickers = {user: self._tickers_of(user) for user in script.users}
        self.handlers = self._find_handlers()
        self.steps = self._ordered()
        self._joined: dict[Connect, list[str]] = {}
        self._join()
        self._queues: dict[Emit, str] = {}
        self.acked_after: dict[Step, list[Emit]] = {}
        self._calls = {
            step for step in self.steps if isinstance(step, Emit) and self._calls_at(step)
        }
        self._place_acks()
        self.cookies = self._find_cookies()

    @property
    def app_raises(self) -> bool:
        """Whether a handler seems to have raised: an ack was wanted, and never came."""
        emits = (step for step in self.script.steps if isinstance(step, Emit))
        return any(step.wanted and step.ack is None for step in emits)

    # -- order

    def _ordered(self) -> list[Step]:
        steps: list[Step] = []
        seen: Counter[tuple[User, str, str]] = Counter()
        for step in self.script.steps:
            if isinstance(step, Receive):
                if step.event in self._ignored:
                    continue
                key = step.user, step.namespace, step.event
                seen[key] += 1
                if step.event in self._tickers[step.user] and seen[key] > 1:
                    continue
            steps.append(step)
        return self._after_connects(steps)

    @staticmethod
    def _after_connects(steps: list[Step]) -> list[Step]:
        """Events that came before the answer to CONNECT are read after it."""
        ordered: list[Step] = []
        for step in steps:
            if isinstance(step, Connect):
                at = len(ordered)
                while (
                    at
                    and isinstance(ordered[at - 1], Receive)
                    and (
                        ordered[at - 1].user is step.user
                        and ordered[at - 1].namespace == step.namespace
                        and ordered[at - 1].time == step.time
                    )
                ):
                    at -= 1
                ordered.insert(at, step)
            else:
                ordered.append(step)
        return ordered

    def _join(self) -> None:
        """Namespaces that were asked for one after the other, with one auth, are one call."""
        first: Connect | None = None
        kept: list[Step] = []
        for step in self.steps:
            if not isinstance(step, Connect):
                first = None
            elif (
                first is not None
                and first.user is step.user
                and step.refused is None
                and first.refused is None
                and first.auth == step.auth
            ):
                self._joined[first].append(step.namespace)
                continue
            else:
                first = step
                self._joined[step] = [step.namespace]
            kept.append(step)
        self.steps = kept

    def joined_with(self, step: Connect) -> list[str]:
        """The namespaces that one call connects to."""
        return self._joined[step]

    def _calls_at(self, step: Emit) -> bool:
        """Whether nothing was sent between an event and its ack, so that `call` can be used."""
        if step.ack is None:
            return False
        at = self.steps.index(step)
        for other in self.steps[at + 1 :]:
            if other.time > step.acked - _MILLISECOND:
                return True
            if isinstance(other, _SENDS):
                return False
        return True

    def is_call(self, step: Emit) -> bool:
        """Whether the step is a `call`."""
        return step in self._calls

    def _place_acks(self) -> None:
        for step in self.steps:
            if isinstance(step, Emit) and step.ack is not None and step not in self._calls:
                before = [other for other in self.steps if other.time <= step.acked]
                self.acked_after.setdefault(before[-1], []).append(step)
                name = re.sub(r"\W+", "_", step.event).strip("_").lower() or "event"
                self._queues[step] = self.values.free_name(f"{name}_acks")

    def queue_of(self, step: Emit) -> str:
        """The name of the queue that takes the ack of an emit."""
        return self._queues[step]

    def settles_before(self, step: Step) -> bool:
        """Whether a step may depend on an event before it that nothing told the end of."""
        if not isinstance(step, _SENDS):
            return False
        at = self.steps.index(step)
        if any(
            isinstance(emit, Emit) and emit.ack is not None and emit.time < step.time < emit.acked
            for emit in self.steps[:at]
        ):
            return False
        for other in reversed(self.steps[:at]):
            if isinstance(other, Emit) and other.ack is None:
                return step.time - other.time > _PAUSE
            if not isinstance(other, Receive):
                return False
        return False

    # -- what repeats by itself

    def _tickers_of(self, user: User) -> set[str]:
        """Events that come at regular times, whatever the client does."""
        times: dict[str, list[float]] = {}
        for step in self.script.steps:
            if isinstance(step, Receive) and step.user is user and step.answer is None:
                times.setdefault(step.event, []).append(step.time)
        found = set()
        for event, moments in times.items():
            if len(moments) < _TICKS:
                continue
            gaps = [later - sooner for sooner, later in pairwise(moments)]
            if fmean(gaps) > _TICK and pstdev(gaps) < _REGULAR * fmean(gaps):
                found.add(event)
        return {event for event in found if not self._follows_sends(times[event])}

    def _follows_sends(self, moments: list[float]) -> bool:
        """Whether something was sent shortly before most of these moments."""
        sends = [step.time for step in self.script.steps if isinstance(step, Emit | Request)]
        near = sum(any(0 <= moment - send < _PAUSE * 2 for send in sends) for moment in moments)
        return near > len(moments) / 2

    def periodic(self, user: User) -> set[str]:
        """Names of events that may be left unread at the end."""
        return self._tickers[user] | self._ignored

    @property
    def connected_users(self) -> list[User]:
        """Those who were connected at least once."""
        connects = [s for s in self.script.steps if isinstance(s, Connect) and s.refused is None]
        return [user for user in self.script.users if any(s.user is user for s in connects)]

    # -- events that the browser acked

    def _find_handlers(self) -> list[Handler]:
        found: dict[tuple[User, str, str], Handler] = {}
        answered = [
            step
            for step in self.script.steps
            if isinstance(step, Receive) and step.answer is not None
        ]
        for step in answered:
            key = step.user, step.namespace, step.event
            if key not in found:
                name = re.sub(r"\W+", "_", step.event).strip("_").lower() or "event"
                function = self.values.free_name(f"on_{name}")
                queue = self.values.free_name(f"{name}_queue")
                found[key] = Handler(*key, function, queue)
        for event in self.script.steps:
            if isinstance(event, Receive):
                handler = found.get((event.user, event.namespace, event.event))
                if handler is not None:
                    handler.answers.append(tuple(self.values.sent(event.answer or ())))
        return list(found.values())

    def handler_of(self, step: Receive) -> Handler | None:
        """The handler that takes an event; None where the test awaits it."""
        key = step.user, step.namespace, step.event
        for handler in self.handlers:
            if (handler.user, handler.namespace, handler.event) == key:
                return handler
        return None

    # -- what goes with requests

    def _find_cookies(self) -> dict[str, Template]:
        """Cookies that the browser had before the recording."""
        first = self.script.users[0].session
        if any(isinstance(step, Request) and step.request.sets_cookies for step in self.steps):
            return {}
        cookies = SimpleCookie(first.headers.get("cookie", ""))
        return {
            name: self.values.secret(morsel.value, name)
            for name, morsel in cookies.items()
            if not _TRACKING.match(name)
        }

    def query_of(self, step: Connect) -> dict[str, Template]:
        """The query of a connection, at its first CONNECT."""
        is_first = self._is_first(step)
        return {
            name: self.values.sent(value, name)
            for name, value in step.user.session.query.items()
            if is_first
        }

    def headers_of(self, step: Connect) -> dict[str, Template]:
        """The headers that the page added to a connection, at its first CONNECT."""
        headers = step.user.session.headers if self._is_first(step) else {}
        return self._kept_headers(headers)

    def request_headers(self, request: RecordedRequest) -> dict[str, Template]:
        """The headers that the page added to a request."""
        return self._kept_headers(request.headers)

    def _kept_headers(self, headers: dict[str, str]) -> dict[str, Template]:
        return {
            name: self._header(name, value)
            for name, value in headers.items()
            if _KEPT_HEADERS.fullmatch(name)
        }

    def _header(self, name: str, value: str) -> Template:
        if name == "authorization":
            return self.values.secret(value, name)
        return self.values.sent(value, name)

    def _is_first(self, step: Connect) -> bool:
        connects = (s for s in self.steps if isinstance(s, Connect) and s.user is step.user)
        return next(connects, None) is step

    def url_template(self, url: str) -> Template:
        """A request's path and query, with the values that the server made up in their places."""
        parts: list[Any] = []
        pieces = re.split(r"([/?&=])", url)
        template: Template
        for number, piece in enumerate(pieces):
            value = self.values.sent(int(piece)) if piece.isdigit() else piece
            template = piece if isinstance(value, int) else self.values.sent(value, "")
            name = pieces[number - 2] if number > 1 and pieces[number - 1] == "=" else ""
            if template == piece and piece and is_secret_name(name):
                template = self.values.secret(piece, name)
            parts += template.parts if isinstance(template, Text) else [template]
        merged: list[Any] = []
        for part in parts:
            if isinstance(part, str) and merged and isinstance(merged[-1], str):
                merged[-1] += part
            elif part != "":
                merged.append(part)
        if len(merged) == 1 and isinstance(merged[0], str):
            return merged[0]
        return Text(tuple(merged))
