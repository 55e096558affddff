"""`client.raw`: packets, requests and websockets that a test sends by itself."""

import asyncio

import pytest
from apps import lab
from scripted import OPEN, Polled, Wire, client_of, over_websocket, soon

from asgi_sio_testclient import NotConnected, TestClient, UsageError


async def echoes(wire):
    """Lets a client in, and sends back what it gets."""
    await wire.open("/")
    while (frame := await wire.receive()) is not None:
        await wire.send(frame)


@pytest.mark.parametrize(
    ("send", "frame"),
    [
        (lambda raw: raw.send_packet(2), "2"),
        (lambda raw: raw.send_packet(4, ""), "4"),
        (lambda raw: raw.send_packet(9, "x"), "9x"),
        (lambda raw: raw.send_text("no packet"), "no packet"),
        (lambda raw: raw.send_bytes(b"\1\2"), b"\1\2"),
        (lambda raw: raw.send_bytes(bytearray(b"\3")), b"\3"),
    ],
    ids=["packet", "empty", "unknown", "text", "bytes", "bytearray"],
)
async def test_a_frame_is_sent_as_it_is(send, frame):
    received = asyncio.Queue()

    async def script(wire):
        await wire.open("/")
        received.put_nowait(await wire.receive())
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        send(client.raw)
        assert await soon(received.get()) == frame


@pytest.fixture
async def polling():
    app = lab()
    async with TestClient(app.app, transports=("polling",)) as client:
        await client.connect()
        yield app.app, client


def last_request(app):
    return app.of("http")[-1]


@pytest.mark.parametrize("body", ["3", b"3", bytearray(b"3")], ids=["str", "bytes", "bytearray"])
async def test_a_post_is_one_request_of_the_session(polling, body):
    app, client = polling
    response = await client.raw.post(body)
    assert (response.status, response.body) == (200, b"OK")
    request = last_request(app)
    assert request.scope["method"] == "POST"
    assert request.header("content-length") == "1"
    assert request.header("content-type") == "text/plain;charset=UTF-8"
    assert f"sid={client.raw.sid}" in request.scope["query_string"].decode()
    assert request.received[0]["body"] == b"3"


async def test_the_length_of_a_post_is_that_of_its_bytes(polling):
    app, client = polling
    await client.raw.post('42["keep","ü"]')
    assert last_request(app).header("content-length") == "15"


@pytest.mark.parametrize(("sid", "status"), [("", 200), ("stale", 400)])
async def test_a_poll_may_be_that_of_another_session_or_of_none(polling, sid, status):
    app, client = polling
    response = await client.raw.poll(sid=sid)
    assert response.status == status
    assert last_request(app).scope["method"] == "GET"
    assert response.body.startswith(b'0{"sid"') == (status == 200)
    assert client.raw.sid
    assert client.raw.sid not in response.body.decode()


async def test_a_request_without_an_answer_is_a_timeout_and_a_call_of_the_app():
    app = Polled(OPEN, '40{"sid":"x"}')
    async with client_of(app, "polling") as client:
        await client.connect()
        with pytest.raises(TimeoutError):
            await client.raw.poll(timeout=0.01)
        for _ in range(2):
            app.answers.put_nowait("6")
        await client.disconnect()


@pytest.mark.parametrize(("sid", "in_query"), [(None, "sid=abc"), ("other", "sid=other")])
async def test_a_websocket_of_the_session_or_of_another(sid, in_query):
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await echoes(Wire(receive, send))

    async with client_of(app) as client:
        await client.connect()
        opening = asyncio.ensure_future(client.raw.websocket(sid=sid))
        websocket = await soon(opening)
        assert await websocket.receive(60) == OPEN
        websocket.close()
    assert in_query in scopes[1]["query_string"].decode()


async def test_a_websocket_that_is_refused_raises_its_response():
    async def app(scope, receive, send):
        wire = Wire(receive, send)
        if "sid=none" in scope["query_string"].decode():
            await wire.close()
        else:
            await echoes(wire)

    async with client_of(app) as client:
        await client.connect()
        with pytest.raises(ConnectionRefusedError) as caught:
            await client.raw.websocket(sid="none")
        assert caught.value.args[0].status == 403


async def test_a_client_that_is_paused_is_not_settled_until_it_reads_on():
    async with TestClient(lab().app) as client:
        await client.connect()
        await client.settle()
        client.raw.pause_reading()
        assert client.raw.unsettled
        assert not client.raw.settled
        assert "reading is paused" in client.raw.why_busy()
        client.raw.resume_reading()
        assert client.raw.settled
        assert client.raw.why_busy() == ""


async def test_from_another_loop_nothing_is_sent():
    async with TestClient(lab().app) as client:
        await client.connect()
        raw = client.raw

        async def elsewhere():
            for send in (lambda: raw.send_packet(2), lambda: raw.send_text("2")):
                with pytest.raises(UsageError, match="another event loop"):
                    send()
            with pytest.raises(UsageError, match="another event loop"):
                raw.send_bytes(b"2")
            for request in (raw.poll, raw.websocket):
                with pytest.raises(UsageError, match="another event loop"):
                    await request()

        await asyncio.to_thread(asyncio.run, elsewhere())


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
