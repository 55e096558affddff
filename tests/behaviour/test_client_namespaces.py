"""Several namespaces on one connection."""

import asyncio

import pytest
import socketio
from apps import Recorder, lab

from asgi_sio_testclient import ConnectionRefused, NotConnected, TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def app():
    return lab(namespaces=("/", "/chat", "/admin"))


async def test_all_namespaces_share_one_transport(app, transports):
    async with TestClient(app.app, transports=transports) as client:
        await client.connect("/", "/chat")
        await client.connect("/admin")
        sids = [client.get_sid(namespace) for namespace in ("/", "/chat", "/admin")]
        assert None not in sids
        assert len(set(sids)) == 3
        assert len(app.sio.eio.sockets) == 1
        assert [(ns, sid) for ns, sid, _ in app.journal.kinds("connect")] == [
            ("/", sids[0]),
            ("/chat", sids[1]),
            ("/admin", sids[2]),
        ]


async def test_only_a_namespace_not_the_root(app, transports):
    async with TestClient(app.app, transports=transports) as client:
        await client.connect("/chat")
        assert client.is_connected("/chat")
        assert not client.is_connected("/")
        assert not client.is_connected()
        assert client.sid is None
        assert client.get_sid("/chat")
        assert client.transport == transports[-1]
        assert await client.call("echo", 1, namespace="/chat") == 1
        with pytest.raises(NotConnected):
            await client.emit("echo")


async def test_joined_later_with_its_own_auth(app, transports):
    async with TestClient(app.app, transports=transports, auth={"for": "all"}) as client:
        await client.connect()
        await client.connect("/chat", auth={"for": "chat"})
        await client.connect("/admin")
    assert app.auths == [{"for": "all"}, {"for": "chat"}, {"for": "all"}]


async def test_events_and_answers_stay_in_their_namespace(app, transports):
    async with TestClient(app.app, transports=transports) as client:
        await client.connect("/", "/chat")
        await client.emit("reply", "chat", namespace="/chat")
        await client.emit("reply", "root")
        assert (await client.await_event("reply")).data == "root"
        assert (await client.await_event("reply", namespace="/chat")).data == "chat"
        assert await client.call("echo", 1, namespace="/chat") == 1
        await client.send("hi", namespace="/chat")
        assert (await client.await_event("message", namespace="/chat")).data == "hi"


class TestLeavingOne:
    async def test_by_the_client(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect("/", "/chat")
            await client.disconnect("/chat")
            assert app.disconnects == [("/chat", "client disconnect")]
            assert client.disconnect_reason == "client disconnect"
            assert not client.is_connected("/chat")
            assert client.get_sid("/chat") is None
            assert client.is_connected()
            with pytest.raises(NotConnected) as caught:
                await client.emit("echo", namespace="/chat")
            assert caught.value.reason == "client disconnect"
            assert await client.call("echo", 1) == 1
            await client.connect("/chat")
            assert await client.call("echo", 2, namespace="/chat") == 2
            assert client.disconnect_reason is None
        app.assert_released()

    async def test_by_the_server(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect("/", "/chat")
            await client.emit("kick", namespace="/chat")
            with pytest.raises(NotConnected) as caught:
                await client.await_event(namespace="/chat")
            assert caught.value.reason == "server disconnect"
            assert client.disconnect_reason == "server disconnect"
            assert not client.is_connected("/chat")
            assert client.is_connected()
            assert await client.call("echo", 1) == 1
        await app.journal.until("disconnect", 2)
        assert app.disconnects == [("/chat", "server disconnect"), ("/", "client disconnect")]
        app.assert_released()

    async def test_the_last_one_ends_the_connection(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect("/", "/chat")
            await client.disconnect("/")
            assert client.transport == transports[-1]
            await client.disconnect("/chat")
            assert client.transport is None
            assert app.disconnects == [
                ("/", "client disconnect"),
                ("/chat", "client disconnect"),
            ]
            app.assert_released()

    async def test_a_wait_on_another_namespace_goes_on(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect("/", "/chat")
            await client.emit("kick", namespace="/chat")
            with pytest.raises(NotConnected):
                await client.await_event(namespace="/chat")
            await client.emit("reply", "x")
            assert (await client.await_event("reply")).data == "x"

    async def test_disconnect_without_a_name_leaves_all(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect("/", "/chat", "/admin")
            await client.disconnect()
            assert sorted(app.disconnects) == [
                (namespace, "client disconnect") for namespace in ("/", "/admin", "/chat")
            ]
            for namespace in ("/", "/chat", "/admin"):
                assert not client.is_connected(namespace)


async def test_class_based_namespaces(transports):
    class Chat(socketio.AsyncNamespace):
        async def on_connect(self, sid, environ, auth):
            if auth != {"token": "ok"}:
                raise socketio.exceptions.ConnectionRefusedError("token?")
            await self.emit("welcome", to=sid)

        async def on_say(self, sid, text):
            await self.emit("said", text)
            return "heard"

    sio = socketio.AsyncServer(async_mode="asgi")
    sio.register_namespace(Chat("/chat"))
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        with pytest.raises(ConnectionRefused) as caught:
            await client.connect("/chat")
        assert caught.value.refusals == {"/chat": {"message": "token?"}}
        await client.connect("/chat", auth={"token": "ok"})
        assert (await client.await_event("welcome", namespace="/chat")).args == ()
        assert await client.call("say", "hi", namespace="/chat") == "heard"
        assert (await client.await_event("said", namespace="/chat")).data == "hi"


async def test_a_server_with_dynamic_namespaces(transports):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces="*")
    sio.on("echo", lambda namespace, sid, value: [namespace, value], namespace="*")
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect("/room-1", "/room/2")
        assert await client.call("echo", 1, namespace="/room-1") == ["/room-1", 1]
        assert await client.call("echo", 2, namespace="/room/2") == ["/room/2", 2]


async def test_two_servers_behind_one_app(transports):
    one, two = lab(socketio_path="one"), lab(socketio_path="two")

    async def app(scope, receive, send):
        chosen = two if scope.get("path", "").startswith("/two") else one
        await chosen.app(scope, receive, send)

    recorder = Recorder(app)
    async with (
        TestClient(recorder, transports=transports, socketio_path="one") as first,
        first.clone(socketio_path="two") as second,
    ):
        await first.connect()
        await second.connect()
        assert await first.call("echo", 1) == 1
        assert await second.call("echo", 2) == 2
        assert len(one.journal.kinds("connect")) == len(two.journal.kinds("connect")) == 1
    one.assert_released()
    two.assert_released()


async def calls_at_once(client, sio, first, second):
    """Return the results of two calls of `connect`, of which the second starts while a handler
    blocks the first.
    """
    entered, go_on = asyncio.Event(), asyncio.Event()

    @sio.on("connect", namespace="/slow")
    async def connect(sid, environ):
        entered.set()
        await go_on.wait()

    calls = [asyncio.create_task(client.connect(*first))]
    await entered.wait()
    calls.append(asyncio.create_task(client.connect(*second)))
    await asyncio.sleep(0)
    go_on.set()
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_two_calls_that_connect_at_once(transports):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces=["/", "/slow", "/fast"])
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        assert await calls_at_once(client, sio, ["/slow"], ["/fast"]) == [client, client]
        assert client.is_connected("/slow")
        assert client.is_connected("/fast")


async def test_a_refused_namespace_is_asked_for_again_meanwhile(transports):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces=["/", "/slow"])
    asked = []

    @sio.on("connect", namespace="/fast")
    async def connect(sid, environ):
        asked.append(sid)
        return len(asked) > 1

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        first, second = await calls_at_once(client, sio, ["/fast", "/slow"], ["/fast"])
        assert isinstance(first, ConnectionRefused)
        assert second is client
        assert client.is_connected("/fast")
