"""clone() returns another client of the same running app."""

import pytest
from apps import lab

from asgi_sio_testclient import TestClient, TestClientError

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def app():
    return lab(namespaces=("/", "/chat"))


async def test_a_clone_is_a_separate_client(app, transports):
    async with TestClient(app.app, transports=transports) as ann:
        bob = ann.clone()
        assert isinstance(bob, TestClient)
        assert bob is not ann
        await ann.connect()
        assert not bob.is_connected()
        await bob.connect()
        assert bob.sid not in (None, ann.sid)
        assert bob.transport == transports[-1]
        await ann.call("burst", 1)
        assert bob.get_received() == []
        await bob.disconnect()
        assert await ann.call("echo", 1) == 1
    app.assert_released()


async def test_usable_at_once_and_closed_with_the_first(app, transports):
    async with TestClient(app.app, transports=transports) as ann:
        bob = ann.clone()
        await bob.connect("/", "/chat")
        assert await bob.call("echo", 1) == 1
    assert not bob.is_connected()
    assert sorted(app.disconnects) == [
        ("/", "client disconnect"),
        ("/chat", "client disconnect"),
    ]
    app.assert_released()


async def test_with_a_block_of_its_own_it_leaves_at_its_end(app, transports):
    async with TestClient(app.app, transports=transports) as ann:
        await ann.connect()
        async with ann.clone() as bob:
            await bob.connect()
        assert app.disconnects == [("/", "client disconnect")]
        assert not bob.is_connected()
        assert ann.is_connected()
        assert await ann.call("echo", 1) == 1
        assert len(app.app.of("lifespan")) == 1
    app.assert_released()


async def test_a_clone_of_a_clone(app):
    async with TestClient(app.app) as ann:
        eve = ann.clone().clone()
        await eve.connect()
        assert await eve.call("echo", 1) == 1
    app.assert_released()


async def test_a_clone_keeps_the_settings(app):
    async with TestClient(
        app.app,
        transports=("polling",),
        auth={"who": "all"},
        headers={"x-tag": "1"},
        base_url="http://chat.example",
        root_path="/sub",
    ) as ann:
        bob = ann.clone()
        await bob.connect(timeout=5)
        assert bob.transport == "polling"
    assert app.auths == [{"who": "all"}]
    exchange = app.app.handshake
    assert exchange.header("x-tag") == "1"
    assert exchange.header("host") == "chat.example"
    assert exchange.scope["root_path"] == "/sub"


async def test_overrides(app):
    async with TestClient(app.app, auth={"who": "ann"}) as ann:
        bob = ann.clone(
            auth={"who": "bob"}, transports=("polling",), headers={"x-tag": "bob"}, timeout=0.02
        )
        await bob.connect(timeout=5)
        assert bob.transport == "polling"
        with pytest.raises(TimeoutError):
            await bob.await_event("never")
        await ann.connect()
        assert ann.transport == "websocket"
    assert app.auths == [{"who": "bob"}, {"who": "ann"}]
    assert app.app.handshake.header("x-tag") == "bob"
    assert app.app.of("websocket")[0].header("x-tag") is None


async def test_a_clone_has_its_own_cookies(app, transports):
    async with TestClient(app.app, cookies={"user": "ann"}, transports=transports) as ann:
        bob = ann.clone()
        eve = ann.clone(cookies={"user": "eve"})
        for client in (ann, bob, eve):
            await client.connect()
        jars = [environ.get("HTTP_COOKIE") for environ in app.environs.values()]
        assert jars == ["user=ann", None, "user=eve"]
        bob.cookies.set("user", "bob")
        assert ann.cookies["user"] == "ann"
        assert eve.cookies["user"] == "eve"
        assert bob.http is not ann.http


async def test_outside_the_block_there_is_no_running_app_to_share(app):
    ann = TestClient(app.app)
    bob = ann.clone()
    with pytest.raises(TestClientError):
        await bob.connect()
    async with ann:
        pass
    with pytest.raises(TestClientError):
        await ann.clone().connect()
