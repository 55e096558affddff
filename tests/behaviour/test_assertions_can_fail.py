"""An assertion that could never fail raises an error: on a client that has not connected, in a
namespace that was never connected, with a name or a predicate that matches nothing or everything.
"""

import enum

import pytest
import socketio
from apps import lab

from asgi_sio_testclient import NotConnected, SyncTestClient, TestClient, UnexpectedEvent

CHAT = "/chat"


class Plain(enum.Enum):
    SAID = "said"


class Text(enum.StrEnum):
    SAID = "reply"


NO_NAMES = pytest.mark.parametrize("name", [Plain.SAID, b"said", ["said"], 5], ids=repr)
READERS = pytest.mark.parametrize("read", ["assert_not_received", "get_received"])


@pytest.fixture
def built():
    return lab(namespaces=("/", CHAT))


async def read_by(client, read, namespace=None):
    if read == "get_received":
        return client.get_received(namespace)
    return await client.assert_not_received("said", namespace=namespace)


class TestWhereNothingCanArrive:
    @READERS
    @pytest.mark.parametrize("namespace", [None, "/", CHAT, "*"])
    async def test_before_connect(self, built, transports, read, namespace):
        async with TestClient(built.app, transports=transports) as client:
            with pytest.raises(NotConnected, match=r"connect\(\) first"):
                await read_by(client, read, namespace)

    @READERS
    async def test_a_clone_that_was_not_read(self, built, transports, read):
        async with TestClient(built.app, transports=transports) as ada, ada.clone() as bob:
            await ada.connect(CHAT)
            await ada.emit("shout", "hello", namespace=CHAT)
            with pytest.raises(NotConnected, match=r"connect\(\) first"):
                await read_by(bob, read)
            with pytest.raises(UnexpectedEvent):
                await ada.assert_not_received("shout", namespace=CHAT)

    @READERS
    async def test_in_a_namespace_that_was_never_joined(self, built, transports, read):
        async with TestClient(built.app, transports=transports) as client:
            await client.connect(CHAT)
            with pytest.raises(NotConnected, match="only to '/chat'"):
                await read_by(client, read)
            with pytest.raises(NotConnected, match="only to '/chat'"):
                await read_by(client, read, "/never")

    @READERS
    async def test_without_its_slash(self, built, transports, read):
        async with TestClient(built.app, transports=transports) as client:
            await client.connect(CHAT)
            with pytest.raises(ValueError, match="did you mean '/chat'"):
                await read_by(client, read, "chat")
            with pytest.raises(TypeError, match="namespace is"):
                await read_by(client, read, 5)

    async def test_the_stream_of_events(self, built, transports):
        async with TestClient(built.app, transports=transports) as client:
            await client.connect(CHAT)
            with pytest.raises(NotConnected, match="only to '/chat'"):
                _ = [event async for event in client.events()]

    @READERS
    async def test_what_was_joined_stays_readable(self, built, transports, read):
        async with TestClient(built.app, transports=transports) as client:
            await client.connect("/", CHAT)
            await client.emit("shout", "hello", namespace=CHAT)
            await client.settle()
            await client.disconnect(CHAT)
            if read == "assert_not_received":
                with pytest.raises(UnexpectedEvent):
                    await client.assert_not_received("shout", namespace=CHAT)
            assert [event.name for event in client.get_received(CHAT)] == ["shout"]
            await client.disconnect()
            await read_by(client, read)
            await read_by(client, read, "*")

    async def test_what_a_connect_handler_sent_before_it_refused(self, built, transports):
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def connect(sid, environ):
            await sio.emit("secret", to=sid)
            return False

        async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
            with pytest.raises(socketio.exceptions.ConnectionError):
                await client.connect()
            with pytest.raises(UnexpectedEvent):
                await client.assert_not_received("secret")

    async def test_a_client_that_is_entered_again_starts_anew(self, built, transports):
        client = TestClient(built.app, transports=transports)
        async with client:
            await client.connect()
        assert client.get_received() == []
        async with client:
            with pytest.raises(NotConnected):
                client.get_received()

    async def test_entering_a_connected_clone_keeps_its_events(self, built, transports):
        async with TestClient(built.app, transports=transports) as client:
            other = await client.clone().connect()
            async with other:
                assert other.get_received() == []

    def test_in_the_sync_client(self, built):
        with SyncTestClient(built.app) as client:
            with pytest.raises(NotConnected):
                client.get_received("*")
            with pytest.raises(NotConnected):
                client.assert_not_received()
            client.connect(CHAT)
            with pytest.raises(NotConnected, match="only to '/chat'"):
                list(client.events())


class TestNames:
    @NO_NAMES
    async def test_an_event_is_a_str(self, built, name):
        async with TestClient(built.app) as client:
            await client.connect()
            for call in (
                lambda: client.emit(name),
                lambda: client.call(name),
                lambda: client.await_event(name),
                lambda: client.await_events(2, name),
                lambda: client.assert_not_received(name),
            ):
                with pytest.raises(TypeError, match="event is"):
                    await call()
            with pytest.raises(TypeError, match="event is"):
                client.on(name, print)

    async def test_a_str_of_another_class_is_one(self, built):
        async with TestClient(built.app) as client:
            await client.connect()
            await client.emit(Text.SAID)
            assert (await client.await_event(Text.SAID)).name == "reply"
            await client.assert_not_received(Text.SAID)

    @pytest.mark.parametrize("name", ["connect", "connect_error", "disconnect"])
    async def test_reserved_ones_are_not_sent(self, built, name):
        async with TestClient(built.app) as client:
            await client.connect()
            for call in (client.emit, client.call):
                with pytest.raises(ValueError, match="a reserved name"):
                    await call(name)
            assert [entry.event for entry in client.transcript if entry.event] == []

    async def test_a_namespace_begins_with_a_slash(self, built):
        async with TestClient(built.app) as client:
            await client.connect()
            for call in (
                lambda: client.on("said", print, namespace="chat"),
                lambda: client.is_connected("chat"),
                lambda: client.get_sid("chat"),
                lambda: client.rooms("chat"),
                lambda: client.session("chat"),
            ):
                with pytest.raises(ValueError, match="did you mean '/chat'"):
                    call()
            for wait in (
                lambda: client.emit("said", namespace="chat"),
                lambda: client.call("said", namespace="chat"),
                lambda: client.await_event("said", namespace="chat"),
                lambda: client.disconnect("chat"),
                lambda: client.connect("chat"),
            ):
                with pytest.raises(ValueError, match="did you mean '/chat'"):
                    await wait()
            with pytest.raises(ValueError, match="pass the names of namespaces"):
                await client.connect("*")


class TestPredicates:
    async def test_an_async_one_would_take_everything(self, built):
        async def fits(event):
            """Never awaited."""

        async with TestClient(built.app) as client:
            await client.connect()
            for match in (fits, Fits(), lambda event: Awaitable()):
                await client.emit("reply", 1)
                await client.settle()
                with pytest.raises(TypeError, match="match is async"):
                    await client.await_event(match=match)
                with pytest.raises(TypeError, match="match is async"):
                    await client.assert_not_received(match=match)

    async def test_an_async_one_in_a_wait(self, built):
        async with TestClient(built.app) as client:
            await client.connect()
            await client.emit("reply", 1)
            with pytest.raises(TypeError, match="match is async"):
                await client.await_event(match=Fits())
            assert len(client.get_received()) == 1

    async def test_one_may_read_the_inbox_itself(self, built):
        async with TestClient(built.app) as client:
            await client.connect()
            await client.call("burst", 4)
            await client.settle()
            seen = []

            def fits(event):
                seen.extend(client.get_received())
                return True

            await client.emit("reply", "later")
            # Events that the predicate has read are not returned again.
            assert (await client.await_event(match=fits)).data == "later"
            assert [event.data for event in seen] == [0, 1, 2, 3]

    async def test_one_may_read_while_it_waits(self, built):
        async with TestClient(built.app) as client:
            await client.connect()
            await client.emit("burst", 2)
            event = await client.await_event(match=lambda event: client.get_received() or True)
            assert event.data == 0


class Awaitable:
    def __await__(self):
        """Never awaited."""


class Fits:
    """An async callable that the inspection of functions does not recognise as async."""

    async def __call__(self, event):
        """Never awaited."""
