"""Sends a recording to an app again, and compares the answers with the recorded ones."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from asgi_sio_testclient import ConnectionRefused, LeakWarning, TestClient, TestClientError
from asgi_sio_testclient.har._file import Recorded
from asgi_sio_testclient.har._pages import InCookie, InPage
from asgi_sio_testclient.har._plan import Handler, Plan
from asgi_sio_testclient.har._steps import (
    CloseConnection,
    Connect,
    Disconnect,
    Emit,
    Receive,
    Request,
    ServerDisconnect,
    Step,
    User,
    script_of,
)
from asgi_sio_testclient.har._values import (
    ANYTHING,
    Capture,
    Reference,
    Text,
    Values,
    json_of,
)

__all__ = ["Replay", "replay"]

__tracebackhide__ = True

_NO_ANSWER = "(nothing)"
_AFTER = 1.0  # seconds that an event may be later than it was in the recording
_LONGEST = 600  # characters of a line


@dataclass(eq=False)
class Replay:
    """The result of a replay.

    Attributes:
        recorded: a line for each recorded step.
        replayed: a line for each step of the replay; equal to `recorded` if the app answered the
            same.
        errors: the exceptions that the app raised.
    """

    recorded: list[str]
    replayed: list[str]
    errors: list[BaseException]

    @property
    def same(self) -> bool:
        """Whether the app answered as recorded."""
        return self.recorded == self.replayed

    def diff(self) -> list[str]:
        """Return the lines of a unified diff; [] if the app answered as recorded."""
        lines = difflib.unified_diff(
            self.recorded, self.replayed, "recorded", "now", n=3, lineterm=""
        )
        return list(lines)


async def replay(
    recorded: Recorded, app: Any, *, timeout: float = 5.0, ignore: frozenset[str] = frozenset()
) -> Replay:
    """Send each recorded packet and request to an app, in order, and compare the answers.

    A packet is sent once the events recorded before the packet have arrived.

    Args:
        recorded: the recording; see `read_har`.
        app: an ASGI callable.
        timeout: the most seconds to wait for one event.
        ignore: names of events that are not compared.

    Raises:
        HandshakeFailed: the app has no Socket.IO endpoint at the recorded path.
    """
    plan = Plan(script_of(recorded), with_secrets=True, ignored=ignore)
    with warnings.catch_warnings():
        # A missing ack is a line of the diff; the warning of it is not needed.
        warnings.simplefilter("ignore", LeakWarning)
        return await _Player(plan, app, timeout).play()


class _Player:
    def __init__(self, plan: Plan, app: Any, timeout: float) -> None:
        self._plan = plan
        self._values: Values = plan.values
        self._app = app
        self._timeout = timeout
        self._clients: dict[User, TestClient] = {}
        self._variables: dict[str, Any] = {}
        self._taken: dict[Handler, asyncio.Queue[tuple[Any, ...]]] = {}
        self._acks: dict[Emit, asyncio.Future[tuple[Any, ...]]] = {}
        self._recorded: list[str] = []
        self._replayed: list[str] = []

    async def play(self) -> Replay:
        """Repeat all steps of the plan, and return the result."""
        first, *others = self._plan.script.users
        session = first.session
        client = TestClient(
            self._app,
            base_url=session.base_url,
            socketio_path=session.path,
            transports=cast("Any", session.transports),
            serializer=cast("Any", first.serializer),
            cookies=self._plan.cookies,
            timeout=self._timeout,
            raise_app_exceptions=False,
        )
        async with client:
            self._clients[first] = client
            for user in others:
                self._clients[user] = client.clone(
                    cookies=client.http.cookies,
                    socketio_path=user.session.path,
                    transports=user.session.transports,
                    serializer=user.serializer,
                )
            for handler in self._plan.handlers:
                self._answer(handler)
            for step in self._plan.steps:
                if self._plan.settles_before(step):
                    await self._settle()
                await self._step(step)
            await self._note_unrecorded()
            errors = [error for one in self._clients.values() for error in one.app_exceptions]
        return Replay(self._recorded, self._replayed, errors)

    async def _settle(self) -> None:
        # A handler may wait for a packet of a later step: then `settle` times out.
        with contextlib.suppress(TestClientError):
            await self._clients[self._plan.script.users[0]].settle(_AFTER)

    # -- steps

    async def _step(self, step: Step) -> None:
        client = self._clients[step.user]
        match step:
            case Connect():
                await self._connect(step, client)
            case Emit():
                await self._emit(step, client)
            case Receive():
                await self._receive(step, client)
            case Request():
                await self._request(step, client)
            case _:
                await self._end_of(step, client)
        for emit in self._plan.acked_after.get(step, ()):
            await self._late_ack(emit)

    async def _end_of(self, step: Step, client: TestClient) -> None:
        if isinstance(step, ServerDisconnect):
            await self._settle()
            now = "is connected" if client.is_connected(step.namespace) else "is disconnected"
            where = f"{step.user.name}: {step.namespace}"
            self._note(f"{where} is disconnected", f"{where} {now}")
        elif isinstance(step, CloseConnection) and client.transport is not None:
            await client.disconnect()
        elif isinstance(step, Disconnect) and client.is_connected(step.namespace):
            await client.disconnect(step.namespace)

    async def _connect(self, step: Connect, client: TestClient) -> None:
        namespaces = self._plan.joined_with(step)
        auth = self._values.sent(step.auth, "auth")
        options: dict[str, Any] = {}
        if step.auth is not None:
            options["auth"] = self._filled(auth)
        query = self._plan.query_of(step)
        headers = self._plan.headers_of(step)
        if query:
            options["query"] = self._filled(query)
        if headers:
            options["headers"] = self._filled(headers)
        what = f"{step.user.name} connects to {', '.join(namespaces)}"
        refused = None if step.refused is None else tuple(step.refused)
        try:
            await client.connect(*namespaces, **options)
        except ConnectionRefused as exc:
            expected = self._values.received(refused[0]) if refused else None
            self._compare(f"{what}: refused", refused is not None, expected, exc.data)
            return
        except TestClientError as exc:
            self._note(f"{what}: {'refused' if refused else 'accepted'}", f"{what}: {_first(exc)}")
            if client.transport is None and len(self._clients) == 1:
                raise
            return
        for name, namespace in self._plan.kept_sids(step):
            self._variables[name] = client.get_sid(namespace)
        text = "refused" if refused is not None else "accepted"
        self._note(f"{what}: {text}", f"{what}: accepted")

    async def _emit(self, step: Emit, client: TestClient) -> None:
        args = self._filled(self._values.sent(step.args))
        what = f"{step.user.name} emits {step.event!r} in {step.namespace}"
        if not client.is_connected(step.namespace):
            self._note(what, f"{what}: not connected")
            return
        if step.ack is None:
            await client.emit(step.event, *args, namespace=step.namespace)
            return
        future: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()
        self._acks[step] = future

        def acked(*values: Any) -> None:
            if not future.done():
                future.set_result(values)

        await client.emit(step.event, *args, namespace=step.namespace, callback=acked)
        if self._plan.is_call(step):
            await self._late_ack(step)

    async def _late_ack(self, step: Emit) -> None:
        what = f"{step.user.name} <- ack of {step.event!r} in {step.namespace}"
        gap = step.acked - step.time
        future = self._acks.get(step)
        if future is None:
            return
        try:
            values = await asyncio.wait_for(future, self._limit(gap))
        except TimeoutError:
            self._missing(what, tuple(self._values.received(step.ack)))
            return
        self._keep(self._values.captures(step), values)
        self._compare(what, True, tuple(self._values.received(step.ack)), values)

    async def _receive(self, step: Receive, client: TestClient) -> None:
        handler = self._plan.handler_of(step)
        what = f"{step.user.name} <- {step.event!r} in {step.namespace}"
        limit = self._limit(self._gap_before(step))
        try:
            if handler is not None:
                args = await asyncio.wait_for(self._taken[handler].get(), limit)
            else:
                event = await client.await_event(
                    step.event, namespace=step.namespace, timeout=limit
                )
                args = event.args
        except (TestClientError, TimeoutError):
            self._values.captures(step)
            self._missing(what, tuple(self._values.received(step.args)))
            return
        self._keep(self._values.captures(step), args)
        self._compare(what, True, tuple(self._values.received(step.args)), args)

    async def _request(self, step: Request, client: TestClient) -> None:
        request = step.request
        parts = urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        options: dict[str, Any] = {"headers": self._filled(self._plan.request_headers(request))}
        body = json_of(request.body)
        if body is not None:
            options["json"] = self._filled(self._values.sent(body))
        elif request.body and "urlencoded" in request.body_type:
            options["data"] = self._filled(
                self._values.sent(dict(parse_qsl(request.body, keep_blank_values=True)))
            )
        elif request.body:
            options["content"] = request.body.encode()
            options["headers"]["content-type"] = request.body_type
        url = self._filled(self._plan.url_template(target))
        what = f"{step.user.name} {request.method} {parts.path}"
        try:
            response = await client.http.request(request.method, url, **options)
        except Exception as exc:  # noqa: BLE001 (what the app raises is a difference like others)
            self._note(f"{what}: {request.status}", f"{what}: raised {type(exc).__name__}")
            return
        self._note(f"{what}: {request.status}", f"{what}: {response.status_code}")
        answer = json_of(request.response) if "json" in request.response_type else None
        now = json_of(response.text)
        for capture in self._values.captures(step):
            match capture.place:
                case InCookie(name):
                    found = client.http.cookies.get(name)
                    self._variables[capture.name] = capture.value if found is None else found
                case InPage(pattern):
                    in_page = re.search(pattern, response.text)
                    self._variables[capture.name] = in_page[1] if in_page else capture.value
                case _:
                    self._keep([capture], now)
        if answer is not None:
            self._compare(f"{what}: response", True, self._values.received(answer), now)

    async def _note_unrecorded(self) -> None:
        """Add a line for each event that arrived and was not recorded."""
        await self._settle()
        for user in self._plan.connected_users:
            ignored = self._plan.periodic(user)
            with contextlib.suppress(TestClientError):
                for event in self._clients[user].get_received("*"):
                    if event.name not in ignored:
                        what = f"{user.name} <- {event.name!r} in {event.namespace}"
                        self._replayed.append(_line(what, event.args))

    def _answer(self, handler: Handler) -> None:
        taken: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self._taken[handler] = taken
        answers = iter(handler.answers)

        def take(*args: Any) -> Any:
            taken.put_nowait(args)
            values = self._filled(next(answers, ()))
            return values[0] if len(values) == 1 else tuple(values) or None

        client = self._clients[handler.user]
        client.on(handler.event, take, namespace=handler.namespace)

    # -- waiting and comparing

    def _gap_before(self, step: Step) -> float:
        at = self._plan.steps.index(step)
        return step.time - self._plan.steps[at - 1].time if at else 0.0

    def _limit(self, gap: float) -> float:
        return min(self._timeout, max(gap, 0.0) + _AFTER)

    def _note(self, recorded: str, now: str) -> None:
        self._recorded.append(recorded)
        self._replayed.append(now)

    def _missing(self, what: str, expected: Any) -> None:
        self._recorded.append(_line(what, self._shown(expected)))

    def _compare(self, what: str, is_kind: bool, expected: Any, now: Any) -> None:
        if is_kind and _fits(expected, now, self._filled):
            self._note(_line(what, now), _line(what, now))
        else:
            self._note(_line(what, self._shown(expected)), _line(what, now))

    def _keep(self, captures: list[Capture], values: Any) -> None:
        for capture in captures:
            value = values
            try:
                for part in capture.path:
                    value = value[part]
            except (KeyError, IndexError, TypeError):
                value = capture.value
            self._variables[capture.name] = value

    def _filled(self, template: Any) -> Any:
        """Return the value of a template: references are replaced by the values of this replay."""
        return _filled(template, self._value_of)

    def _shown(self, template: Any) -> Any:
        return _filled(template, self._value_of)

    def _value_of(self, reference: Reference) -> Any:
        user_name, dot, rest = reference.name.partition(".")
        if not dot:
            return self._variables.get(reference.name)
        user = next(user for user in self._clients if user.name == user_name)
        namespace = rest.partition("'")[2].rpartition("'")[0] or "/"
        return self._clients[user].get_sid(namespace)


def _filled(template: Any, value_of: Callable[[Reference], Any]) -> Any:
    if isinstance(template, dict):
        return {_filled(name, value_of): _filled(item, value_of) for name, item in template.items()}
    if isinstance(template, list | tuple):
        return type(template)(_filled(item, value_of) for item in template)
    if isinstance(template, Reference):
        return value_of(template)
    if isinstance(template, Text):
        return "".join(str(_filled(part, value_of)) for part in template.parts)
    return template


def _fits(expected: Any, now: Any, filled: Callable[[Any], Any]) -> bool:
    """Return whether a value fits a template.

    Args:
        expected: the template.
        now: the value.
        filled: returns the value of a template that has no `ANYTHING` in it.
    """
    if expected is ANYTHING:
        return True
    if isinstance(expected, dict) and isinstance(now, dict):
        wanted = {filled(name): item for name, item in expected.items()}
        return wanted.keys() == now.keys() and all(
            _fits(item, now[name], filled) for name, item in wanted.items()
        )
    if isinstance(expected, list | tuple) and isinstance(now, list | tuple):
        return len(expected) == len(now) and all(
            _fits(one, other, filled) for one, other in zip(expected, now, strict=True)
        )
    value = filled(expected)
    return bool(value == now) and isinstance(value, bool) == isinstance(now, bool)


def _line(what: str, values: Any) -> str:
    text = json.dumps(values, ensure_ascii=False, default=_shown_as)
    return f"{what} {text}"[:_LONGEST]


def _shown_as(value: Any) -> str:
    if value is ANYTHING:
        return "(any)"
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes: {bytes(value[:16]).hex(' ')}>"
    return repr(value)


def _first(error: BaseException) -> str:
    return str(error).partition("\n")[0]
