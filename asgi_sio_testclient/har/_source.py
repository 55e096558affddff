"""Writes the source of a test that repeats a recording."""

from __future__ import annotations

import keyword
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from asgi_sio_testclient.har._pages import InCookie, InPage
from asgi_sio_testclient.har._plan import Plan
from asgi_sio_testclient.har._render import expression
from asgi_sio_testclient.har._steps import (
    Connect,
    Disconnect,
    Emit,
    Receive,
    Request,
    ServerDisconnect,
    Step,
    User,
)
from asgi_sio_testclient.har._values import Capture, json_of

__all__ = ["source_of"]

__tracebackhide__ = True

_INDENT = 8
_WIDTH = 100
_LOCAL = re.compile(r"\W+")


def source_of(plan: Plan, *, app: str = "") -> str:
    """Return the source of a module with one test.

    Args:
        plan: the steps of the test.
        app: ``MODULE:APP``. If this is "", the test takes the app from the fixture ``sio_app``.
    """
    return _Writer(plan, app).module()


class _Writer:
    def __init__(self, plan: Plan, app: str) -> None:
        self._plan = plan
        self._values = plan.values
        self._app = app
        self._lines: list[str] = []

    def module(self) -> str:
        """Return the source of the module."""
        body = self._body()
        parts = [self._docstring(), self._imports(body)]
        if self._values.secrets:
            parts.append(self._secrets())
        name = "test_" + _identifier(self._plan.script.name.rpartition(".")[0])
        parameter = "" if self._app else "sio_app"
        test = f"@pytest.mark.asyncio\nasync def {name}({parameter}):\n{body}"
        return "\n".join(parts) + "\n\n" + test

    def _docstring(self) -> str:
        script = self._plan.script
        namespaces = sorted({step.namespace for step in script.steps if isinstance(step, Connect)})
        where = f"namespace{'s' if len(namespaces) > 1 else ''} {', '.join(namespaces)}"
        lines = [
            f'"""What {script.name} recorded: {script.packets} packets, {where}.',
            "",
            f"Written by `from-har {script.name}`.",
        ]
        if not self._app:
            lines.append("The fixture sio_app has to return the app.")
        text = "\n".join(lines).replace("\\", "/")
        return f'{text}\n"""\n'

    def _imports(self, body: str) -> str:
        standard = []
        if "asyncio." in body:
            standard.append("import asyncio")
        if "base64." in body:
            standard.append("import base64")
        if self._values.secrets:
            standard.append("import os")
        if "re.search(" in body:
            standard.append("import re")
        if re.search(r"\bANY\b", body):
            standard.append("from unittest.mock import ANY")
        names = "ConnectionRefused, TestClient" if "ConnectionRefused" in body else "TestClient"
        third = ["import pytest", "", f"from asgi_sio_testclient import {names}"]
        if self._app:
            module, _, attribute = self._app.partition(":")
            first, _, rest = attribute.partition(".")
            third += ["", f"from {module} import {first} as app" + (f"  # .{rest}" if rest else "")]
        return "\n".join([*standard, *([""] if standard else []), *third]) + "\n"

    def _secrets(self) -> str:
        lines = ["# Secrets were left out: set these variables for an app that checks them."]
        for secret in self._values.secrets:
            variable = f"SIO_{secret.name}"
            lines.append(f'{secret.name} = os.environ.get("{variable}", "***")')
        return "\n".join(lines) + "\n"

    # -- the body

    def _body(self) -> str:
        first, *others = self._plan.script.users
        app = "sio_app" if not self._app else "app"
        attribute = self._app.partition(":")[2].partition(".")[2]
        self._lines = []
        options = self._options(first)
        call = ", ".join([f"{app}.{attribute}" if attribute else app, *options])
        opening = f"    async with TestClient({call}) as {first.name}:"
        if len(opening) > _WIDTH:
            given = [f"{app}.{attribute}" if attribute else app, *options]
            arguments = "".join(f"        {part},\n" for part in given)
            opening = f"    async with TestClient(\n{arguments}    ) as {first.name}:"
        for user in others:
            self._add(f"{user.name} = {first.name}.clone({', '.join(self._clone_options(user))})")
        self._answers()
        for step in self._plan.steps:
            if self._plan.settles_before(step):
                self._add(f"await {first.name}.settle()")
            self._step(step)
        self._end()
        return opening + "\n" + "\n".join(self._lines) + "\n"

    def _add(self, line: str) -> None:
        self._lines += [f"{' ' * _INDENT}{part}" if part else "" for part in line.split("\n")]

    def _add_raw(self, text: str) -> None:
        """Add a statement whose further lines are already indented."""
        self._lines.append(f"{' ' * _INDENT}{text}")

    def _call(self, before: str, arguments: list[str], after: str = "") -> None:
        """Add a statement with a call: on one line, or with a line for each argument."""
        line = f"{before}({', '.join(arguments)}){after}"
        if _INDENT + len(line) <= _WIDTH or not arguments:
            self._add_raw(line)
            return
        pad = " " * (_INDENT + 4)
        # Further lines of an argument are indented for the line on which the call begins.
        parts = [argument.replace("\n", "\n    ") for argument in arguments]
        listed = "".join(f"{pad}{part},\n" for part in parts)
        self._add_raw(f"{before}(\n{listed}{' ' * _INDENT}){after}")

    def _options(self, user: User) -> list[str]:
        session = user.session
        options = [f"base_url={expression(session.base_url)}"]
        if session.path != "socket.io":
            options.append(f"socketio_path={expression(session.path)}")
        if session.transports != ("websocket",):
            options.append(f"transports={expression(session.transports)}")
        if user.serializer != "default":
            options.append(f"serializer={expression(user.serializer)}")
        cookies = self._plan.cookies
        if cookies:
            options.append(f"cookies={expression(cookies)}")
        if self._plan.app_raises:
            options.append("raise_app_exceptions=False")
        return options

    def _clone_options(self, user: User) -> list[str]:
        first = self._plan.script.users[0]
        options = [f"cookies={first.name}.http.cookies"]
        if user.session.path != first.session.path:
            options.append(f"socketio_path={expression(user.session.path)}")
        if user.session.transports != first.session.transports:
            options.append(f"transports={expression(user.session.transports)}")
        if user.serializer != first.serializer:
            options.append(f"serializer={expression(user.serializer)}")
        return options

    def _answers(self) -> None:
        """Add the handlers for the events that the browser acknowledged."""
        for handler in self._plan.handlers:
            where = "" if handler.namespace == "/" else f", namespace={handler.namespace!r}"
            self._add(f"{handler.queue} = asyncio.Queue()")
            answers = [_returned(answer) for answer in handler.answers]
            self._add("")
            self._add(f"@{handler.user.name}.on({expression(handler.event)}{where})")
            self._add(f"def {handler.function}(*args):")
            self._add(f"    {handler.queue}.put_nowait(args)")
            if len(set(map(repr, answers))) == 1:
                self._add_raw("    return " + expression(answers[0], _INDENT + 4, _INDENT + 11))
            else:
                self._add_raw("    return next(" + handler.queue + "_answers)")
                at = len(self._lines) - 4
                given = expression(answers, _INDENT, _INDENT + 30)
                self._lines.insert(at, f"{' ' * _INDENT}{handler.queue}_answers = iter({given})")
            self._add("")

    def _step(self, step: Step) -> None:
        match step:
            case Connect():
                self._connect(step)
            case Emit():
                self._emit(step)
            case Receive():
                self._receive(step)
            case Request():
                self._request(step)
            case Disconnect():
                self._add(f"await {step.user.name}.disconnect({expression(step.namespace)})")
            case ServerDisconnect():
                self._add("await " + step.user.name + ".settle()")
                where = expression(step.namespace)
                self._add(f"assert not {step.user.name}.is_connected({where})")
            case _:
                self._add(f"await {step.user.name}.disconnect()")
        if step in self._plan.acked_after:
            for emit in self._plan.acked_after[step]:
                self._late_ack(emit)

    def _connect(self, step: Connect) -> None:
        namespaces = self._plan.joined_with(step)
        arguments = [expression(namespace) for namespace in namespaces]
        if step.auth is not None:
            auth = self._values.sent(step.auth, "auth")
            arguments.append("auth=" + expression(auth, _INDENT, _INDENT + 40))
        query = self._plan.query_of(step)
        if query:
            arguments.append(f"query={expression(query)}")
        headers = self._plan.headers_of(step)
        if headers:
            arguments.append(f"headers={expression(headers)}")
        if step.refused is None:
            self._call(f"await {step.user.name}.connect", arguments)
            for name, namespace in self._plan.kept_sids(step):
                where = "sid" if namespace == "/" else f"get_sid({expression(namespace)})"
                self._add(f"{name} = {step.user.name}.{where}")
            return
        self._add("with pytest.raises(ConnectionRefused) as refused:")
        self._add_raw(f"    await {step.user.name}.connect({', '.join(arguments)})")
        data = self._values.received(step.refused[0]) if step.refused else None
        self._add_raw("assert refused.value.data == " + expression(data, _INDENT, _INDENT + 29))

    def _emit(self, step: Emit) -> None:
        values = self._values.sent(step.args)
        arguments = [expression(step.event)]
        arguments += [expression(value, _INDENT, _INDENT + 30) for value in values]
        if step.namespace != "/":
            arguments.append(f"namespace={expression(step.namespace)}")
        name = step.user.name
        if step.ack is None:
            self._call(f"await {name}.emit", arguments)
            return
        if not self._plan.is_call(step):
            queue = self._plan.queue_of(step)
            self._add(f"{queue} = asyncio.Queue()")
            arguments.append(f"callback=lambda *values: {queue}.put_nowait(values)")
            self._call(f"await {name}.emit", arguments)
            return
        captures = self._values.captures(step)
        expected = _returned(self._values.received(step.ack))
        if not captures:
            operator = "is" if expected is None else "=="
            right = expression(expected, _INDENT, _INDENT + len(name) + 30)
            self._call(f"assert await {name}.call", arguments, f" {operator} {right}")
            return
        one = len(step.ack) == 1
        if one and captures[0].path == (0,):
            self._call(f"{captures[0].name} = await {name}.call", arguments)
            return
        variable = self._values.free_name("answer")
        self._call(f"{variable} = await {name}.call", arguments)
        for capture in captures:
            path = capture.path[1:] if one else capture.path
            self._add(f"{capture.name} = {variable}{_subscripts(path)}")
        self._compare(variable, expected)

    def _late_ack(self, step: Emit) -> None:
        queue = self._plan.queue_of(step)
        variable = self._values.free_name(queue.removesuffix("_acks") + "_ack")
        self._add(f"{variable} = await asyncio.wait_for({queue}.get(), 5)")
        for capture in self._values.captures(step):
            self._add(f"{capture.name} = {variable}{_subscripts(capture.path)}")
        self._compare(variable, tuple(self._values.received(step.ack)))

    def _receive(self, step: Receive) -> None:
        handler = self._plan.handler_of(step)
        variable = _identifier(step.event)
        if variable in {user.name for user in self._plan.script.users} or variable in _OWN:
            variable += "_event"
        if handler is not None:
            variable = f"{handler.function}_args"
            self._add(f"{variable} = await asyncio.wait_for({handler.queue}.get(), 5)")
            self._kept(step, variable, step.args)
            return
        where = "" if step.namespace == "/" else f", namespace={expression(step.namespace)}"
        awaited = f"await {step.user.name}.await_event({expression(step.event)}{where})"
        self._add(f"{variable} = {awaited}")
        self._kept(step, f"{variable}.args", step.args)

    def _kept(self, step: Step, variable: str, args: tuple[Any, ...]) -> None:
        for capture in self._values.captures(step):
            self._add(f"{capture.name} = {variable}{_subscripts(capture.path)}")
        self._compare(variable, tuple(self._values.received(args)))

    def _compare(self, variable: str, expected: Any) -> None:
        before = _INDENT + len(f"assert {variable} == ")
        operator = "is" if expected is None else "=="
        self._add_raw(f"assert {variable} {operator} " + expression(expected, _INDENT, before))

    def _request(self, step: Request) -> None:
        request = step.request
        parts = urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        arguments = [expression(self._plan.url_template(target))]
        headers = self._plan.request_headers(request)
        if request.body and json_of(request.body) is None and "urlencoded" not in request.body_type:
            headers = {**headers, "content-type": request.body_type}
        if headers:
            arguments.append(f"headers={expression(headers, _INDENT, _INDENT + 30)}")
        arguments += self._content(request)
        method = request.method.lower()
        if method not in _METHODS:
            method, arguments = "request", [expression(request.method), *arguments]
        self._call(f"response = await {step.user.name}.http.{method}", arguments)
        self._add(f"assert response.status_code == {request.status}")
        answer = json_of(request.response) if "json" in request.response_type else None
        for capture in self._values.captures(step):
            self._add(f"{capture.name} = {_found(capture, step.user.name)}")
        if answer is not None:
            self._compare("response.json()", self._values.received(answer))

    def _content(self, request: Any) -> list[str]:
        if not request.body:
            return []
        body = json_of(request.body)
        if body is not None:
            template = self._values.sent(body)
            return [f"json={expression(template, _INDENT, _INDENT + 40)}"]
        if "urlencoded" in request.body_type:
            pairs = dict(parse_qsl(request.body, keep_blank_values=True))
            return [f"data={expression(self._values.sent(pairs), _INDENT, _INDENT + 40)}"]
        content = expression(self._values.sent(request.body, "body"), _INDENT, _INDENT + 40)
        return [f"content={content}"]

    def _end(self) -> None:
        first = self._plan.script.users[0].name
        self._add(f"await {first}.settle()")
        for user in self._plan.connected_users:
            ignored = self._plan.periodic(user)
            if ignored:
                names = expression(sorted(ignored))
                self._add(f'left = {user.name}.get_received("*")')
                self._add(f"assert [event for event in left if event.name not in {names}] == []")
            else:
                self._add(f'assert {user.name}.get_received("*") == []')


_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_OWN = frozenset({"response", "refused", "answer", "left", "app", "sio_app", "asyncio", "base64",
                  "os", "pytest", "re", "ANY", "TestClient"})  # fmt: skip


def _returned(values: Any) -> Any:
    """Return an ack's values as `call` returns them: None, one value, or a tuple."""
    values = tuple(values)
    if not values:
        return None
    return values[0] if len(values) == 1 else values


def _subscripts(path: tuple[Any, ...]) -> str:
    return "".join(f"[{expression(part)}]" for part in path)


def _found(capture: Capture, client: str) -> str:
    """Return the source of the expression that reads a captured value from a response."""
    match capture.place:
        case InCookie(name):
            return f"{client}.http.cookies[{expression(name)}]"
        case InPage(pattern):
            quote = '"' if "'" in pattern else "'"
            raw = repr(pattern) if quote in pattern else f"r{quote}{pattern}{quote}"
            return f"re.search({raw}, response.text)[1]"
    return f"response.json(){_subscripts(capture.path)}"


def _identifier(text: str) -> str:
    name = _LOCAL.sub("_", text).strip("_").lower() or "session"
    if name[0].isdigit():
        name = f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) else name
