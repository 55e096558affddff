"""The end of a connection: what the app's handlers receive, and which reason the client has."""

import asyncio

import pytest
from apps import WAIT, Gate, lab

from asgi_sio_testclient import NotConnected, TestClient, TestClientError

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def app():
    return lab()


def assert_ended(client):
    assert not client.is_connected()
    assert client.sid is None
    assert client.transport is None


class TestByTheClient:
    async def test_the_apps_handler_has_ended_when_disconnect_returns(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            await client.disconnect()
            assert app.disconnects == [("/", "client disconnect")]
            assert client.disconnect_reason == "client disconnect"
            assert_ended(client)
        app.assert_released()

    async def test_also_a_slow_one(self, transports):
        app = lab()
        ended = []

        @app.sio.on("disconnect")
        async def disconnect(sid, reason):
            await asyncio.sleep(0.05)
            ended.append(reason)

        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            await client.disconnect()
            assert ended == ["client disconnect"]

    async def test_the_exit_sends_a_disconnect(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
        assert app.disconnects == [("/", "client disconnect")]
        assert client.disconnect_reason == "client disconnect"
        assert_ended(client)
        app.assert_released()

    async def test_leaving_it_with_an_error_does_too(self, app, transports):
        async def fail():
            async with TestClient(app.app, transports=transports) as client:
                await client.connect()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert app.disconnects == [("/", "client disconnect")]
        app.assert_released()

    async def test_twice_is_once(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            await client.disconnect()
            await client.disconnect()
        assert app.disconnects == [("/", "client disconnect")]

    async def test_never_connected_is_nothing_to_do(self, app):
        async with TestClient(app.app) as client:
            await client.disconnect()
            assert client.disconnect_reason is None
        assert app.journal == []

    async def test_handlers_of_the_old_form(self, transports):
        app = lab()
        seen = []

        @app.sio.on("disconnect")
        async def disconnect(sid):
            seen.append(sid)

        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            sid = client.sid
            await client.disconnect()
            assert seen == [sid]

    async def test_what_was_emitted_just_before_is_handled(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            for number in range(20):
                await client.emit("keep", number)
            await client.disconnect()
            assert app.journal.kinds("keep") == [(number,) for number in range(20)]

    async def test_others_hear_of_it(self, transports):
        app = lab()

        @app.sio.on("disconnect")
        async def disconnect(sid, reason):
            await app.sio.emit("left", sid)

        async with TestClient(app.app, transports=transports) as ann, ann.clone() as bob:
            await ann.connect()
            await bob.connect()
            sid = bob.sid
            await bob.disconnect()
            assert (await ann.await_event("left")).data == sid

    async def test_a_wait_of_another_task_ends_at_once(self, app, transports):
        async with TestClient(app.app, transports=transports, timeout=30) as client:
            await client.connect()
            waits = [
                asyncio.ensure_future(client.await_event("never")),
                asyncio.ensure_future(client.await_events(2, "never")),
                asyncio.ensure_future(client.await_event(namespace="*")),
            ]
            await asyncio.sleep(0)
            await client.disconnect()
            for wait in waits:
                with pytest.raises(NotConnected) as caught:
                    await asyncio.wait_for(wait, WAIT)
                assert caught.value.reason == "client disconnect"

    async def test_a_handler_that_runs_on_is_let_end(self, app, transports):
        """The handler's ack has no receiver, which is no error."""
        gate = Gate()
        ended = []

        @app.sio.on("work")
        async def work(sid):
            await gate.pass_through()
            ended.append(sid)
            return "done"

        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            await client.emit("work")
            await gate.somebody_waits()
            asyncio.get_running_loop().call_later(0.02, gate.opened.set)
        assert len(ended) == 1
        app.assert_released()


class TestByTheServer:
    async def test_of_the_namespace(self, app, transports):
        async with TestClient(app.app, transports=transports, timeout=WAIT) as client:
            await client.connect()
            await client.emit("kick")
            with pytest.raises(NotConnected) as caught:
                await client.await_event("never")
            assert caught.value.reason == "server disconnect"
            assert client.disconnect_reason == "server disconnect"
            assert_ended(client)
            await app.journal.until("disconnect")
            assert app.disconnects == [("/", "server disconnect")]
        assert app.disconnects == [("/", "server disconnect")]
        app.assert_released()

    async def test_of_the_session(self, app, transports):
        async with TestClient(app.app, transports=transports, timeout=WAIT) as client:
            await client.connect()
            await client.emit("drop")
            with pytest.raises(NotConnected) as caught:
                await client.await_event("never")
            assert caught.value.reason == "server disconnect"
            assert_ended(client)
        assert app.disconnects == [("/", "server disconnect")]
        app.assert_released()

    async def test_afterwards_everything_says_not_connected(self, app, transports):
        async with TestClient(app.app, transports=transports, timeout=WAIT) as client:
            await client.connect()
            await client.emit("kick")
            with pytest.raises(NotConnected):
                await client.await_event("never")
            for use in (
                client.emit("echo"),
                client.call("echo"),
                client.send("echo"),
                client.await_event(),
                client.await_events(1),
            ):
                with pytest.raises(NotConnected) as caught:
                    await use
                assert caught.value.reason == "server disconnect"
                assert "server disconnect" in str(caught.value)
            await client.connect()
            assert await client.call("echo", 1) == 1

    async def test_in_the_connect_handler(self, transports):
        app = lab()

        @app.sio.on("connect")
        async def connect(sid, environ):
            await app.sio.emit("sorry", to=sid)
            await app.sio.eio.disconnect(app.sio.manager.eio_sid_from_sid(sid, "/"))

        async with TestClient(app.app, transports=transports, timeout=WAIT) as client:
            async with asyncio.timeout(WAIT):
                with pytest.raises(TestClientError):
                    await client.connect()
            assert_ended(client)

    async def test_a_message_that_is_too_large(self, transports):
        app = lab(max_http_buffer_size=1000)
        async with TestClient(app.app, transports=transports, timeout=WAIT) as client:
            await client.connect()
            with pytest.raises(NotConnected) as caught:
                await client.call("echo", "x" * 2000)
            assert caught.value.reason
            assert client.disconnect_reason == caught.value.reason
            assert_ended(client)
        if transports[-1] == "websocket":
            assert app.disconnects == [("/", "transport close")]
        app.assert_released()


class TestAbort:
    async def test_the_app_learns_what_it_would_of_a_lost_network(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            await client.abort()
            assert_ended(client)
            assert client.disconnect_reason == "transport close"
            await app.journal.until("disconnect")
            reason = "ping timeout" if transports == ("polling",) else "transport close"
            assert app.disconnects == [("/", reason)]
        app.assert_released()

    async def test_nothing_is_said(self, app):
        async with TestClient(app.app) as client:
            await client.connect()
            await client.abort()
            await app.journal.until("disconnect")
        [websocket] = app.app.of("websocket")
        last = websocket.received[-1]
        assert last["type"] == "websocket.disconnect"
        assert last["code"] == 1005
        assert "reason" not in last
        texts = [message.get("text") for message in websocket.received]
        assert "41" not in texts
        assert "1" not in texts

    async def test_the_client_connects_again(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            await client.abort()
            await client.connect()
            assert await client.call("echo", 1) == 1

    async def test_events_received_before_stay(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            await client.call("burst", 2)
            await client.abort()
            assert [event.data for event in client.get_received()] == [0, 1]

    async def test_twice_or_never_connected_is_nothing_to_do(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.abort()
            await client.connect()
            await client.abort()
            await client.abort()


class TestDisconnectPackets:
    async def test_websocket(self, app):
        async with TestClient(app.app) as client:
            await client.connect()
            await client.disconnect()
        [websocket] = app.app.of("websocket")
        texts = [message.get("text") for message in websocket.received]
        assert "41" in texts
        last = websocket.received[-1]
        assert last["type"] == "websocket.disconnect"
        assert last["code"] == 1000
        assert last["reason"] == ""

    async def test_polling(self, app):
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            await client.disconnect()
        posts = [e for e in app.app.of("http") if e.scope["method"] == "POST"]
        bodies = [m["body"] for e in posts for m in e.received if m["type"] == "http.request"]
        assert b"41" in bodies[-1].split(b"\x1e")
        assert b"1" in bodies[-1].split(b"\x1e")
        starts = [m for e in app.app.of("http") for m in e.sent if "status" in m]
        assert [start["status"] for start in starts] == [200] * len(app.app.of("http"))
