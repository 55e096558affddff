"""The server behind an app is found, instrumented on the instance, and restored."""
# ruff: noqa: PT012 (an exception at the end of a block needs the block)

import asyncio
import functools
import sys

import engineio
import pytest
import socketio
from engineio.async_socket import AsyncSocket
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount

from asgi_sio_testclient import NotConnected, TestClient, TestClientError
from asgi_sio_testclient._server.find import is_entry


class Boom(Exception):
    """Raised by apps under test."""


def new_server(**settings):
    """Return a server whose handlers require instrumentation: one raises, the other does not
    answer.
    """
    sio = socketio.AsyncServer(async_mode="asgi", **settings)

    @sio.event
    async def boom(sid):
        raise Boom

    @sio.event
    async def work(sid):
        await asyncio.sleep(0.01)
        await sio.enter_room(sid, "workers")

    return sio


def handle_request(self):
    """The method of a fork of python-engineio: an entry of the server if `self` has the parts."""
    return is_entry(sys._getframe())


def test_a_frame_of_a_fork_is_an_entry_if_its_server_has_the_same_parts():
    assert handle_request(engineio.AsyncServer(async_mode="asgi"))
    assert not handle_request(object())
    assert not is_entry(sys._getframe())


# Each function wraps a server's app in an application, and returns it with its path.


def asgi_app(sio):
    return socketio.ASGIApp(sio), "socket.io"


def asgi_app_around_fastapi(sio):
    return socketio.ASGIApp(sio, FastAPI()), "socket.io"


def asgi_app_with_another_path(sio):
    return socketio.ASGIApp(sio, socketio_path="live/io"), "live/io"


def fastapi_mount(sio):
    app = FastAPI()
    app.mount("/ws", socketio.ASGIApp(sio, socketio_path="ws/socket.io"))
    return app, "/ws/socket.io"


def starlette_mount(sio):
    return Starlette(routes=[Mount("/ws", socketio.ASGIApp(sio, socketio_path=None))]), "/ws"


def mount_in_mount(sio):
    inner = Starlette(routes=[Mount("/b", socketio.ASGIApp(sio, socketio_path="a/b/socket.io"))])
    return Starlette(routes=[Mount("/a", inner)]), "/a/b/socket.io"


class PassThrough(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


def base_http_middleware(sio):
    app = Starlette(
        routes=[Mount("/ws", socketio.ASGIApp(sio, socketio_path="ws/socket.io"))],
        middleware=[Middleware(PassThrough)],
    )
    return app, "/ws/socket.io"


def fastapi_http_middleware(sio):
    app = FastAPI()

    @app.middleware("http")
    async def pass_through(request, call_next):
        return await call_next(request)

    app.mount("/ws", socketio.ASGIApp(sio, socketio_path="ws/socket.io"))
    return app, "/ws/socket.io"


def plain_function(sio):
    inner = socketio.ASGIApp(sio)

    async def app(scope, receive, send):
        await inner(scope, receive, send)

    return app, "socket.io"


def plain_class(sio):
    class App:
        __slots__ = ("_wrapped",)

        def __init__(self, wrapped):
            self._wrapped = wrapped

        async def __call__(self, scope, receive, send):
            await self._wrapped(scope, receive, send)

    return App(App(socketio.ASGIApp(sio))), "socket.io"


def partial(sio):
    async def app(sio_app, scope, receive, send):
        await sio_app(scope, receive, send)

    return functools.partial(app, socketio.ASGIApp(sio)), "socket.io"


def made_per_connection(sio):
    async def app(scope, receive, send):
        await socketio.ASGIApp(sio)(scope, receive, send)

    return app, "socket.io"


def bare_handle_request(sio):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await sio.handle_request(scope, receive, send)

    return app, "socket.io"


def task_per_connection(sio):
    inner = socketio.ASGIApp(sio)

    async def app(scope, receive, send):
        await asyncio.create_task(inner(scope, receive, send))

    return app, "socket.io"


def receive_wrapped(sio):
    inner = socketio.ASGIApp(sio)

    async def app(scope, receive, send):
        async def logged_receive():
            return await receive()

        async def logged_send(message):
            await send(message)

        await inner(scope, logged_receive, logged_send)

    return app, "socket.io"


def first_message_replayed(sio):
    """Read the first message before the connection is passed on."""
    inner = socketio.ASGIApp(sio)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await inner(scope, receive, send)
            return
        replay = [await receive()]

        async def receive_again():
            return replay.pop() if replay else await receive()

        await inner(scope, receive_again, send)

    return app, "socket.io"


def server_in_a_subclass(sio):
    class Shop(socketio.ASGIApp):
        async def __call__(self, scope, receive, send):
            await super().__call__(scope, receive, send)

    return Shop(sio), "socket.io"


WRAPPINGS = [
    asgi_app,
    asgi_app_around_fastapi,
    asgi_app_with_another_path,
    fastapi_mount,
    starlette_mount,
    mount_in_mount,
    base_http_middleware,
    fastapi_http_middleware,
    plain_function,
    plain_class,
    partial,
    made_per_connection,
    bare_handle_request,
    task_per_connection,
    receive_wrapped,
    first_message_replayed,
    server_in_a_subclass,
]


def pumped(sio):
    """Call the server in another task, so that it is not in the call stack of `receive()`."""
    inner = socketio.ASGIApp(sio)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await inner(scope, receive, send)
            return
        messages = asyncio.Queue()

        async def pump():
            while True:
                message = await receive()
                await messages.put(message)
                if message["type"].endswith(".disconnect"):
                    return

        task = asyncio.create_task(pump())
        try:
            await inner(scope, messages.get, send)
        finally:
            task.cancel()

    return app, "socket.io"


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_found_through(wrap, transport):
    sio = new_server()
    app, path = wrap(sio)
    async with TestClient(app, socketio_path=path, transports=(transport,)) as client:
        await client.connect()
        await client.emit("work")
        await client.settle()
        assert client.rooms() == {client.sid, "workers"}
        with pytest.raises(Boom):
            await client.call("boom")


class Branching(socketio.AsyncServer):
    """A server that passes its requests to another server."""

    branch = None

    async def handle_request(self, *args, **kwargs):
        return await self.branch.handle_request(*args, **kwargs)


async def test_the_server_that_a_server_hands_its_requests_to():
    server = Branching(async_mode="asgi")
    server.branch = new_server()
    async with TestClient(socketio.ASGIApp(server)) as client:
        await client.connect()
        await client.emit("work")
        await client.settle()
        assert client.rooms() == {client.sid, "workers"}


async def test_named_where_it_cannot_be_found():
    sio = new_server()
    app, path = pumped(sio)
    async with TestClient(app, socketio_path=path, server=sio) as client:
        await client.connect()
        await client.emit("work")
        await client.settle()
        assert client.rooms() == {client.sid, "workers"}
        with pytest.raises(Boom):
            await client.call("boom")


async def by_hand(scope, receive, send):
    """Accept a client without python-socketio, with as little of the protocol as possible."""
    if scope["type"] != "websocket":
        raise NotImplementedError
    await receive()
    await send({"type": "websocket.accept"})
    limits = '"pingInterval":25000,"pingTimeout":20000,"maxPayload":9'
    await send({"type": "websocket.send", "text": '0{"sid":"s","upgrades":[],' + limits + "}"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "40":
            await send({"type": "websocket.send", "text": '40{"sid":"t"}'})
        elif "echo" in (message.get("text") or ""):
            await send({"type": "websocket.send", "text": '42["echoed"]'})


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.settle(),
        lambda client: client.assert_not_received("news"),
        lambda client: client.session().__aenter__(),
        lambda client: client.rooms(),
    ],
    ids=["settle", "assert_not_received", "session", "rooms"],
)
async def test_what_needs_the_server_says_so(use):
    async with TestClient(by_hand) as client:
        await client.connect()
        with pytest.raises(TestClientError, match="server="):
            if (pending := use(client)) is not None:
                await pending
        assert client.is_connected()


async def test_what_does_not_need_the_server_works_without():
    async with TestClient(by_hand) as client:
        await client.connect()
        await client.emit("echo")
        assert (await client.await_event("echoed")).args == ()


async def test_a_server_that_the_app_does_not_use_is_noticed():
    app, _ = asgi_app(new_server())
    async with TestClient(app, server=new_server()) as client:
        with pytest.raises(TestClientError, match="server"):
            await client.connect()
            client.rooms()


async def test_several_servers_behind_one_app():
    shop, chat = new_server(), new_server()
    app = FastAPI()
    app.mount("/shop", socketio.ASGIApp(shop, socketio_path="shop/socket.io"))
    app.mount("/chat", socketio.ASGIApp(chat, socketio_path="chat/socket.io"))

    async with (
        TestClient(app, socketio_path="/shop/socket.io") as buyer,
        buyer.clone(socketio_path="/chat/socket.io") as talker,
    ):
        await buyer.connect()
        await talker.connect()
        await talker.emit("work")
        await talker.settle()
        assert buyer.rooms() == {buyer.sid}
        assert talker.rooms() == {talker.sid, "workers"}
        assert shop.rooms(buyer.sid) == [buyer.sid]
        with pytest.raises(Boom):
            await talker.call("boom")
        await buyer.settle()


async def test_settle_covers_every_server_behind_the_app():
    shop, chat = new_server(), new_server()
    app = FastAPI()
    app.mount("/shop", socketio.ASGIApp(shop, socketio_path="shop/socket.io"))
    app.mount("/chat", socketio.ASGIApp(chat, socketio_path="chat/socket.io"))

    @chat.event
    async def order(sid):
        await asyncio.sleep(0.05)
        await shop.emit("ordered")

    async with (
        TestClient(app, socketio_path="/shop/socket.io") as buyer,
        buyer.clone(socketio_path="/chat/socket.io") as talker,
    ):
        await buyer.connect()
        await talker.connect()
        await talker.emit("order")
        await buyer.settle()
        assert [event.name for event in buyer.get_received()] == ["ordered"]


# restored after the client


def state_of(sio):
    """Return all attributes of the three instances, with copies of dictionaries and lists."""

    def frozen(value):
        return value.copy() if isinstance(value, dict | list | set) else value

    return {
        name: {key: frozen(value) for key, value in vars(part).items()}
        for name, part in (("sio", sio), ("eio", sio.eio), ("manager", sio.manager))
    }


def left_as_found(sio, before):
    after = state_of(sio)
    # Attributes that every connection changes permanently.
    before["sio"]["manager_initialized"] = True
    before["eio"]["sequence_number"] = sio.eio.sequence_number
    assert after == before


@pytest.mark.parametrize("transports", [("websocket",), ("polling",), ("polling", "websocket")])
async def test_left_as_found(transports):
    sio = new_server()
    before = state_of(sio)
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        await client.emit("work")
        with pytest.raises(Boom):
            await client.call("boom")
        await client.settle()
    left_as_found(sio, before)


async def test_left_as_found_after_a_body_that_raised():
    sio = new_server()
    before = state_of(sio)
    with pytest.raises(LookupError):
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            raise LookupError
    left_as_found(sio, before)


async def test_left_as_found_after_a_refusal_and_after_a_connect_handler_that_raised():
    for outcome in (False, Boom()):
        sio = new_server()

        @sio.event
        async def connect(sid, environ, outcome=outcome):
            if outcome is False:
                return False
            raise outcome

        before = state_of(sio)
        async with TestClient(socketio.ASGIApp(sio)) as client:
            with pytest.raises((Boom, socketio.exceptions.ConnectionError)):
                await client.connect()
        left_as_found(sio, before)


async def test_instrumented_until_the_last_client_has_closed():
    sio = new_server()
    before = state_of(sio)
    app = socketio.ASGIApp(sio)
    async with TestClient(app) as first:
        await first.connect()
        async with TestClient(app) as second:
            await second.connect()
        with pytest.raises(Boom):
            await first.call("boom")
        await first.emit("work")
        await first.settle()
        assert "workers" in first.rooms()
    left_as_found(sio, before)


async def test_clients_that_leave_in_the_order_in_which_they_came():
    sio = new_server()
    before = state_of(sio)
    app = socketio.ASGIApp(sio)
    first, second = TestClient(app), TestClient(app)
    await first.__aenter__()
    await first.connect()
    await second.__aenter__()
    await second.connect()
    await first.__aexit__(None, None, None)
    with pytest.raises(Boom):
        await second.call("boom")
    await second.__aexit__(None, None, None)
    left_as_found(sio, before)


async def test_an_apps_own_override_goes_on_working_and_stays():
    sio = new_server()
    started = []
    original = sio.eio.start_background_task

    def start_background_task(target, *args, **kwargs):
        started.append(target)
        return original(target, *args, **kwargs)

    sio.eio.start_background_task = start_background_task
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.call("work")
    assert started
    assert sio.eio.start_background_task is start_background_task


@pytest.mark.parametrize("async_handlers", [True, False])
async def test_behaviour_is_the_same_while_instrumented(async_handlers):
    sio = new_server(async_handlers=async_handlers)
    manager, handlers, classes = sio.manager, dict(sio.handlers["/"]), (type(sio), type(sio.eio))
    of_engineio = sio.eio.async_handlers
    order = []

    @sio.event
    async def step(sid, seconds):
        await asyncio.sleep(seconds)
        order.append(seconds)

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.emit("step", 0.05)
        await client.emit("step", 0)
        await client.settle()
        assert order == ([0, 0.05] if async_handlers else [0.05, 0])
        assert sio.async_handlers is async_handlers
        assert sio.eio.async_handlers is of_engineio
        assert sio.manager is manager
        assert handlers.items() <= sio.handlers["/"].items()
        assert (type(sio), type(sio.eio)) == classes


async def test_background_tasks_of_the_app_return_a_task_and_their_result():
    sio = new_server()

    async def total(*numbers):
        return sum(numbers)

    @sio.event
    async def add(sid, *numbers):
        return await sio.start_background_task(total, *numbers)

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        assert await client.call("add", 1, 2, 3) == 6


def test_one_server_in_one_event_loop_after_the_other():
    sio = new_server()
    before = state_of(sio)

    async def once():
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.emit("work")
            await client.settle()
            assert "workers" in client.rooms()

    for _ in range(3):
        asyncio.run(once())
    left_as_found(sio, before)


def test_a_client_that_never_left_on_a_dead_loop_does_not_poison_the_next():
    sio = new_server()
    app = socketio.ASGIApp(sio)

    async def leave_it_open():
        client = TestClient(app)
        await client.__aenter__()
        await client.connect()
        return client

    async def use_it():
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("work")
            await client.settle()
            assert "workers" in client.rooms()
            with pytest.raises(Boom):
                await client.call("boom")

    loop = asyncio.new_event_loop()
    never_closed = loop.run_until_complete(leave_it_open())
    asyncio.run(use_it())

    # The loop runs again so that its pending tasks can be cancelled.
    remaining = asyncio.all_tasks(loop)
    while remaining:
        for task in remaining:
            task.cancel()
        _, remaining = loop.run_until_complete(asyncio.wait(remaining, timeout=0.1))
    loop.close()
    assert never_closed is not None


# with the Admin UI's instrumentation, which patches the same server


@pytest.fixture
def instrumented():
    """A server with `instrument()`, which also patches a class for the whole process."""
    saved = dict(vars(AsyncSocket))
    sio = new_server()
    instrumentation = sio.instrument(auth=False)
    yield sio, instrumentation
    for name in set(vars(AsyncSocket)) - set(saved):
        delattr(AsyncSocket, name)
    for name in ("handle_post_request", "_websocket_handler", "_send_ping"):
        setattr(AsyncSocket, name, saved[name])


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_under_instrument(instrumented, transport):
    sio, instrumentation = instrumented
    before = state_of(sio)
    async with TestClient(socketio.ASGIApp(sio), transports=(transport,)) as client:
        await client.connect()
        await client.emit("work")
        await client.settle()
        assert client.rooms() == {client.sid, "workers"}
        with pytest.raises(Boom):
            await client.call("boom")
    assert state_of(sio)["sio"].keys() == before["sio"].keys()
    assert sio._trigger_event == instrumentation._trigger_event
    assert vars(sio.eio).keys() - {"sequence_number"} == before["eio"].keys() - {"sequence_number"}


async def test_the_admin_itself_is_a_client_like_any_other(instrumented):
    sio, instrumentation = instrumented
    async with TestClient(socketio.ASGIApp(sio)) as client, client.clone() as admin:
        await client.connect()
        await admin.connect("/admin")
        await client.emit("work")
        await client.settle()
        assert await admin.await_event("config", namespace="/admin")
    # The Admin UI has a statistics task, which `shutdown` ends.
    if instrumentation.stats_task is not None:
        assert instrumentation.stats_task.done()


async def test_instrumented_by_others_while_instrumented_here():
    saved = dict(vars(AsyncSocket))
    sio = new_server()
    try:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.disconnect()
            sio.instrument(auth=False)
            await client.connect()
            with pytest.raises(Boom):
                await client.call("boom")
            await client.emit("work")
            await client.settle()
            assert "workers" in client.rooms()
    finally:
        for name in set(vars(AsyncSocket)) - set(saved):
            delattr(AsyncSocket, name)
        for name in ("handle_post_request", "_websocket_handler", "_send_ping"):
            setattr(AsyncSocket, name, saved[name])


async def test_rooms_of_an_unjoined_namespace():
    sio = new_server(namespaces=["/", "/chat"])
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        with pytest.raises(NotConnected):
            client.rooms("/chat")
