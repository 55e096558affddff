"""An exception of the app fails the test, whichever part of the app raises it: in a wait, or when
the client's block ends.
"""
# ruff: noqa: PT012 (an exception at the end of a block needs the block)

import asyncio
import traceback
from dataclasses import dataclass

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, TestClient

# Seconds of the loop's clock (see idle_clock.py), fewer than a wait takes that ends by its timeout.
AT_ONCE = 4.0


class Boom(Exception):
    """Raised by apps under test; the tests compare instances by identity."""


def new_server(**settings):
    sio = socketio.AsyncServer(async_mode="asgi", **settings)
    return sio, socketio.ASGIApp(sio)


def raising(sio, error, event="boom", namespace=None):
    """Register a handler ``fail`` that raises `error`."""

    async def fail(sid, *args):
        raise error

    sio.on(event, fail, namespace=namespace)


# The sources of exceptions. Each source registers code that raises `error`, and returns the app, a
# function that causes the exception, and the words that its note must contain.


def from_handler(error):
    sio, app = new_server()
    raising(sio, error)
    return app, lambda client: client.emit("boom"), ("fail", "'boom'", "'/'")


def from_sync_handler(error):
    sio, app = new_server()

    @sio.event
    def boom(sid):
        raise error

    return app, lambda client: client.emit("boom"), ("boom", "'boom'", "'/'")


def from_handler_run_in_order(error):
    sio, app = new_server(async_handlers=False)
    raising(sio, error)
    return app, lambda client: client.emit("boom"), ("fail", "'boom'", "'/'")


def from_catch_all_event(error):
    sio, app = new_server()

    @sio.on("*")
    async def any_event(event, sid):
        raise error

    return app, lambda client: client.emit("boom"), ("any_event", "'boom'", "'/'")


def from_catch_all_namespace(error):
    sio, app = new_server()

    @sio.on("boom", namespace="*")
    async def any_namespace(namespace, sid):
        raise error

    return app, lambda client: client.emit("boom"), ("any_namespace", "'boom'", "'/'")


def from_catch_all_of_both(error):
    sio, app = new_server()

    @sio.on("*", namespace="*")
    async def anything(event, namespace, sid):
        raise error

    return app, lambda client: client.emit("boom"), ("anything", "'boom'", "'/'")


def from_namespace_class(error):
    sio, app = new_server()

    class Room(socketio.AsyncNamespace):
        async def on_boom(self, sid):
            raise error

    sio.register_namespace(Room("/"))
    return app, lambda client: client.emit("boom"), ("Room.on_boom", "'boom'", "'/'")


def from_own_trigger_event(error):
    sio, app = new_server()

    class Dispatcher(socketio.AsyncNamespace):
        async def trigger_event(self, event, *args):
            if event == "boom":
                raise error

    sio.register_namespace(Dispatcher("/"))
    return app, lambda client: client.emit("boom"), ("Dispatcher", "'boom'", "'/'")


def from_binary_event(error):
    sio, app = new_server()
    raising(sio, error)
    return app, lambda client: client.emit("boom", b"\x00\x01"), ("fail", "'boom'", "'/'")


def from_disconnect_handler(error):
    sio, app = new_server()
    raising(sio, error, "disconnect")
    return app, lambda client: client.disconnect("/"), ("fail", "'disconnect'", "'/'")


def from_disconnect_handler_after_a_lost_network(error):
    sio, app = new_server()
    raising(sio, error, "disconnect")
    return app, lambda client: client.abort(), ("fail", "'disconnect'", "'/'")


def from_ack_callback_of_the_app(error):
    sio, app = new_server()

    def acknowledged(*args):
        raise error

    @sio.event
    async def boom(sid):
        await sio.emit("question", to=sid, callback=acknowledged)

    async def answer(client):
        client.on("question", lambda: "answer")
        await client.emit("boom")

    return app, answer, ("'/'",)


def from_handler_of_the_client(error):
    sio, app = new_server()

    @sio.event
    async def boom(sid):
        await sio.emit("news", to=sid)

    async def listen(client):
        @client.on("news")
        def on_news():
            raise error

        await client.emit("boom")

    return app, listen, ("on_news", "'news'", "'/'")


def from_async_handler_of_the_client(error):
    sio, app = new_server()

    @sio.event
    async def boom(sid):
        await sio.emit("news", to=sid)

    async def listen(client):
        @client.on("news")
        async def on_news():
            raise error

        await client.emit("boom")

    return app, listen, ("on_news", "'news'", "'/'")


# In these sources the client has to answer the app first, and a closed client does not answer.
ROUND_TRIPS = [
    from_ack_callback_of_the_app,
    from_handler_of_the_client,
    from_async_handler_of_the_client,
]
SOURCES = [
    from_handler,
    from_sync_handler,
    from_handler_run_in_order,
    from_catch_all_event,
    from_catch_all_namespace,
    from_catch_all_of_both,
    from_namespace_class,
    from_own_trigger_event,
    from_binary_event,
    from_disconnect_handler,
    from_disconnect_handler_after_a_lost_network,
    *ROUND_TRIPS,
]


one_way_sources = pytest.mark.parametrize(
    "source",
    [source for source in SOURCES if source not in ROUND_TRIPS],
    ids=lambda source: source.__name__,
)
every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
both_transports = pytest.mark.parametrize("transport", ["websocket", "polling"])
# The server detects the abort of a polling client at its ping timeout only.
over_both_transports = pytest.mark.parametrize(
    ("source", "transport"),
    [
        pytest.param(
            source,
            transport,
            id=f"{source.__name__}-{transport}",
        )
        for source in SOURCES
        for transport in ("websocket", "polling")
        if (source, transport) != (from_disconnect_handler_after_a_lost_network, "polling")
    ],
)


@over_both_transports
async def test_raised_as_it_was_with_traceback_and_note(source, transport):
    error = Boom("in the app")
    app, provoke, note_says = source(error)

    async with TestClient(app, transports=(transport,)) as client:
        await client.connect()
        sid = client.sid
        with pytest.raises(Boom) as caught:
            await provoke(client)
            await client.settle()

        assert caught.value is error
        assert "test_app_errors.py" in "".join(traceback.format_tb(error.__traceback__)[-1:])
        assert len(error.__notes__) == 1
        for part in (*note_says, sid):
            assert part in error.__notes__[0]
        assert client.app_exceptions == [error]


@one_way_sources
async def test_raised_at_the_end_of_the_block_when_nobody_waited(source):
    error = Boom("in the app")
    app, provoke, _ = source(error)

    with pytest.raises(Boom) as caught:
        async with TestClient(app) as client:
            await client.connect()
            await provoke(client)

    assert caught.value is error


@pytest.mark.parametrize(
    "source",
    [pytest.param(source, id=source.__name__) for source in SOURCES],
)
async def test_collected_instead_when_asked_for(source):
    error = Boom("in the app")
    app, provoke, _ = source(error)

    async with TestClient(app, raise_app_exceptions=False) as client:
        await client.connect()
        await provoke(client)
        await client.settle()
        assert client.app_exceptions == [error]

    assert client.app_exceptions == [error]


@every_source
async def test_the_next_client_of_the_same_app_is_not_bothered(source):
    app, provoke, _ = source(Boom("in the app"))
    with pytest.raises(Boom):
        async with TestClient(app) as client:
            await client.connect()
            await provoke(client)
            await client.settle()

    async with TestClient(app, raise_app_exceptions=False) as client:
        await client.connect()
        assert client.app_exceptions == []


# -- connect handlers, and code around the server


@both_transports
async def test_connect_raises_what_the_connect_handler_raises(transport):
    error = Boom("not today")
    sio, app = new_server()
    raising(sio, error, "connect")

    async with TestClient(app, transports=(transport,)) as client:
        with pytest.raises(Boom) as caught:
            await client.connect()
        assert caught.value is error
        assert "fail" in error.__notes__[0]
        assert "'connect'" in error.__notes__[0]
        assert not client.is_connected()
    assert list(sio.manager.get_namespaces()) == []
    assert sio.manager.pending_connect == {}


async def test_connect_can_be_tried_again_after_a_handler_that_raised():
    sio, app = new_server()
    moods = [Boom("not today")]

    @sio.event
    async def connect(sid, environ):
        if moods:
            raise moods.pop()

    async with TestClient(app) as client:
        with pytest.raises(Boom):
            await client.connect()
        await client.connect()
        assert client.is_connected()


async def test_collected_connect_error_still_ends_connect_at_once():
    sio, app = new_server()
    error = Boom("not today")
    raising(sio, error, "connect")

    async with TestClient(app, raise_app_exceptions=False) as client:
        started = asyncio.get_running_loop().time()
        with pytest.raises(socketio.exceptions.ConnectionError, match="not today"):
            await client.connect()
        assert asyncio.get_running_loop().time() - started < AT_ONCE
        assert client.app_exceptions == [error]


@both_transports
async def test_middleware_around_the_server(transport):
    error = Boom("in the middleware")
    _, sio_app = new_server()

    async def middleware(scope, receive, send):
        if scope["type"] != "lifespan":
            raise error
        await sio_app(scope, receive, send)

    async with TestClient(middleware, transports=(transport,)) as client:
        with pytest.raises(Boom) as caught:
            await client.connect()
        assert caught.value is error


async def test_middleware_that_raises_after_the_handshake():
    error = Boom("in the middleware")
    _, sio_app = new_server()

    async def middleware(scope, receive, send):
        async def watch():
            message = await receive()
            if "boom" in (message.get("text") or ""):
                raise error
            return message

        await sio_app(scope, watch if scope["type"] == "websocket" else receive, send)

    async with TestClient(middleware) as client:
        await client.connect()
        await client.emit("boom")
        with pytest.raises((Boom, socketio.exceptions.DisconnectedError)):
            await client.await_event("answer")


async def test_app_that_raises_in_send():
    error = Boom("in send")
    _, sio_app = new_server()

    async def middleware(scope, receive, send):
        await sio_app(scope, receive, send)
        if scope["type"] == "websocket":
            raise error

    with pytest.raises(Boom) as caught:
        async with TestClient(middleware) as client:
            await client.connect()
    assert caught.value is error


# where the exception is raised


async def test_call_raises_at_once():
    sio, app = new_server()
    raising(sio, Boom("in the app"))
    async with TestClient(app) as client:
        await client.connect()
        started = asyncio.get_running_loop().time()
        with pytest.raises(Boom):
            await client.call("boom")
        assert asyncio.get_running_loop().time() - started < AT_ONCE


async def test_call_raises_the_error_of_its_own_run_only():
    sio, app = new_server()

    @sio.event
    async def order(sid, article):
        if article == "poison":
            raise Boom(article)
        await asyncio.sleep(0.02)
        return article

    async with TestClient(app) as client:
        await client.connect()
        outcomes = await asyncio.gather(
            client.call("order", "tea"),
            client.call("order", "poison"),
            client.call("order", "milk"),
            return_exceptions=True,
        )
    assert outcomes[0] == "tea"
    assert isinstance(outcomes[1], Boom)
    assert outcomes[2] == "milk"


@pytest.mark.parametrize(
    "wait",
    [
        lambda client: client.await_event("answer"),
        lambda client: client.await_events(2, "answer"),
        lambda client: client.settle(),
        lambda client: client.assert_not_received("answer"),
        lambda client: anext(client.events()),
        lambda client: client.connect("/other"),
    ],
    ids=["await_event", "await_events", "settle", "assert_not_received", "events", "connect"],
)
async def test_every_wait_raises_what_was_not_seen_yet(wait):
    sio, app = new_server(namespaces=["/", "/other"])

    @sio.event
    async def boom(sid):
        raise Boom("in the app")

    @sio.on("connect", namespace="/other")
    async def connect(sid, environ):
        await asyncio.sleep(0.02)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("boom")
        started = asyncio.get_running_loop().time()
        with pytest.raises(Boom):
            await wait(client)
        assert asyncio.get_running_loop().time() - started < AT_ONCE


async def test_a_handler_that_raises_later_ends_the_wait_then():
    sio, app = new_server()

    @sio.event
    async def boom(sid):
        await asyncio.sleep(0.05)
        raise Boom("in the app")

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("boom")
        with pytest.raises(Boom):
            await client.await_event("answer")


async def test_an_event_that_is_already_there_wins():
    sio, app = new_server()

    @sio.event
    async def order(sid):
        await sio.emit("ordered", to=sid)
        raise Boom("after the answer")

    with pytest.raises(Boom):
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("order")
            assert (await client.await_event("ordered")).name == "ordered"


async def test_an_error_is_raised_once():
    sio, app = new_server()
    raising(sio, Boom("in the app"))
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("boom")
        with pytest.raises(Boom):
            await client.settle()
        await client.settle()


async def test_a_cancellation_that_a_handler_raises_is_no_error():
    sio, app = new_server()

    def cancelled(sid):
        raise asyncio.CancelledError

    sio.on("cancelled", cancelled)
    sio.on("fine", lambda sid: "fine")
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("cancelled")
        await client.settle()
        assert await client.call("fine") == "fine"
    assert client.app_exceptions == []


async def test_the_client_goes_on_working_after_an_error():
    sio, app = new_server()
    raising(sio, Boom("in the app"))

    @sio.event
    async def echo(sid, text):
        return text

    async with TestClient(app) as client:
        await client.connect()
        with pytest.raises(Boom):
            await client.call("boom")
        assert await client.call("echo", "hi") == "hi"


# several exceptions, and the exception of the block


async def test_several_are_raised_as_a_group():
    sio, app = new_server()
    errors = [Boom("first"), KeyError("second")]
    raising(sio, errors[0], "one")
    raising(sio, errors[1], "two")

    with pytest.raises(ExceptionGroup) as caught:
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("one")
            await client.emit("two")

    assert list(caught.value.exceptions) == errors


async def test_a_group_holds_only_what_was_not_seen():
    sio, app = new_server()
    seen, unraised = Boom("seen"), Boom("unraised")
    raising(sio, seen, "one")
    raising(sio, unraised, "two")

    with pytest.raises(Boom) as caught:
        async with TestClient(app) as client:
            await client.connect()
            with pytest.raises(Boom):
                await client.call("one")
            await client.emit("two")

    assert caught.value is unraised


async def test_the_bodys_own_exception_wins():
    sio, app = new_server()
    raising(sio, Boom("in the app"), "one")
    raising(sio, KeyError("also"), "two")
    own = AssertionError("in the test")

    with pytest.raises(AssertionError) as caught:
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("one")
            await client.emit("two")
            raise own

    assert caught.value is own
    notes = "\n".join(own.__notes__)
    assert "Boom: in the app" in notes
    assert "KeyError: 'also'" in notes
    assert "'one'" in notes
    assert "'two'" in notes


async def test_cancellation_of_the_body_wins_too():
    sio, app = new_server()
    raising(sio, Boom("in the app"))
    entered = asyncio.Event()

    async def body():
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("boom")
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# exceptions that are only collected


async def test_waiting_goes_on_when_collected():
    sio, app = new_server()
    raising(sio, Boom("in the app"))

    @sio.event
    async def later(sid):
        await asyncio.sleep(0.05)
        await sio.emit("answer", to=sid)

    async with TestClient(app, raise_app_exceptions=False) as client:
        await client.connect()
        await client.emit("later")
        await client.emit("boom")
        assert (await client.await_event("answer")).name == "answer"
        assert [str(error) for error in client.app_exceptions] == ["in the app"]


async def test_collected_error_of_a_call_ends_it_at_once():
    sio, app = new_server()
    raising(sio, Boom("in the app"))
    async with TestClient(app, raise_app_exceptions=False) as client:
        await client.connect()
        started = asyncio.get_running_loop().time()
        with pytest.raises(EventTimeout) as caught:
            await client.call("boom")
        assert asyncio.get_running_loop().time() - started < AT_ONCE
        first_line = str(caught.value).splitlines()[0]
        assert "'boom'" in first_line
        assert "raised" in first_line
        assert "Boom" in first_line


async def test_collected_error_does_not_add_to_the_bodys_own():
    sio, app = new_server()
    raising(sio, Boom("in the app"))
    own = AssertionError("in the test")
    with pytest.raises(AssertionError) as caught:
        async with TestClient(app, raise_app_exceptions=False) as client:
            await client.connect()
            await client.emit("boom")
            raise own
    assert caught.value is own


# two clients on one app


async def test_each_error_reaches_the_client_whose_packet_caused_it():
    sio, app = new_server()

    @sio.event
    async def fail(sid, name):
        raise Boom(name)

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await alice.emit("fail", "alice")
        await bob.emit("fail", "bob")

        with pytest.raises(Boom) as caught:
            await bob.settle()
        assert caught.value.args == ("bob",)
        assert bob.app_exceptions == [caught.value]
        assert bob.get_sid() in caught.value.__notes__[0]
        with pytest.raises(Boom) as caught:
            await alice.settle()
        assert caught.value.args == ("alice",)
        assert alice.app_exceptions == [caught.value]


async def test_a_client_is_not_told_the_errors_of_another():
    sio, app = new_server()

    @sio.event
    async def news(sid, text):
        await sio.emit("news", text)
        raise Boom(text)

    with pytest.raises(Boom):
        async with TestClient(app) as alice, alice.clone() as bob:
            await alice.connect()
            await bob.connect()
            await alice.emit("news", "rain")
            assert (await bob.await_event("news")).data == "rain"
            await bob.settle()
            await bob.assert_not_received("news")
            assert bob.app_exceptions == []


async def test_two_clients_that_were_made_apart_share_one_app():
    sio, app = new_server()

    @sio.event
    async def fail(sid, name):
        raise Boom(name)

    async with TestClient(app) as alice, TestClient(app) as bob:
        await alice.connect()
        await bob.connect()
        await alice.emit("fail", "alice")
        await bob.settle()
        with pytest.raises(Boom) as caught:
            await alice.settle()
        assert caught.value.args == ("alice",)


async def test_a_client_handlers_error_is_its_own_clients():
    sio, app = new_server()

    @sio.event
    async def news(sid, text):
        await sio.emit("news", text)

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()

        @bob.on("news")
        def on_news(text):
            raise Boom(text)

        await alice.emit("news", "rain")
        await alice.settle()
        with pytest.raises(Boom) as caught:
            await bob.settle()
        assert caught.value.args == ("rain",)
        assert alice.app_exceptions == []


async def test_the_owner_raises_what_nobody_saw_of_its_clones():
    sio, app = new_server()

    @sio.event
    async def fail(sid, name):
        raise Boom(name)

    with pytest.raises(Boom) as caught:
        async with TestClient(app) as alice:
            bob = alice.clone()
            await bob.connect()
            await bob.emit("fail", "bob")
    assert caught.value.args == ("bob",)


async def test_the_http_side_raises_too():
    error = Boom("in a route")
    sio, _ = new_server()

    async def other(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        raise error

    async with TestClient(socketio.ASGIApp(sio, other)) as client:
        with pytest.raises(Boom) as caught:
            await client.http.get("/")
        assert caught.value is error


async def test_an_exception_that_takes_no_notes_is_raised_all_the_same():
    @dataclass(frozen=True)
    class Stubborn(Exception):
        article: str

    error = Stubborn("in the app")
    sio, app = new_server()
    raising(sio, error)
    async with TestClient(app) as client:
        await client.connect()
        with pytest.raises(Stubborn) as caught:
            await client.call("boom")
        assert caught.value is error
