"""The server's session of a client, and the client's rooms."""
# ruff: noqa: PT012 (the block that raises has several statements)

import pytest
import socketio

from asgi_sio_testclient import NotConnected, TestClient


def new_server(**settings):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces=["/", "/chat"], **settings)

    @sio.event
    async def login(sid, name):
        async with sio.session(sid) as session:
            session["name"] = name

    @sio.event
    async def whoami(sid):
        return (await sio.get_session(sid)).get("name")

    @sio.event
    async def join(sid, room):
        await sio.enter_room(sid, room)

    @sio.event
    async def part(sid, room):
        await sio.leave_room(sid, room)

    @sio.on("join", namespace="/chat")
    async def join_chat(sid, room):
        await sio.enter_room(sid, room, namespace="/chat")

    @sio.on("whoami", namespace="/chat")
    async def whoami_in_chat(sid):
        return (await sio.get_session(sid, namespace="/chat")).get("name")

    return sio, socketio.ASGIApp(sio)


every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)


@every_transport
async def test_session_is_read_and_saved(transports):
    _, app = new_server()
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await client.call("login", "alice")
        async with client.session() as session:
            assert session == {"name": "alice"}
            session["name"] = "bob"
        assert await client.call("whoami") == "bob"


async def test_session_is_the_servers_own():
    sio, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        async with client.session() as session:
            session["name"] = "alice"
        assert await sio.get_session(client.sid) == {"name": "alice"}


async def test_session_of_each_namespace():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect("/", "/chat")
        async with client.session() as session:
            session["name"] = "alice"
        async with client.session("/chat") as session:
            assert session == {}
            session["name"] = "bob"
        assert await client.call("whoami") == "alice"
        assert await client.call("whoami", namespace="/chat") == "bob"


async def test_session_of_each_client():
    _, app = new_server()
    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        async with alice.session() as session:
            session["name"] = "alice"
        assert await bob.call("whoami") is None


async def test_session_is_saved_when_the_block_raises():
    """The session is saved as in `AsyncServer.session`, which saves after an exception, too."""
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        with pytest.raises(LookupError):
            async with client.session() as session:
                session["name"] = "alice"
                raise LookupError
        assert await client.call("whoami") == "alice"


@every_transport
async def test_rooms(transports):
    _, app = new_server()
    async with TestClient(app, transports=transports) as client:
        await client.connect("/", "/chat")
        assert client.rooms() == {client.sid}
        await client.call("join", "readers")
        await client.call("join", "writers")
        assert client.rooms() == {client.sid, "readers", "writers"}
        await client.call("part", "readers")
        assert client.rooms() == {client.sid, "writers"}
        assert client.rooms("/chat") == {client.get_sid("/chat")}
        await client.call("join", "talkers", namespace="/chat")
        assert client.rooms("/chat") == {client.get_sid("/chat"), "talkers"}


async def test_rooms_are_a_snapshot():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        rooms = client.rooms()
        assert isinstance(rooms, set)
        rooms.add("elsewhere")
        assert client.rooms() == {client.sid}


@pytest.mark.parametrize("namespace", [None, "/chat"])
async def test_session_and_rooms_need_a_connection(namespace):
    _, app = new_server()
    async with TestClient(app) as client:
        for connected in (False, True):
            if connected:
                await client.connect("/", "/chat")
                await client.disconnect()
            with pytest.raises(NotConnected):
                client.rooms(namespace)
            with pytest.raises(NotConnected):
                async with client.session(namespace):
                    pass
