"""Faults that a test causes with `client.raw` and the ASGI driver, and how
python-socketio reacts.
"""

import asyncio
import json
import logging
import sys

import pytest
import socketio

from asgi_sio_testclient import NotConnected, TestClient
from asgi_sio_testclient.asgi import HTTPExchange, WebSocketConnection, http_scope, websocket_scope

UPGRADE_HEADERS = [
    (b"host", b"testserver"),
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
]
STEPS = 20  # turns of the event loop
TWO = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'


@pytest.fixture(autouse=True)
def server_is_silent():
    """Disable logging: the server logs each of these faults."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Server:
    """An app that records ASGI messages, reasons of disconnects and close codes."""

    def __init__(self, **settings):
        self.sio = socketio.AsyncServer(async_mode="asgi", **settings)
        self.reasons = []
        self.received = []
        self.inner = socketio.ASGIApp(self.sio)
        self.sio.on("echo", self.echo)
        self.sio.on("disconnect", self.disconnect)

    async def __call__(self, scope, receive, send):
        async def recorded():
            message = await receive()
            self.received.append(message)
            return message

        await self.inner(scope, recorded, send)

    async def echo(self, sid, *args):
        return args

    async def disconnect(self, sid, reason):
        self.reasons.append(reason)

    @property
    def codes(self):
        return [m["code"] for m in self.received if m["type"] == "websocket.disconnect"]


@pytest.fixture
def server():
    return Server()


@pytest.fixture
async def client(server):
    async with TestClient(server, raise_app_exceptions=False) as client:
        await client.connect()
        yield client


@pytest.fixture
async def polling(server):
    async with TestClient(server, transports=("polling",), raise_app_exceptions=False) as client:
        await client.connect()
        yield client


async def raised(client) -> list[str]:
    """Wait until the app is at rest, and return the exceptions that it raised, as text."""
    await client.settle()
    return [f"{type(exc).__name__}: {exc}" for exc in client.app_exceptions]


async def still_works(client):
    assert await client.call("echo", "still", "here") == ("still", "here")


# -- malformed Socket.IO packets: raised in the server and logged, and the session goes on


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("4abc", "ValueError: invalid literal for int() with base 10: 'a'"),
        ("49", "ValueError: Unknown packet type."),
        ('42["echo"', "JSONDecodeError: Expecting ',' delimiter: line 1 column 8 (char 7)"),
        ("42{}", "KeyError: 0"),
        ("42[]", "IndexError: list index out of range"),
        ("42", "TypeError: 'NoneType' object is not subscriptable"),
        ('42abc["echo"]', "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        (f'42{"1" * 101}["echo"]', "ValueError: id field is too long"),
        (f'45{"1" * 11}-["echo"]', "ValueError: too many attachments"),
        ('44{"message":"no"}', "ValueError: Unexpected CONNECT_ERROR packet."),
        ('451-/other,["echo"]', "ValueError: Unexpected binary packet"),
    ],
)
@pytest.mark.parametrize("transports", [("websocket",), ("polling",)], ids="+".join)
async def test_malformed_packet(server, transports, text, error):
    async with TestClient(server, transports=transports, raise_app_exceptions=False) as client:
        await client.connect()
        client.raw.send_text(text)
        assert await raised(client) == [error]
        await still_works(client)
    assert server.reasons == ["client disconnect"]


# -- out of order


@pytest.mark.parametrize(
    "text",
    ['42/other,["echo"]', '42["nobody"]', "4399[1]", "41/other", '4399["unknown id"]'],
)
async def test_ignored(client, text):
    client.raw.send_text(text)
    assert await raised(client) == []
    await still_works(client)


async def test_event_after_disconnect_is_ignored(client, server):
    client.raw.send_text("41")
    client.raw.send_text('421["echo"]')
    assert await raised(client) == []
    assert server.reasons == ["client disconnect"]
    assert "ACK" not in str(client.transcript)


async def test_second_connect_is_refused_and_the_first_goes_on(client, server):
    sid = client.sid
    client.raw.send_text("40")
    assert await raised(client) == []
    assert 'CONNECT_ERROR "Unable to connect"' in str(client.transcript)
    assert client.sid == sid
    await still_works(client)


@pytest.mark.parametrize("packet_type", [0, 2, 3, 6, 7])
async def test_engine_packet_that_means_nothing_is_ignored(client, packet_type):
    client.raw.send_packet(packet_type)
    assert await raised(client) == []
    await still_works(client)


async def test_upgrade_that_nobody_asked_for_is_answered_with_noop(client):
    client.raw.send_packet(5)
    assert await raised(client) == []
    assert str(client.transcript).endswith("<- websocket NOOP")
    await still_works(client)


# -- malformed Engine.IO packets


@pytest.mark.parametrize("text", ["abc", ""])
async def test_malformed_engine_packet_over_websocket_raises_out_of_the_app(client, server, text):
    """The app's disconnect handler gets the reason "ping timeout": engine.io closes the websocket
    only, and keeps the session until no pong arrives.
    """
    client.raw.send_text(text)
    errors = await raised(client)
    assert len(errors) == 1
    assert errors[0].startswith("ValueError: ")
    assert not client.is_connected()
    assert client.disconnect_reason == "transport close"
    assert server.reasons == ["ping timeout"]
    assert server.sio.eio.sockets == {}


async def test_a_middleware_that_raises_is_a_lost_network_to_the_server(server):
    async def middleware(scope, receive, send):
        async def strict():
            message = await receive()
            if message.get("text") == '42["forbidden"]':
                raise LookupError("as told")
            return message

        await server(scope, strict, send)

    async with TestClient(middleware, raise_app_exceptions=False) as client:
        await client.connect()
        await client.emit("forbidden")
        with pytest.raises(NotConnected):
            await client.await_event()
        await client.settle()
        assert server.reasons == ["transport close"]


@pytest.mark.parametrize("text", ["abc", "", "4fine\x1eabc"])
async def test_malformed_engine_packet_over_polling_is_answered_ok(polling, text):
    """The server drops the whole payload."""
    assert (await polling.raw.post(text)).body == b"OK"
    assert await raised(polling) == []
    await still_works(polling)


# -- attachments


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"x", "ValueError: invalid literal for int() with base 10: b'x'"),
        (b"2", "TypeError: argument should be integer or bytes-like object, not 'str'"),
        (b"", "TypeError: 'NoneType' object is not subscriptable"),
    ],
)
async def test_attachment_that_nobody_announced(client, data, error):
    client.raw.send_bytes(data)
    assert await raised(client) == [error]
    await still_works(client)


async def test_text_in_place_of_an_attachment_is_taken_for_it(client):
    """The event has text in the place of the bytes, and the call that the text was is lost."""
    client.on("*", lambda *args: None)
    client.raw.send_text(f'452-7["echo",{TWO}]')
    client.raw.send_bytes(b"one")
    client.raw.send_text('428["echo","two"]')
    assert await raised(client) == []
    assert "ACK #7" in str(client.transcript)
    assert "ACK #8" not in str(client.transcript)
    await still_works(client)


async def test_attachments_that_never_come_hold_up_the_next_packet(client):
    client.raw.send_text(f'452-7["echo",{TWO}]')
    client.raw.send_text('428["echo","swallowed"]')
    assert await raised(client) == []
    assert "ACK" not in str(client.transcript)


async def test_attachments_that_never_come_end_with_the_namespace(client, server):
    client.raw.send_text(f'452-7["echo",{TWO}]')
    await client.abort()
    await client.connect()
    await still_works(client)


async def test_more_placeholders_than_attachments(client):
    client.raw.send_text(f'451-7["echo",{TWO}]')
    client.raw.send_bytes(b"one")
    assert await raised(client) == ["IndexError: list index out of range"]
    client.raw.send_bytes(b"two")
    await client.settle()
    # The packet is still incomplete for the server, which takes every later packet for an
    # attachment.
    client.raw.send_text('428["echo"]')
    assert (await raised(client))[1:] == ["ValueError: Unexpected binary attachment"] * 2


async def test_fewer_placeholders_than_attachments(client):
    client.raw.send_text(f'453-7["echo",{TWO}]')
    for data in (b"one", b"two", b"three"):
        client.raw.send_bytes(data)
    assert await raised(client) == []
    assert "ACK #7" in str(client.transcript)
    await still_works(client)


async def test_no_attachments_announced_poisons_the_session(client):
    """A BINARY_EVENT with a count of 0 waits for an attachment and then refuses it."""
    client.raw.send_text('450-7["echo"]')
    client.raw.send_text('428["echo"]')
    client.raw.send_text('429["echo"]')
    assert await raised(client) == ["ValueError: Unexpected binary attachment"] * 2
    assert "ACK" not in str(client.transcript)


# -- oversized


async def test_oversized_over_websocket(server):
    server.sio.eio.max_http_buffer_size = 1000
    async with TestClient(server) as client:
        await client.connect()
        client.raw.send_text("4" + "x" * 1000)
        await client.settle()
        assert not client.is_connected()
        assert client.disconnect_reason == "transport close"
    assert server.reasons == ["transport close"]


async def test_oversized_over_polling(server):
    server.sio.eio.max_http_buffer_size = 1000
    async with TestClient(server, transports=("polling",)) as client:
        await client.connect()
        assert (await client.raw.post("4" + "x" * 1000)).status == 400
        await client.settle()
        assert not client.is_connected()
    assert server.reasons == ["server disconnect"]


async def test_too_many_packets_in_one_post_are_dropped_whole(polling):
    seventeen = "\x1e".join(['421["echo"]'] * 17)
    assert (await polling.raw.post(seventeen)).body == b"OK"
    assert await raised(polling) == []
    assert "ACK" not in str(polling.transcript)


# -- requests in addition to those of the session


async def take_steps():
    """Let requests reach engine.io's queue; `settle` would wait for the end of the poll."""
    for _ in range(STEPS):
        await asyncio.sleep(0)


async def test_second_poll_takes_every_other_packet(polling, server):
    poll = asyncio.create_task(polling.raw.poll())
    await take_steps()
    await server.sio.emit("first")
    await polling.await_event("first")
    await take_steps()
    await server.sio.emit("second")
    assert (await poll).body == b'42["second"]'
    assert await raised(polling) == []
    assert polling.get_received() == []
    await still_works(polling)


async def test_stale_sid(polling, client):
    for stale in ("nonsense", client.raw.sid[:-1]):
        assert (await polling.raw.poll(sid=stale)).status == 400
        response = await polling.raw.post("2", sid=stale)
        assert (response.status, response.body) == (400, f'"Invalid session {stale}"'.encode())
    await still_works(polling)


async def test_sid_of_a_session_that_is_over(polling):
    raw = polling.raw
    await polling.disconnect()
    await polling.settle()
    assert (await raw.poll()).status == 400


@pytest.mark.parametrize("transports", [("websocket",), ("polling", "websocket")], ids="+".join)
async def test_request_for_a_session_that_is_on_websocket(server, transports):
    async with TestClient(server, transports=transports) as client:
        await client.connect()
        refused = (400, b'"Unexpected HTTP request"')
        for response in (await client.raw.poll(), await client.raw.post("2")):
            assert (response.status, response.body) == refused
        await still_works(client)


# -- heartbeat


@pytest.mark.parametrize(
    ("transports", "own_reason"),
    [(("websocket",), "transport close"), (("polling",), "transport error")],
)
async def test_unanswered_pings(transports, own_reason):
    """The transport's timeout is as long as the heartbeat's; the reason depends on
    which is first.
    """
    server = Server(ping_interval=0.1, ping_timeout=0.04)
    async with TestClient(server, transports=transports) as client:
        await client.connect()
        client.raw.answer_pings = False
        with pytest.raises(NotConnected):
            await client.await_event(timeout=2)
        assert not client.is_connected()
    assert len(server.reasons) == 1
    assert server.reasons[0] in {"ping timeout", own_reason}


async def test_pong_before_its_ping_is_ignored(client):
    client.raw.send_packet(3)
    client.raw.send_packet(3)
    assert await raised(client) == []
    await still_works(client)


# -- backpressure


async def test_nothing_is_lost_when_the_client_reads_on(client, server):
    client.raw.pause_reading()
    for number in range(100):
        await server.sio.emit("number", number, to=client.sid)
    assert client.get_received() == []

    client.raw.resume_reading()

    numbers = [event.data for event in await client.await_events(100)]
    assert numbers == list(range(100))


@pytest.mark.slow
async def test_emit_does_not_wait_for_a_client_that_does_not_read(client, server):
    """The engine's queue has no limit: it keeps all packets that a slow client has not read."""
    client.raw.pause_reading()
    async with asyncio.timeout(10):
        for _ in range(1000):
            await server.sio.emit("more", "x" * 1000, to=client.sid)
    assert server.sio.eio.sockets[client.raw.sid].queue.qsize() > 900
    await client.abort()


async def test_lost_while_it_does_not_read(client, server):
    client.raw.pause_reading()
    await server.sio.emit("more", to=client.sid)
    client.raw.drop()
    await client.settle()
    assert server.reasons == ["transport close"]


# -- dropping the connection


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1009, 1011, 1012, 3000, 4999])
async def test_dropped_with_a_code(client, server, code):
    client.raw.drop(code)
    await client.settle()
    assert server.codes == [code]
    assert server.reasons == ["transport close"]
    assert client.disconnect_reason == "transport close"


async def test_dropped_without_a_code(client, server):
    client.raw.drop()
    await client.settle()
    assert server.codes == [1005]


async def test_dropped_over_polling(polling, server):
    """The app can't detect this before the ping timeout, which the client brings forward."""
    polling.raw.drop()
    await polling.settle()
    assert server.reasons == ["ping timeout"]


async def test_dropped_in_the_middle_of_a_call(client, server):
    began = asyncio.Event()

    @server.sio.event
    async def slow(sid):
        began.set()
        await asyncio.sleep(0.01)
        return "too late"

    call = asyncio.create_task(client.call("slow"))
    await began.wait()
    client.raw.drop(1001)
    with pytest.raises(NotConnected):
        await call
    await client.settle()
    assert client.app_exceptions == []


async def test_dropped_between_an_event_and_its_attachments(client, server):
    client.raw.send_text(f'452-7["echo",{TWO}]')
    client.raw.send_bytes(b"one")
    client.raw.drop(1001)
    await client.settle()
    assert server.reasons == ["transport close"]
    assert server.sio._binary_packet == {}


# -- single scopes: before, during and after the handshake, and during an upgrade


def websocket(app, sid="") -> WebSocketConnection:
    query = f"EIO=4&transport=websocket{f'&sid={sid}' if sid else ''}"
    scope = websocket_scope("/socket.io/", query_string=query.encode(), headers=UPGRADE_HEADERS)
    return WebSocketConnection(app, scope)


def request(app, method="GET", sid="", body=b"") -> HTTPExchange:
    query = f"EIO=4&transport=polling{f'&sid={sid}' if sid else ''}"
    headers = [(b"content-length", b"%d" % len(body))]
    exchange = HTTPExchange(
        app, http_scope(method, "/socket.io/", query_string=query.encode(), headers=headers), body
    )
    exchange.start()
    return exchange


async def ended(*runs):
    """Wait until the app's calls have ended; raise their exceptions."""
    async with asyncio.timeout(10):
        await asyncio.gather(*(run.task for run in runs))


async def shut(server):
    """Cancel the tasks that engine.io leaves, so that the next test starts without them."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


@pytest.fixture
async def by_hand(server):
    yield server
    await shut(server)


@pytest.mark.parametrize("code", [1001, 1006])
async def test_dropped_before_the_app_is_called(by_hand, code):
    connection = websocket(by_hand)
    connection.lose(code)
    with pytest.raises(OSError, match="websocket"):
        await connection.connect()
    await ended(connection)
    assert [message["type"] for message in by_hand.received] == ["websocket.connect"]


async def test_dropped_between_accept_and_open(by_hand):
    gate = asyncio.Event()

    async def slow_to_accept(scope, receive, send):
        async def held(message):
            await send(message)
            await gate.wait()

        await by_hand(scope, receive, held)

    connection = websocket(slow_to_accept)
    await connection.connect()
    connection.lose(1001)
    gate.set()
    await ended(connection)
    assert by_hand.codes == [1001]
    assert by_hand.reasons == []


async def test_dropped_between_open_and_connect(by_hand):
    connection = websocket(by_hand)
    await connection.connect()
    assert str(await connection.receive()).startswith("0")
    connection.lose(1001)
    await ended(connection)
    assert by_hand.codes == [1001]
    assert by_hand.reasons == []
    assert by_hand.sio.eio.sockets == {}


async def test_dropped_while_the_connect_handler_runs(by_hand):
    began, gate = asyncio.Event(), asyncio.Event()

    @by_hand.sio.event
    async def connect(sid, environ):
        began.set()
        await gate.wait()

    connection = websocket(by_hand)
    await connection.connect()
    await connection.receive()
    connection.send("40")
    await began.wait()
    connection.lose(1001)
    gate.set()
    await ended(connection)
    assert by_hand.reasons == ["transport close"]


# -- upgrades that stop half-way


async def polling_session(app) -> str:
    response = await request(app).response()
    return json.loads(response.body[1:])["sid"]


async def probed(app, sid) -> WebSocketConnection:
    connection = websocket(app, sid)
    await connection.connect()
    connection.send("2probe")
    assert await connection.receive() == "3probe"
    return connection


async def test_probe_that_never_begins_holds_up_every_poll(by_hand):
    """An open websocket is enough: after its accept the server answers each poll at once, with
    NOOP.
    """
    sid = await polling_session(by_hand)
    await websocket(by_hand, sid).connect()
    for _ in range(3):
        assert (await request(by_hand, sid=sid).response()).body == b"6"


async def test_probe_that_never_ends_holds_up_every_poll(by_hand):
    sid = await polling_session(by_hand)
    await probed(by_hand, sid)
    assert (await request(by_hand, "POST", sid, b"40").response()).body == b"OK"
    for _ in range(3):
        assert (await request(by_hand, sid=sid).response()).body == b"6"


@pytest.mark.parametrize("code", [1001, 1006])
async def test_dropped_in_the_middle_of_an_upgrade_polling_goes_on(by_hand, code):
    sid = await polling_session(by_hand)
    connection = await probed(by_hand, sid)
    connection.lose(code)
    await ended(connection)
    assert by_hand.codes == [code]
    assert (await request(by_hand, sid=sid).response()).body == b"6"
    assert (await request(by_hand, "POST", sid, b"40").response()).body == b"OK"
    assert (await request(by_hand, sid=sid).response()).body.startswith(b"40{")


async def test_dropped_before_the_probe_leaves_the_session_between_the_transports(by_hand):
    """engine.io does not end the session: it answers each poll with NOOP."""
    sid = await polling_session(by_hand)
    connection = websocket(by_hand, sid)
    await connection.connect()
    connection.lose(1001)
    await ended(connection)
    for _ in range(3):
        assert (await request(by_hand, sid=sid).response()).body == b"6"


@pytest.mark.parametrize("instead", ["2", "3probe", "5", "4hello"])
async def test_something_else_in_place_of_the_probe(by_hand, instead):
    sid = await polling_session(by_hand)
    connection = websocket(by_hand, sid)
    await connection.connect()
    connection.send(instead)
    await ended(connection)
    assert (await request(by_hand, "POST", sid, b"40").response()).body == b"OK"
    assert (await request(by_hand, sid=sid).response()).body.startswith(b"40{")


async def test_something_else_in_place_of_the_upgrade(by_hand):
    sid = await polling_session(by_hand)
    connection = await probed(by_hand, sid)
    connection.send("4hello")
    await ended(connection)
    assert (await request(by_hand, sid=sid).response()).body == b"6"


async def test_upgrade_of_a_stale_sid_is_refused(by_hand):
    with pytest.raises(ConnectionRefusedError) as refused:
        await websocket(by_hand, "stale").connect()
    assert refused.value.args[0].body == b'"Invalid session stale"'


@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="two writers share one queue: which gets what is asyncio's business, and differs there",
)
async def test_second_upgrade_beside_the_first(by_hand):
    """The server accepts both upgrades: both websockets receive packets of the session."""
    sid = await polling_session(by_hand)
    first, second = await probed(by_hand, sid), await probed(by_hand, sid)
    first.send("5")
    second.send("5")
    first.send("40")
    answers = [await first.receive(), await first.receive(), await second.receive()]
    assert sorted(str(answer)[:2] for answer in answers) == ["40", "6", "6"]
