"""One ASGI scope each, driven without a client, with small real apps."""

import asyncio
import functools

import pytest

from asgi_sio_testclient import LifespanFailed, UsageError
from asgi_sio_testclient.asgi import (
    HTTPExchange,
    Lifespan,
    Response,
    WebSocketClosed,
    WebSocketConnection,
    http_scope,
    single_callable,
    websocket_scope,
)

SOON = 10.0  # seconds, the bound of waits that end at once
NEVER = 0.01  # seconds, for waits that can't end


def exchange(app, method="GET", body=b"", **options):
    return HTTPExchange(app, http_scope(method, "/"), body, **options)


def websocket(app, **options):
    return WebSocketConnection(app, websocket_scope("/"), **options)


async def over(run):
    """Wait until the app's callable has returned, and hand on what it raised into its task."""
    await asyncio.wait_for(asyncio.shield(run.task), SOON)


async def turn():
    """Let what is ready run once."""
    await asyncio.sleep(0)


class Steps:
    """An app that the test leads: each step is a coroutine function of receive and send."""

    def __init__(self):
        self._steps = asyncio.Queue()

    async def __call__(self, scope, receive, send):
        while True:
            step, done = await self._steps.get()
            if step is None:
                done.set_result(None)
                return
            try:
                result = await step(receive, send)
            except Exception as exc:  # noqa: BLE001 (whatever it is, the test is told)
                done.set_exception(exc)
            else:
                done.set_result(result)

    def begin(self, step):
        done = asyncio.get_running_loop().create_future()
        self._steps.put_nowait((step, done))
        return done

    async def do(self, step):
        return await asyncio.wait_for(self.begin(step), SOON)

    async def receive(self):
        return await self.do(lambda receive, send: receive())

    async def send(self, **message):
        return await self.do(lambda receive, send: send(message))

    async def finish(self):
        await self.do(None)


class Told:
    """A listener that keeps what it is told, in order."""

    def __init__(self):
        self.log = []

    def __getattr__(self, name):
        return lambda *args: self.log.append((name, *args))


# -- scopes


def test_an_http_scope_has_every_key_of_uvicorns():
    state = {"db": object()}
    scope = http_scope(
        "POST",
        "/caf%C3%A9/x",
        query_string=b"a=1",
        headers=[(b"x-a", b"1"), (b"x-a", b"2")],
        scheme="https",
        root_path="/root",
        client=("10.0.0.1", 1234),
        server=("example.org", 443),
        state=state,
    )
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/café/x",
        "raw_path": b"/caf%C3%A9/x",
        "query_string": b"a=1",
        "root_path": "/root",
        "headers": [(b"x-a", b"1"), (b"x-a", b"2")],
        "client": ("10.0.0.1", 1234),
        "server": ("example.org", 443),
        "state": state,
    }


def test_a_websocket_scope_has_every_key_of_uvicorns():
    scope = websocket_scope(
        "/a%20b",
        query_string=b"a=1",
        headers=iter([(b"x-a", b"1")]),
        scheme="wss",
        root_path="/root",
        client=None,
        server=None,
        subprotocols=("chat", "v2"),
        state={"a": 1},
    )
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"a=1",
        "root_path": "/root",
        "headers": [(b"x-a", b"1")],
        "client": None,
        "server": None,
        "subprotocols": ["chat", "v2"],
        "state": {"a": 1},
        "extensions": {"websocket.http.response": {}},
    }


def test_scopes_default_to_a_test_server_over_plain_http():
    http, ws = http_scope("GET", "/"), websocket_scope("/")
    assert (http["scheme"], ws["scheme"]) == ("http", "ws")
    for scope in (http, ws):
        assert scope["client"] == ("testclient", 50000)
        assert scope["server"] == ("testserver", 80)
        assert scope["root_path"] == ""
        assert scope["query_string"] == b""
        assert scope["headers"] == []
        assert scope["state"] == {}
    assert ws["subprotocols"] == []


@pytest.mark.parametrize("make", [functools.partial(http_scope, "GET"), websocket_scope])
def test_the_state_of_a_scope_is_a_shallow_copy(make):
    state = {"shared": []}
    scope = make("/", state=state)
    scope["state"]["own"] = 1
    scope["state"]["shared"].append("seen")
    assert state == {"shared": ["seen"]}


# -- single_callable


async def _asgi3(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": scope["method"].encode()})


def _plain_def(scope, receive, send):
    return _asgi3(scope, receive, send)


def _two_step(scope):
    return functools.partial(_asgi3, scope)


class _TwoStepClass:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await _asgi3(self.scope, receive, send)


class _Instance:
    async def __call__(self, scope, receive, send):
        await _asgi3(scope, receive, send)


class _PlainInstance:
    def __call__(self, scope, receive, send):
        return _asgi3(scope, receive, send)


class _AwaitedClass:
    def __init__(self, scope, receive, send):
        self._run = _asgi3(scope, receive, send)

    def __await__(self):
        return self._run.__await__()


async def _with_prefix(prefix, scope, receive, send):
    await _asgi3(scope, receive, send)


@pytest.mark.parametrize(
    "app",
    [
        _asgi3,
        _plain_def,
        _two_step,
        _TwoStepClass,
        _Instance(),
        _PlainInstance(),
        _AwaitedClass,
        _Instance().__call__,
        functools.partial(_with_prefix, "prefix"),
        functools.partial(_plain_def),
    ],
    ids=[
        "asgi3",
        "plain def",
        "asgi2 function",
        "asgi2 class",
        "instance",
        "instance with a plain def",
        "awaited class",
        "bound method",
        "partial",
        "partial of a plain def",
    ],
)
async def test_every_kind_of_callable_is_called_with_three_arguments(app):
    request = exchange(single_callable(app))
    request.start()
    assert (await request.response(SOON)).body == b"GET"


def test_an_app_that_takes_three_arguments_is_left_as_it_is():
    for app in (_asgi3, _plain_def, _AwaitedClass):
        assert single_callable(app) is app


def test_a_callable_whose_signature_nobody_knows_is_taken_for_a_two_step_one():
    # asgiref's own guess; inspect.signature(str) raises ValueError.
    assert single_callable(str) is not str


# -- HTTPExchange


async def test_a_request_brings_its_whole_body_and_takes_the_whole_response():
    async def app(scope, receive, send):
        message = await receive()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"X-A", b"1")]})
        await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send({"type": "http.response.body", "body": bytearray(b"!")})

    request = exchange(app, "POST", b"hello")
    request.start()
    assert await request.response(SOON) == Response(201, ((b"x-a", b"1"),), b"hello!")
    assert request.complete


async def test_a_request_is_one_message_and_then_nothing():
    app = Steps()
    request = exchange(app, "POST", b"hello")
    request.start()
    assert await app.receive() == {"type": "http.request", "body": b"hello", "more_body": False}
    waiting = app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert request.idle
    request.disconnect()
    assert not request.idle
    assert await asyncio.wait_for(waiting, SOON) == {"type": "http.disconnect"}
    await app.finish()


async def test_after_the_response_the_app_receives_the_disconnect():
    app = Steps()
    request = exchange(app)
    request.start()
    await app.receive()
    await app.send(type="http.response.start", status=204)
    await app.send(type="http.response.body")
    request.disconnect()
    assert await app.receive() == {"type": "http.disconnect"}
    waiting = app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert request.idle, "one disconnect, not two"
    request.task.cancel()
    await asyncio.wait([request.task], timeout=SOON)
    assert waiting.cancelled() or not waiting.done()


async def test_a_response_to_head_has_no_body():
    request = exchange(_asgi3, "HEAD")
    request.start()
    assert await request.response(SOON) == Response(200, (), b"")


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ([], {"type": "http.response.body", "body": b"early"}),
        (["start"], {"type": "http.response.start", "status": 200}),
        (["start", "body"], {"type": "http.response.body", "body": b"late"}),
        ([], {"type": "websocket.accept"}),
    ],
    ids=["body first", "started twice", "body after the end", "another protocol"],
)
async def test_a_message_out_of_turn_is_a_runtime_error_in_the_app(before, message):
    app = Steps()
    request = exchange(app)
    request.start()
    if "start" in before:
        await app.send(type="http.response.start", status=200)
    if "body" in before:
        await app.send(type="http.response.body")
    with pytest.raises(RuntimeError, match=f"Unexpected ASGI message '{message['type']}'"):
        await app.send(**message)
    await app.finish()


async def test_what_the_app_raises_is_raised_by_response():
    async def app(scope, receive, send):
        raise LookupError("mine")

    request = exchange(app)
    request.start()
    with pytest.raises(LookupError, match="mine"):
        await request.response(SOON)


async def test_what_the_app_raises_after_its_response_comes_after_it():
    async def app(scope, receive, send):
        await _asgi3(scope, receive, send)
        raise LookupError("late")

    request = exchange(app)
    request.start()
    assert (await request.response(SOON)).status == 200
    with pytest.raises(LookupError, match="late"):
        await request.response(SOON)


async def test_an_app_that_returns_without_a_response_is_told_of():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    request = exchange(app)
    request.start()
    with pytest.raises(UsageError, match="returned without a whole response"):
        await request.response(SOON)
    assert not request.complete


async def test_a_response_that_does_not_come_is_a_timeout_and_the_app_goes_on():
    app = Steps()
    request = exchange(app)
    request.start()
    with pytest.raises(TimeoutError):
        await request.response(NEVER)
    await app.send(type="http.response.start", status=200)
    await app.send(type="http.response.body", body=b"late")
    await app.finish()
    assert (await request.response(SOON)).body == b"late"


async def test_a_listener_takes_the_response_inside_the_apps_own_send():
    told = Told()
    app = Steps()
    request = exchange(app, listener=told)
    request.start()
    await app.send(type="http.response.start", status=200)

    async def send_the_body(receive, send):
        await send({"type": "http.response.body", "body": b"hi"})
        return list(told.log)

    assert await app.do(send_the_body) == [("responded", Response(200, (), b"hi"))]
    await app.finish()
    await over(request)
    assert told.log[1:] == [("exchange_ended", None)]
    with pytest.raises(UsageError, match="a listener takes"):
        await request.response(SOON)


async def test_a_listener_is_told_what_the_app_raised():
    error = LookupError("mine")

    async def app(scope, receive, send):
        raise error

    told = Told()
    request = exchange(app, listener=told)
    request.start()
    await over(request)
    assert told.log == [("exchange_ended", error)]
    assert request.ended
    assert request.idle


async def test_the_cancelled_app_ends_and_its_task_is_cancelled():
    told = Told()
    request = exchange(Steps(), listener=told)
    request.start()
    await turn()
    request.task.cancel()
    await asyncio.wait([request.task], timeout=SOON)
    assert request.task.cancelled()
    assert request.ended
    [(name, exc)] = told.log
    assert name == "exchange_ended"
    assert isinstance(exc, asyncio.CancelledError)


async def test_on_receive_is_called_before_each_receive():
    calls = []
    app = Steps()
    request = exchange(app, on_receive=lambda: calls.append(len(calls)))
    request.start()
    await app.receive()
    assert calls == [0]
    request.disconnect()
    await app.receive()
    assert calls == [0, 1]
    await app.finish()


def first_step_at_once(loop, coroutine, **options):
    """A task factory that begins a coroutine before the task is there, as
    `asyncio.eager_task_factory` of Python 3.12 does; for a first step that awaits one turn.
    """
    assert coroutine.send(None) is None

    async def rest():
        await asyncio.sleep(0)
        await asyncio.create_task(coroutine)

    loop.set_task_factory(None)
    return asyncio.Task(rest(), loop=loop, **options)


async def test_an_eager_task_does_not_call_the_app_before_start_has_returned():
    called = []

    async def app(scope, receive, send):
        called.append(scope["type"])

    asyncio.get_running_loop().set_task_factory(first_step_at_once)
    run = exchange(app)
    task = run.start()
    assert not called
    await asyncio.wait_for(task, SOON)
    assert called == ["http"]


# -- WebSocketConnection


async def opened(**options):
    app = Steps()
    connection = websocket(app, **options)
    connecting = asyncio.ensure_future(connection.connect(SOON))
    assert await app.receive() == {"type": "websocket.connect"}
    await app.send(type="websocket.accept")
    assert await connecting is None
    return app, connection


async def test_of_several_receives_the_first_one_takes_the_first_message():
    app, connection = await opened()

    async def both(receive, send):
        return await asyncio.gather(receive(), receive(), receive())

    received = app.begin(both)
    while len(connection._receivers) < 3:
        await turn()
    for text in ("first", "second", "third"):
        connection.send(text)
    messages = await asyncio.wait_for(received, SOON)
    assert [message["text"] for message in messages] == ["first", "second", "third"]
    await app.finish()


async def test_of_several_receives_the_first_one_takes_the_disconnect():
    app, connection = await opened()

    async def both(receive, send):
        tasks = [asyncio.create_task(receive()), asyncio.create_task(receive())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done = [task.done() for task in tasks]
        tasks[1].cancel()
        await asyncio.wait(tasks)
        return done

    ended = app.begin(both)
    while len(connection._receivers) < 2:
        await turn()
    connection.close()
    assert await asyncio.wait_for(ended, SOON) == [True, False]
    await app.finish()


async def test_an_accepted_websocket_is_open_and_has_its_subprotocol():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "v2"})
        await receive()

    connection = websocket(app)
    assert connection.state == "connecting"
    assert await connection.connect(SOON) == "v2"
    assert (connection.state, connection.subprotocol) == ("open", "v2")
    connection.close()
    await over(connection)


async def test_each_message_has_only_one_of_text_and_bytes():
    app, connection = await opened()
    connection.send("text")
    connection.send(bytearray(b"bytes"))
    connection.send("")
    assert await app.receive() == {"type": "websocket.receive", "text": "text"}
    message = await app.receive()
    assert message == {"type": "websocket.receive", "bytes": b"bytes"}
    assert type(message["bytes"]) is bytes
    assert await app.receive() == {"type": "websocket.receive", "text": ""}
    await app.finish()


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ({"text": "a"}, "a"),
        ({"bytes": b"a"}, b"a"),
        ({"text": "a", "bytes": None}, "a"),
        ({"text": None, "bytes": b"a"}, b"a"),
        ({"text": ""}, ""),
        ({"bytes": b""}, b""),
        ({"bytes": bytearray(b"a")}, b"a"),
        ({"text": bytearray(b"a")}, b"a"),
    ],
)
async def test_the_apps_message_is_read_whatever_keys_it_has(message, data):
    app, connection = await opened()
    await app.send(type="websocket.send", **message)
    received = await connection.receive(SOON)
    assert received == data
    assert type(received) is type(data)
    await app.finish()


async def test_a_close_by_the_client_reaches_the_app_with_code_and_reason():
    app, connection = await opened()
    connection.close(4001, "bye")
    assert connection.state == "closed"
    assert await app.receive() == {
        "type": "websocket.disconnect", "code": 4001, "reason": "bye",
    }  # fmt: skip
    await app.finish()


async def test_a_close_is_normal_by_default():
    app, connection = await opened()
    connection.close()
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1000, "reason": ""}
    await app.finish()


async def test_a_lost_network_has_a_code_and_no_reason():
    app, connection = await opened()
    connection.lose()
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1005}
    await app.finish()


async def test_a_network_lost_in_the_handshake_reaches_the_app_after_connect():
    app = Steps()
    connection = websocket(app)
    connection.start()
    connection.lose(1006)
    assert await app.receive() == {"type": "websocket.connect"}
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1006}
    with pytest.raises(OSError, match="after the websocket was closed"):
        await app.send(type="websocket.accept")
    await app.finish()


@pytest.mark.parametrize("end", ["close", "lose"])
async def test_what_the_app_sends_after_the_end_raises_an_oserror_in_it(end):
    app, connection = await opened()
    getattr(connection, end)()
    for message in ({"type": "websocket.send", "text": "a"}, {"type": "websocket.close"}):
        with pytest.raises(OSError, match=message["type"]):
            await app.send(**message)
    await app.finish()


async def test_only_the_first_end_counts_and_what_the_client_sends_after_it_is_lost():
    app, connection = await opened()
    connection.lose(1006)
    connection.close()
    connection.send("into the void")
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1006}
    app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert connection.idle
    connection.task.cancel()
    await asyncio.wait([connection.task], timeout=SOON)


@pytest.mark.parametrize(
    ("message", "closed"),
    [
        ({}, WebSocketClosed(1000, "")),
        ({"code": 4000}, WebSocketClosed(4000, "")),
        ({"code": 4000, "reason": "enough"}, WebSocketClosed(4000, "enough")),
        ({"reason": None}, WebSocketClosed(1000, "")),
    ],
)
async def test_a_close_by_the_app_is_received_with_code_and_reason(message, closed):
    app, connection = await opened()
    await app.send(type="websocket.close", **message)
    assert await connection.receive(SOON) == closed
    assert connection.state == "closed"
    assert await app.receive() == {
        "type": "websocket.disconnect", "code": closed.code, "reason": closed.reason,
    }  # fmt: skip
    await app.finish()


async def test_what_the_app_sent_before_its_close_is_read_before_it():
    app, connection = await opened()
    await app.send(type="websocket.send", text="last")
    await app.send(type="websocket.close")
    assert await connection.receive(SOON) == "last"
    assert await connection.receive(SOON) == WebSocketClosed()
    await app.finish()


async def refusal(app):
    connection = websocket(app)
    with pytest.raises(ConnectionRefusedError) as caught:
        await connection.connect(SOON)
    assert connection.state == "refused"
    return connection, caught.value.args[0]


@pytest.mark.parametrize(
    ("message", "body"), [({}, b""), ({"reason": "no"}, b"no"), ({"reason": None}, b"")]
)
async def test_a_close_before_accept_is_a_403(message, body):
    seen = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.close", **message})
        seen.append(await receive())

    connection, response = await refusal(app)
    assert response == Response(403, (), body)
    await over(connection)
    assert seen == [{"type": "websocket.disconnect", "code": 1006}]


async def test_a_response_instead_of_an_accept_is_handed_on_whole():
    async def app(scope, receive, send):
        assert "websocket.http.response" in scope["extensions"]
        await send(
            {
                "type": "websocket.http.response.start",
                "status": 401,
                "headers": [(b"WWW-Authenticate", b"Basic")],
            }
        )
        await send({"type": "websocket.http.response.body", "body": b"log ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"in"})

    _, response = await refusal(app)
    assert response == Response(401, ((b"www-authenticate", b"Basic"),), b"log in")


@pytest.mark.parametrize("prefix", ["websocket.", ""])
async def test_a_refusal_is_told_while_the_app_still_runs(prefix):
    app = Steps()
    connection = websocket(app)
    connecting = asyncio.ensure_future(connection.connect(SOON))
    await app.send(type=f"{prefix}http.response.start", status=404)
    assert not connecting.done()
    body = app.begin(lambda receive, send: send({"type": f"{prefix}http.response.body"}))
    with pytest.raises(ConnectionRefusedError):
        await connecting
    assert not connection.ended
    await asyncio.wait([body], timeout=SOON)
    assert isinstance(body.exception(), RuntimeError) == (not prefix)
    await app.finish()


@pytest.mark.parametrize("parts", [[b"Not Found"], [b"Not ", b"Found"]])
async def test_an_http_response_on_a_websocket_is_read_and_then_raises_in_the_app(parts):
    raised = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404})
        for number, part in enumerate(parts, 1):
            message = {"type": "http.response.body", "body": part, "more_body": number < len(parts)}
            try:
                await send(message)
            except RuntimeError as exc:
                raised.append(str(exc))
        raise RuntimeError("as a server's send would have it")

    connection, response = await refusal(app)
    assert response == Response(404, (), b"Not Found")
    assert raised == ["Unexpected ASGI message 'http.response.body' on a websocket scope."] * len(
        parts
    )
    assert await connection.receive(SOON) == WebSocketClosed(1005)


async def test_a_response_without_a_body_message_is_a_refusal_when_the_app_returns():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404})

    _, response = await refusal(app)
    assert response == Response(404)


async def test_what_else_an_app_raises_after_a_refusal_is_told():
    async def app(scope, receive, send):
        await send({"type": "websocket.http.response.start", "status": 500})
        await send({"type": "websocket.http.response.body"})
        raise LookupError("mine")

    connection, response = await refusal(app)
    assert response.status == 500
    with pytest.raises(LookupError, match="mine"):
        await connection.receive(SOON)


async def test_an_app_that_raises_before_it_answers_raises_in_connect():
    async def app(scope, receive, send):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await websocket(app).connect(SOON)


async def test_an_app_that_does_not_answer_is_a_timeout():
    app = Steps()
    connection = websocket(app)
    with pytest.raises(TimeoutError):
        await connection.connect(NEVER)
    await app.finish()


async def test_nothing_to_receive_is_a_timeout_and_nothing_is_lost_by_it():
    app, connection = await opened()
    with pytest.raises(TimeoutError):
        await connection.receive(NEVER)
    await app.send(type="websocket.send", text="late")
    assert await connection.receive(SOON) == "late"
    await app.finish()


async def test_a_message_amid_a_refusal_is_a_runtime_error_and_no_part_of_it():
    app = Steps()
    connection = websocket(app)
    connection.start()
    await app.send(type="websocket.http.response.start", status=404)
    with pytest.raises(RuntimeError, match="the websocket is connecting"):
        await app.send(type="websocket.send", text="early", body=b"no ")
    assert connection.state == "connecting"
    await app.send(type="websocket.http.response.body", body=b"such page")
    assert await connection.receive(SOON) == Response(404, (), b"such page")
    await app.finish()


async def test_an_app_that_returns_with_the_websocket_open_is_received_as_an_abnormal_end():
    app, connection = await opened()
    await app.finish()
    assert await connection.receive(SOON) == WebSocketClosed(1005)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("connecting", {"type": "websocket.send", "text": "early"}),
        ("connecting", {"type": "websocket.http.response.body", "body": b"no start"}),
        ("connecting", {"type": "http.response.body", "body": b"no start"}),
        ("open", {"type": "websocket.accept"}),
        ("open", {"type": "websocket.http.response.start", "status": 200}),
        ("refused", {"type": "websocket.accept"}),
        ("refused", {"type": "websocket.close"}),
    ],
)
async def test_a_websocket_message_out_of_turn_is_a_runtime_error_in_the_app(state, message):
    app = Steps()
    connection = websocket(app)
    connection.start()
    if state == "open":
        await app.send(type="websocket.accept")
    if state == "refused":
        await app.send(type="websocket.close")
    with pytest.raises(RuntimeError, match=f"the websocket is {state}"):
        await app.send(**message)
    await app.finish()


async def test_a_paused_client_blocks_the_apps_send_until_it_reads_on():
    app, connection = await opened()
    connection.pause()
    connection.pause()
    sending = app.begin(lambda receive, send: send({"type": "websocket.send", "text": "a"}))
    with pytest.raises(TimeoutError):
        await connection.receive(NEVER)
    assert not sending.done()
    connection.resume()
    connection.resume()
    assert await connection.receive(SOON) == "a"
    await asyncio.wait_for(sending, SOON)
    await app.finish()


@pytest.mark.parametrize("end", ["close", "lose"])
async def test_the_end_of_a_paused_connection_lets_the_app_go_on_with_an_oserror(end):
    app, connection = await opened()
    connection.pause()
    sending = app.begin(lambda receive, send: send({"type": "websocket.send", "text": "a"}))
    await turn()
    getattr(connection, end)()
    with pytest.raises(OSError, match="after the websocket was closed"):
        await asyncio.wait_for(sending, SOON)
    await app.finish()


async def test_a_listener_is_told_of_everything_in_order():
    told = Told()
    app = Steps()
    connection = websocket(app, listener=told)
    connection.start()
    await app.send(type="websocket.accept", subprotocol="v2", headers=[(b"Set-Cookie", b"a=1")])
    await app.send(type="websocket.send", text="a")
    await app.send(type="websocket.close", code=4000)
    await app.finish()
    await over(connection)
    assert told.log == [
        ("websocket_accepted", "v2", ((b"set-cookie", b"a=1"),)),
        ("websocket_message", "a"),
        ("websocket_closed", WebSocketClosed(4000)),
        ("websocket_ended", None),
    ]


async def test_a_listener_is_told_of_a_refusal():
    told = Told()

    async def app(scope, receive, send):
        await send({"type": "websocket.close", "reason": "no"})

    connection = websocket(app, listener=told)
    connection.start()
    await over(connection)
    assert told.log == [
        ("websocket_refused", Response(403, (), b"no")),
        ("websocket_ended", None),
    ]


@pytest.mark.parametrize("read", ["connect", "receive"])
async def test_with_a_listener_nothing_is_read_by_hand(read):
    app = Steps()
    connection = websocket(app, listener=Told())
    with pytest.raises(UsageError, match="a listener takes"):
        await getattr(connection, read)(SOON)
    if connection.task is not None:
        await app.finish()


async def test_a_cancelled_receive_takes_no_message_with_it():
    seen = []
    app, connection = await opened()

    async def cancel_and_receive_again(receive, send):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), NEVER)
        seen.append(await receive())

    asking = app.begin(cancel_and_receive_again)
    with pytest.raises(TimeoutError):
        await connection.receive(2 * NEVER)
    connection.send("kept")
    await asyncio.wait_for(asking, SOON)
    assert seen == [{"type": "websocket.receive", "text": "kept"}]
    await app.finish()


async def test_a_message_that_comes_in_the_step_of_the_cancellation_is_kept():
    app, connection = await opened()

    async def cancel_and_be_sent_something(receive, send):
        first = asyncio.ensure_future(receive())
        await turn()
        second = asyncio.ensure_future(receive())
        await turn()
        first.cancel()
        connection.send("kept")
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    received = await app.do(cancel_and_be_sent_something)
    assert received == {"type": "websocket.receive", "text": "kept"}
    await app.finish()


async def test_a_message_that_a_cancelled_receive_was_given_goes_to_the_next():
    app, connection = await opened()

    async def be_sent_something_and_cancel(receive, send):
        first = asyncio.ensure_future(receive())
        await turn()
        second = asyncio.ensure_future(receive())
        await turn()
        connection.send("handed on")
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    received = await app.do(be_sent_something_and_cancel)
    assert received == {"type": "websocket.receive", "text": "handed on"}
    await app.finish()


async def test_several_readers_are_served_one_message_each():
    app, connection = await opened()
    readers = [asyncio.ensure_future(connection.receive(SOON)) for _ in range(3)]
    await turn()
    for text in "abc":
        await app.send(type="websocket.send", text=text)
    assert sorted(await asyncio.gather(*readers)) == ["a", "b", "c"]
    await app.finish()


async def test_an_idle_app_has_taken_everything_and_waits_for_more():
    app, connection = await opened()
    assert not connection.idle, "it does something else than receive()"
    waiting = app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert connection.idle
    connection.send("a")
    assert not connection.idle
    await asyncio.wait_for(waiting, SOON)
    await app.finish()
    await over(connection)
    assert connection.idle, "an app that has returned wants nothing"


# -- Lifespan


async def good_lifespan(scope, receive, send):
    assert scope["type"] == "lifespan"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
    assert await receive() == {"type": "lifespan.startup"}
    scope["state"]["db"] = "connected"
    await send({"type": "lifespan.startup.complete"})
    assert await receive() == {"type": "lifespan.shutdown"}
    scope["state"]["db"] = "closed"
    await send({"type": "lifespan.shutdown.complete"})


async def test_a_lifespan_starts_fills_the_state_and_shuts_down():
    lifespan = Lifespan(good_lifespan)
    await lifespan.startup(SOON)
    assert lifespan.supported
    assert lifespan.state == {"db": "connected"}
    await lifespan.shutdown(SOON)
    assert lifespan.state == {"db": "closed"}
    assert lifespan.ended


def raises_at_once(scope, receive, send):
    raise AssertionError("only http here")


async def returns_at_once(scope, receive, send):
    pass


async def raises_keyerror_later(scope, receive, send):
    await receive()
    raise KeyError("method")


@pytest.mark.parametrize("app", [raises_at_once, returns_at_once])
async def test_an_app_that_does_not_know_lifespans_is_no_error(app):
    lifespan = Lifespan(app)
    await lifespan.startup(SOON)
    assert not lifespan.supported
    await lifespan.shutdown(SOON)
    assert lifespan.ended


@pytest.mark.parametrize(("unsupported", "fails"), [(True, False), (False, True), (None, True)])
async def test_an_exception_after_the_startup_message_is_judged_by_who_knows(unsupported, fails):
    asked = []

    def judge(exc):
        asked.append(exc)
        return unsupported

    judging = None if unsupported is None else judge
    lifespan = Lifespan(raises_keyerror_later, is_unsupported=judging)
    if fails:
        with pytest.raises(LifespanFailed) as caught:
            await lifespan.startup(SOON)
        assert (caught.value.phase, caught.value.message) == ("startup", "KeyError: 'method'")
        assert isinstance(caught.value.__cause__, KeyError)
    else:
        await lifespan.startup(SOON)
        assert not lifespan.supported
    assert [type(exc) for exc in asked] == ([] if unsupported is None else [KeyError])


@pytest.mark.parametrize(
    ("message", "text"),
    [({"message": "no database"}, "no database"), ({}, "the app gave no message")],
)
async def test_a_startup_that_failed_says_the_apps_message(message, text):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", **message})

    with pytest.raises(LifespanFailed) as caught:
        await Lifespan(app).startup(SOON)
    assert caught.value.message == text
    assert caught.value.__cause__ is None
    assert str(caught.value) == f"lifespan startup failed: {text}"


async def test_a_failure_sent_while_an_exception_is_handled_has_it_as_its_cause():
    async def app(scope, receive, send):
        await receive()
        try:
            raise ConnectionError("no route")
        except ConnectionError:
            await send({"type": "lifespan.startup.failed", "message": "Traceback (most ..."})

    with pytest.raises(LifespanFailed, match="ConnectionError: no route") as caught:
        await Lifespan(app).startup(SOON)
    assert isinstance(caught.value.__cause__, ConnectionError)


async def test_a_startup_that_hangs_is_cancelled_after_the_timeout():
    lifespan = Lifespan(Steps())
    with pytest.raises(LifespanFailed, match=r"startup failed: no answer within 0\.01 s"):
        await lifespan.startup(NEVER)
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


async def test_a_cancelled_startup_cancels_the_app():
    lifespan = Lifespan(Steps())
    starting = asyncio.ensure_future(lifespan.startup(SOON))
    await turn()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


async def started():
    app = Steps()
    lifespan = Lifespan(app)
    starting = asyncio.ensure_future(lifespan.startup(SOON))
    assert await app.receive() == {"type": "lifespan.startup"}
    await app.send(type="lifespan.startup.complete")
    await starting
    return app, lifespan


async def test_a_shutdown_that_failed_says_so():
    app, lifespan = await started()
    stopping = asyncio.ensure_future(lifespan.shutdown(SOON))
    assert await app.receive() == {"type": "lifespan.shutdown"}
    await app.send(type="lifespan.shutdown.failed", message="still writing")
    with pytest.raises(LifespanFailed) as caught:
        await stopping
    assert (caught.value.phase, caught.value.message) == ("shutdown", "still writing")
    await app.finish()


async def test_a_shutdown_that_hangs_is_cancelled_after_the_timeout():
    _, lifespan = await started()
    with pytest.raises(LifespanFailed, match=r"shutdown failed: no answer within 0\.01 s"):
        await lifespan.shutdown(NEVER)
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


async def test_an_app_that_raised_in_between_fails_its_shutdown():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise LookupError("in between")

    lifespan = Lifespan(app)
    await lifespan.startup(SOON)
    await over(lifespan)
    with pytest.raises(LifespanFailed, match="shutdown failed: LookupError: in between"):
        await lifespan.shutdown(SOON)


async def test_an_app_that_returned_in_between_is_shut_down():
    app, lifespan = await started()
    await app.finish()
    await over(lifespan)
    await lifespan.shutdown(SOON)
    assert lifespan.ended
    assert lifespan.supported


async def test_an_app_that_goes_on_after_its_shutdown_is_cancelled():
    app, lifespan = await started()
    stopping = asyncio.ensure_future(lifespan.shutdown(NEVER))
    assert await app.receive() == {"type": "lifespan.shutdown"}
    await app.send(type="lifespan.shutdown.complete")
    await stopping
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


@pytest.mark.parametrize("kind", ["lifespan.shutdown.complete", "http.response.start"])
async def test_a_lifespan_message_out_of_turn_is_a_runtime_error_in_the_app(kind):
    app = Steps()
    lifespan = Lifespan(app)
    starting = asyncio.ensure_future(lifespan.startup(SOON))
    with pytest.raises(RuntimeError, match=f"Unexpected ASGI message '{kind}' during .* startup"):
        await app.send(type=kind)
    await app.send(type="lifespan.startup.complete")
    await starting
    await app.finish()


async def test_a_lifespan_that_was_never_started_can_be_cancelled():
    lifespan = Lifespan(good_lifespan)
    lifespan.cancel()
    assert lifespan.task is None
