"""The session of a client, `client.raw`, with servers that break the protocol."""

import asyncio
import json
import warnings

import pytest
import socketio

from asgi_sio_testclient import (
    ConnectTimeout,
    HandshakeFailed,
    LeakWarning,
    NotConnected,
    ProtocolError,
    TestClient,
    UsageError,
)

SOON = 10.0  # seconds, the bound of waits that end at once
NEVER = 0.05  # seconds, for waits that end by their timeout
OPEN = "0" + json.dumps(
    {"sid": "abc", "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000}
)


class Wire:
    """The server's side of one websocket."""

    def __init__(self, receive, send):
        self._receive, self._send = receive, send

    async def accept(self):
        assert (await self._receive())["type"] == "websocket.connect"
        await self._send({"type": "websocket.accept"})

    async def send(self, *frames):
        for frame in frames:
            key = "text" if isinstance(frame, str) else "bytes"
            await self._send({"type": "websocket.send", key: frame})

    async def receive(self):
        """Return the next frame, or None at the end."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message.get("text", message.get("bytes"))

    async def close(self, **fields):
        await self._send({"type": "websocket.close", **fields})

    async def open(self, *namespaces):
        """Accept, send OPEN, and answer the CONNECT of each namespace."""
        await self.accept()
        await self.send(OPEN)
        for namespace in namespaces:
            prefix = "" if namespace == "/" else f"{namespace},"
            assert await self.receive() == f"40{prefix}"
            await self.send(f'40{prefix}{{"sid":"{namespace}"}}')

    async def until_the_end(self):
        frames = []
        while (frame := await self.receive()) is not None:
            frames.append(frame)
        return frames


def over_websocket(script):
    """Return an app that runs `script` with each websocket."""

    async def app(scope, receive, send):
        assert scope["type"] == "websocket"
        await script(Wire(receive, send))

    return app


class Polled:
    """The server's side of Engine.IO over long-polling, with the test's answers to each GET.

    Args:
        websocket: handles the upgrade; if it is None, the upgrade is refused.
    """

    def __init__(self, *answers, websocket=None):
        self.answers = asyncio.Queue()
        for answer in answers:
            self.answers.put_nowait(answer)
        self.posted = asyncio.Queue()
        self.post_status = 200
        self._websocket = websocket

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await (self._websocket or Wire.close)(Wire(receive, send))
        elif scope["method"] == "POST":
            for frame in (await receive())["body"].decode().split("\x1e"):
                self.posted.put_nowait(frame)
            await respond(send, b"OK", self.post_status)
        else:
            await receive()
            answer = await self.answers.get()
            if callable(answer):
                await answer(send)
            else:
                await respond(send, answer.encode())


async def respond(send, body, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, SOON)


def client_of(app, *transports, **options):
    options = {"lifespan": False, "timeout": SOON, **options}
    return TestClient(app, transports=transports or ("websocket",), **options)


# -- without a connection


async def test_there_is_no_raw_without_a_connection():
    async with client_of(over_websocket(Wire.open)) as client:
        with pytest.raises(NotConnected):
            client.raw  # noqa: B018 (the property raises)


async def test_only_a_websocket_can_be_paused():
    app = Polled(OPEN)
    async with client_of(app, "polling") as client:
        connecting = asyncio.ensure_future(client.connect())
        await soon(app.posted.get())
        with pytest.raises(UsageError, match="only a websocket can be paused"):
            client.raw.pause_reading()
        app.answers.put_nowait('40{"sid":"x"}')
        await soon(connecting)


# -- what the server sends


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ("9", "unknown Engine.IO packet type"),
        ("x", "malformed Engine.IO packet"),
        ("5", "unexpected UPGRADE"),
        (OPEN, "unexpected OPEN"),
        ('42["e"', "malformed Socket.IO packet"),
        (b"x", "malformed Socket.IO packet"),
        ('40{"sid":"again"}', "CONNECT for a namespace that was not requested"),
        ('40/other,{"sid":"x"}', "CONNECT for a namespace that was not requested"),
    ],
)
async def test_what_the_protocol_does_not_allow_ends_the_session(frame, problem):
    ended = asyncio.Event()

    async def script(wire):
        await wire.open("/")
        assert await wire.receive() == '42["go"]'
        await wire.send(frame)
        await wire.until_the_end()
        ended.set()

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.emit("go")
        with pytest.raises(ProtocolError, match=problem):
            await client.await_event("e")
        assert not client.is_connected()
        assert client.disconnect_reason == "transport error"
        await soon(ended.wait())


async def test_a_disconnect_of_a_namespace_that_is_not_connected_is_ignored():
    async def script(wire):
        await wire.open("/")
        await wire.send("41/other,", '42["still","here"]')
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        assert (await client.await_event()).data == "here"


async def test_a_close_by_the_server_is_told_with_its_reason():
    async def script(wire):
        await wire.open("/")
        await wire.receive()
        await wire.close(code=4000, reason="enough")

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.emit("go")
        with pytest.raises(NotConnected, match="code 4000: enough"):
            await client.await_event("e")
        assert client.disconnect_reason == "transport close"


@pytest.mark.parametrize("first", ["4hello", "x", "0{}", b"x"])
async def test_a_handshake_that_is_none_is_a_protocol_error(first):
    async def script(wire):
        await wire.accept()
        await wire.send(first)
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        with pytest.raises(ProtocolError) as caught:
            await client.connect()
        assert caught.value.packet == first


async def test_pings_are_answered_with_their_data_and_within_the_servers_send():
    answers = []

    async def script(wire):
        await wire.open("/")
        for ping in ("2", "2data"):
            await wire.send(ping)
            answers.append(await wire.receive())
        await wire.send('42["done"]')
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.await_event("done")
    assert answers == ["3", "3data"]


async def test_a_silent_client_answers_no_ping():
    received = []

    async def script(wire):
        await wire.open("/")
        assert await wire.receive() == '42["go"]'
        await wire.send("2", '42["after"]')
        received.extend(await wire.until_the_end())

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        client.raw.answer_pings = False
        await client.emit("go")
        await client.await_event("after")
    assert received == ["41"]


async def test_a_namespace_can_be_left_where_no_python_server_is_known():
    async def script(wire):
        await wire.open("/", "/chat")
        assert await wire.receive() == "41/chat,"
        await wire.send('42["left"]')
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        await client.connect("/", "/chat")
        await client.disconnect("/chat")
        await client.await_event("left")
        assert client.is_connected("/")
        with pytest.raises(UsageError, match="pass server="):
            await client.settle()


async def test_a_second_connect_joins_the_handshake_of_the_first():
    async with client_of(over_websocket(_opens_two)) as client:
        await soon(asyncio.gather(client.connect("/"), client.connect("/chat")))
        assert client.get_sid("/chat") == "/chat"


async def _opens_two(wire):
    await wire.open("/", "/chat")
    await wire.until_the_end()


async def test_a_handler_of_the_test_may_drop_the_connection_that_is_being_left():
    async with client_of(over_websocket(_opens_one)) as client:
        await client.connect()
        client.on("disconnect", lambda reason, raw=client.raw: raw.drop())
        await client.disconnect()
        assert client.disconnect_reason == "client disconnect"


async def _opens_one(wire):
    await wire.open("/")
    await wire.until_the_end()


async def test_what_arrives_after_the_end_is_dropped():
    async def script(wire):
        await wire.open("/")
        await wire.receive()
        with pytest.raises(OSError, match="websocket was closed"):
            await wire.send('42["late"]')

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.disconnect()
        assert client.get_received() == []


# -- the upgrade


def upgraded(script):
    return Polled(OPEN, websocket=script)


async def test_frames_that_are_sent_during_an_upgrade_wait_for_its_end():
    probed, go_on = asyncio.Event(), asyncio.Event()
    received = []

    async def script(wire):
        await wire.accept()
        assert await wire.receive() == "2probe"
        probed.set()
        await go_on.wait()
        app.answers.put_nowait("6")
        await wire.send("3probe")
        received.append(await wire.receive())
        received.append(await wire.receive())
        assert await wire.receive() == "40"
        await wire.send('40{"sid":"x"}')
        await wire.until_the_end()

    app = upgraded(script)
    async with client_of(app, "polling", "websocket") as client:
        connecting = asyncio.ensure_future(client.connect())
        await soon(probed.wait())
        client.raw.send_text("6held")
        assert client.transport == "polling"
        go_on.set()
        await soon(connecting)
        assert client.transport == "websocket"
    assert received == ["5", "6held"]


async def accepts_and_closes(wire):
    await wire.accept()
    assert await wire.receive() == "2probe"
    await wire.close()


async def accepts_and_returns(wire):
    await wire.accept()


@pytest.mark.parametrize("script", [None, accepts_and_closes, accepts_and_returns])
async def test_an_upgrade_that_fails_leaves_the_session_on_polling(script):
    app = Polled(OPEN, '40{"sid":"x"}', websocket=script)
    async with client_of(app, "polling", "websocket") as client:
        await soon(client.connect())
        assert client.transport == "polling"
        assert await soon(app.posted.get()) == "40"


async def test_a_probe_that_is_never_answered_is_named_by_the_timeout():
    async def script(wire):
        await wire.accept()
        await wire.until_the_end()

    async with client_of(upgraded(script), "polling", "websocket") as client:
        with pytest.raises(ConnectTimeout, match="the upgrade's probe was not answered"):
            await client.connect(timeout=NEVER)


async def test_frames_that_were_held_are_posted_after_an_upgrade_that_fails():
    probed, go_on = asyncio.Event(), asyncio.Event()

    async def script(wire):
        await wire.accept()
        assert await wire.receive() == "2probe"
        probed.set()
        await go_on.wait()
        await wire.close()

    app = upgraded(script)
    async with client_of(app, "polling", "websocket") as client:
        connecting = asyncio.ensure_future(client.connect())
        await soon(probed.wait())
        client.raw.send_text("6held")
        go_on.set()
        assert await soon(app.posted.get()) == "6held"
        assert await soon(app.posted.get()) == "40"
        app.answers.put_nowait('40{"sid":"x"}')
        await soon(connecting)
        assert client.transport == "polling"


async def test_a_post_from_before_the_upgrade_that_is_not_answered_is_named():
    posted, go_on = asyncio.Event(), asyncio.Event()

    async def script(wire):
        await wire.accept()
        assert await wire.receive() == "2probe"
        polled.answers.put_nowait("6")
        await wire.send("3probe")
        await wire.until_the_end()

    async def app(scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "POST":
            posted.set()
            await go_on.wait()
        await polled(scope, receive, send)

    polled = Polled(websocket=script)
    async with client_of(app, "polling", "websocket") as client:
        connecting = asyncio.ensure_future(client.connect(timeout=NEVER))
        await asyncio.sleep(0)
        client.raw.send_text("6early")
        await soon(posted.wait())
        polled.answers.put_nowait(OPEN)
        with pytest.raises(ConnectTimeout, match="a POST that was under way before the upgrade"):
            await connecting
        go_on.set()


# -- polling


async def garbled(send):
    await respond(send, b"no gzip", headers=[(b"content-encoding", b"gzip")])


async def test_a_response_that_can_not_be_decoded_ends_the_session():
    app = Polled(OPEN, '40{"sid":"x"}', garbled)
    async with client_of(app, "polling") as client:
        await soon(client.connect())
        with pytest.raises(NotConnected, match="a body that can't be decoded"):
            await client.await_event("e")
        assert client.disconnect_reason == "transport error"


async def test_a_handshake_that_can_not_be_decoded_says_so():
    async with client_of(Polled(garbled), "polling") as client:
        with pytest.raises(HandshakeFailed, match="can't be decoded"):
            await soon(client.connect())


async def test_packets_behind_a_close_in_one_payload_are_dropped():
    app = Polled(OPEN, '40{"sid":"x"}', '42["before"]\x1e1\x1e42["behind"]')
    async with client_of(app, "polling") as client:
        await soon(client.connect())
        assert (await client.await_event()).name == "before"
        assert client.disconnect_reason == "server disconnect"
        assert client.get_received() == []


async def test_a_post_that_is_refused_ends_the_session():
    app = Polled(OPEN, '40{"sid":"x"}')
    async with client_of(app, "polling") as client:
        await soon(client.connect())
        app.post_status = 500
        await client.emit("e")
        with pytest.raises(NotConnected, match="500 OK"):
            await client.await_event("e")


@pytest.mark.parametrize(
    "answer",
    [(b"gone", 404), (b"0no json", 200), (OPEN.encode(), 200)],
    ids=["refused", "malformed", "a session"],
)
async def test_an_answer_to_a_handshake_after_its_timeout_closes_the_session(answer):
    called, timed_out, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        if scope["method"] == "POST":
            assert b"sid=abc" in scope["query_string"]
            assert (await receive())["body"] == b"1"
            told.set()
            await respond(send, b"OK")
            return
        called.set()
        try:
            await timed_out.wait()
        except asyncio.CancelledError:
            await respond(send, *answer)

    async with client_of(app, "polling") as client:
        with pytest.raises(ConnectTimeout, match="handshake"):
            await client.connect(timeout=NEVER)
        assert called.is_set()
        if answer[0] == OPEN.encode():
            await soon(told.wait())
    assert told.is_set() == (answer[0] == OPEN.encode())


# -- leaving


async def test_a_server_that_does_not_end_is_cancelled_at_exit():
    ended = []

    async def script(wire):
        await wire.open("/")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)  # another test covers the warning
        async with client_of(over_websocket(script), timeout=NEVER) as client:
            await client.connect(timeout=SOON)
    assert ended == ["cancelled"]


async def test_the_answer_to_a_post_that_comes_after_the_end_changes_nothing():
    posted, go_on = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        if scope["method"] == "GET":
            await polled(scope, receive, send)
        elif (await receive())["body"] == b'42["e"]':
            posted.set()
            await go_on.wait()
            await respond(send, b"too late", 500)
        else:
            await respond(send, b"OK")

    polled = Polled(OPEN, '40{"sid":"x"}')
    async with client_of(app, "polling") as client:
        await soon(client.connect())
        await client.emit("e")
        await soon(posted.wait())
        client.raw.drop()
        assert client.disconnect_reason == "transport close"
        go_on.set()
        await soon(client.disconnect())
        assert client.disconnect_reason == "transport close"


# -- what the error of settle names


async def test_a_packet_that_has_not_come_to_the_server_is_named():
    held, go_on = asyncio.Event(), asyncio.Event()
    server = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))

    async def queueing(scope, receive, send):
        queue = asyncio.Queue()

        async def fill():
            while True:
                queue.put_nowait(await receive())

        async def slow_receive():
            message = await queue.get()
            if message.get("text", "").startswith("42"):
                held.set()
                await go_on.wait()
            return message

        filling = asyncio.create_task(fill())
        try:
            await server(scope, slow_receive, send)
        finally:
            filling.cancel()

    async with client_of(queueing) as client:
        await client.connect()
        await client.emit("e")
        await soon(held.wait())
        assert client.raw.why_busy().startswith("a packet is still processed by the server")
        go_on.set()
        await client.settle()
        assert client.raw.why_busy() == ""


async def test_leaving_cancels_the_connect_handlers_that_run_on_and_no_others():
    sio = socketio.AsyncServer(async_mode="asgi", always_connect=True, namespaces="*")
    started, go_on, ended = asyncio.Event(), asyncio.Event(), []

    @sio.on("connect", namespace="/slow")
    async def connect(sid, environ):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("connect")

    @sio.on("hang")
    async def hang(sid):
        started.set()
        await go_on.wait()
        ended.append("hang")

    async with client_of(socketio.ASGIApp(sio), timeout=60) as client:
        await client.connect()
        await client.emit("hang")
        await soon(started.wait())
        await client.connect("/slow", timeout=NEVER)
        await client.disconnect()
        assert ended == ["connect"]
        go_on.set()
    assert ended == ["connect", "hang"]
