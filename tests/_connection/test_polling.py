"""Long-polling: batches, compression, a cookie; and the heartbeat of all transports."""

import asyncio

import pytest
from apps import WAIT, lab
from scripted import NEVER, OPEN, Polled, client_of, respond, soon

from asgi_sio_testclient import ConnectTimeout, HandshakeFailed, NotConnected, TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")


def posts(app):
    return [e for e in app.app.of("http") if e.scope["method"] == "POST"]


def body_of(exchange):
    return b"".join(m.get("body", b"") for m in exchange.received)


class TestBatches:
    @pytest.mark.parametrize("count", [1, 16, 17, 33, 100])
    async def test_no_post_has_more_packets_than_the_server_takes(self, count):
        """If a POST has seventeen packets, python-engineio drops all of them and answers OK."""
        app = lab()
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            answers = await asyncio.gather(*(client.call("echo", n) for n in range(count)))
            assert answers == list(range(count))
        assert max(len(body_of(post).split(b"\x1e")) for post in posts(app)) <= 16

    async def test_sixty_attachments_in_one_event(self):
        app = lab()
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            chunks = [bytes([n]) for n in range(60)]
            assert await client.call("echo", chunks) == chunks
        assert max(len(body_of(post).split(b"\x1e")) for post in posts(app)) <= 16

    async def test_a_post_says_how_long_it_is_and_that_it_is_text(self):
        app = lab()
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            await client.call("echo", "ünïcode")
        assert posts(app)
        for post in posts(app):
            assert int(post.header("content-length")) == len(body_of(post))
            assert post.header("content-type").startswith("text/plain")

    async def test_one_poll_at_a_time(self):
        app = lab()
        polling, most = 0, 0

        async def counting(scope, receive, send):
            nonlocal polling, most
            counts = scope["type"] == "http" and scope["method"] == "GET"
            polling += counts
            most = max(most, polling)
            try:
                await app.app(scope, receive, send)
            finally:
                polling -= counts

        async with TestClient(counting, transports=("polling",)) as client:
            await client.connect()
            await asyncio.gather(*(client.call("echo", n) for n in range(20)))
            await client.call("burst", 50)
        assert most == 1

    async def test_many_events_in_one_answer(self):
        async with TestClient(lab().app, transports=("polling",)) as client:
            await client.connect()
            assert await client.call("burst", 200) == 200
            events = await client.await_events(200, "burst")
        assert [event.data for event in events] == list(range(200))


class TestCompression:
    TEXT = "compress me " * 1000

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    @pytest.mark.parametrize("options", [{}, {"compression_threshold": 0}], ids=["large", "all"])
    async def test_answers_are_unpacked(self, encoding, options):
        app = lab(**options)
        async with TestClient(
            app.app, transports=("polling",), headers={"Accept-Encoding": encoding}
        ) as client:
            await client.connect()
            assert await client.call("echo", self.TEXT) == self.TEXT
            assert await client.call("echo", self.TEXT.encode()) == self.TEXT.encode()
            assert await client.call("echo", "small") == "small"
        encodings = [e.response_header("content-encoding") for e in app.app.of("http")]
        assert encoding in encodings
        if options:
            assert set(encodings) == {encoding}

    async def test_compression_is_requested_by_default(self):
        app = lab()
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            assert await client.call("echo", self.TEXT) == self.TEXT
        encodings = [e.response_header("content-encoding") for e in app.app.of("http")]
        assert "gzip" in encodings

    async def test_a_server_that_does_not(self):
        async with TestClient(lab(http_compression=False).app, transports=("polling",)) as client:
            await client.connect()
            assert await client.call("echo", self.TEXT) == self.TEXT


class TestHeartbeat:
    @staticmethod
    def pongs(app):
        websocket = [m.get("text") for e in app.app.of("websocket") for m in e.received]
        polling = [
            packet.decode() for post in posts(app) for packet in body_of(post).split(b"\x1e")
        ]
        return [*websocket, *polling].count("3")

    async def test_a_sub_second_interval(self, transports):
        """The server announces 0 ms, which must not cause a division, a busy loop or a close."""
        app = lab(ping_interval=0.02, ping_timeout=0.5)
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            async with asyncio.timeout(WAIT):
                while self.pongs(app) < 3:
                    await client.call("slow", 0.01, 1)
            assert client.is_connected()
            assert await client.call("echo", 1) == 1
        assert app.disconnects == [("/", "client disconnect")]
        app.assert_released()

    async def test_pongs_alone_keep_the_session(self, transports):
        """The session lasts longer than interval and timeout together, without any event."""
        app = lab(ping_interval=0.02, ping_timeout=0.1)
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            clock = asyncio.get_running_loop().time
            began = clock()
            async with asyncio.timeout(WAIT):
                while self.pongs(app) < 3 or clock() < began + 0.2:
                    await client.call("slow", 0.2, 1)
            assert client.is_connected()
            assert app.disconnects == []
            # A busy loop with the interval 0 would have sent thousands of requests.
            intervals = (clock() - began) / 0.02
            assert self.pongs(app) <= intervals + 2
            assert len(app.app.of("http")) < 4 * intervals

    async def test_a_grace_period(self, transports):
        app = lab(ping_interval=(0.05, 0.01))
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1


class TestCookieOption:
    async def test_a_name(self):
        app = lab(cookie="io")
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            [eio_sid] = app.sio.eio.sockets
            assert client.cookies["io"] == eio_sid
            await client.call("echo", 1)
        handshake, *later = app.app.of("http")
        assert handshake.header("cookie") is None
        assert later
        assert {e.header("cookie") for e in later} == {f"io={eio_sid}"}

    async def test_attributes(self):
        app = lab(cookie={"name": "elsewhere", "path": "/admin", "HttpOnly": True})
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            await client.call("echo", 1)
            assert client.cookies["elsewhere"]
        assert {e.header("cookie") for e in app.app.of("http")} == {None}

    async def test_the_upgrade_carries_it(self):
        app = lab(cookie="io")
        async with TestClient(app.app, transports=("polling", "websocket")) as client:
            await client.connect()
            [eio_sid] = app.sio.eio.sockets
        [websocket] = app.app.of("websocket")
        assert websocket.header("cookie") == f"io={eio_sid}"

    async def test_websocket_sets_none(self):
        async with TestClient(lab(cookie="io").app) as client:
            await client.connect()
            assert dict(client.cookies) == {}


class TestUpgrade:
    async def test_probe_and_upgrade_in_the_protocols_order(self):
        app = lab()
        async with TestClient(app.app, transports=("polling", "websocket")) as client:
            await client.connect()
            await client.call("echo", 1)
        [websocket] = app.app.of("websocket")
        received = [m.get("text") for m in websocket.received if m["type"] == "websocket.receive"]
        sent = [m.get("text") for m in websocket.sent if m["type"] == "websocket.send"]
        assert received[:2] == ["2probe", "5"]
        assert sent[0] == "3probe"
        assert not any(text.startswith("0") for text in sent)

    async def test_the_polls_all_ended_well(self):
        app = lab()
        async with TestClient(app.app, transports=("polling", "websocket")) as client:
            await client.connect()
            await client.call("echo", 1)
            for exchange in app.app.of("http"):
                assert exchange.sent[0]["status"] == 200
                assert exchange.sent[-1]["type"] == "http.response.body"

    async def test_a_websocket_that_is_refused_leaves_polling(self):
        app = lab()

        async def no_websockets(scope, receive, send):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1000})
            else:
                await app.app(scope, receive, send)

        async with TestClient(
            no_websockets, transports=("polling", "websocket"), timeout=2
        ) as client:
            await client.connect()
            assert client.transport == "polling"
            assert await client.call("echo", 1) == 1


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
