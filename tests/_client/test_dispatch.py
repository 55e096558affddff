"""What a client does with each Socket.IO packet: its state alone, without a connection."""

import asyncio
import contextlib

import pytest
import socketio

from asgi_sio_testclient import ConnectTimeout, NotConnected, ProtocolError, TestClient
from asgi_sio_testclient._client.acks import Ack
from asgi_sio_testclient._client.inbox import Waiter
from asgi_sio_testclient._client.pending_connect import PendingConnect
from asgi_sio_testclient._protocol.names import ALL


@contextlib.asynccontextmanager
async def entered(**options):
    """The state of a client that is entered, and not connected."""
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    async with TestClient(app, **options) as client:
        dispatcher = client._dispatcher
        yield dispatcher
        dispatcher.errors.unraised.clear()
        dispatcher.pending_connects.clear()


@pytest.fixture
async def dispatcher():
    async with entered() as dispatcher:
        yield dispatcher


def future():
    return asyncio.get_running_loop().create_future()


def ask(dispatcher, namespace="/"):
    """A CONNECT of that namespace, as it is sent."""
    pending = dispatcher.pending_connects[namespace] = PendingConnect(future())
    dispatcher.asked.add(namespace)
    return pending


def connect(dispatcher, *namespaces):
    """Sids are "/" and so on."""
    for namespace in namespaces:
        pending = ask(dispatcher, namespace)
        prefix = "" if namespace == "/" else f"{namespace},"
        dispatcher.session_message(f'0{prefix}{{"sid":"{namespace}"}}')
        assert pending.answer.done()
        del dispatcher.pending_connects[namespace]


def wait_for(dispatcher, event, namespace="/"):
    waiter = Waiter(event, namespace, None, future())
    dispatcher.inbox.add_waiter(waiter)
    return waiter.future


# -- CONNECT and its answer


async def test_a_connect_is_awaited_until_its_answer(dispatcher):
    pending = ask(dispatcher)
    assert dispatcher.awaits_connect()
    assert dispatcher.awaits_connect("/")
    assert not dispatcher.awaits_connect("/chat")
    dispatcher.session_message('0{"sid":"s1"}')
    assert not dispatcher.awaits_connect()
    assert dispatcher.sids == {"/": "s1"}
    assert pending.is_answered
    assert not pending.is_refused
    assert pending.answer.done()


@pytest.mark.parametrize("before", [False, True], ids=["never asked", "answered before"])
async def test_a_connect_that_nobody_asked_for_is_against_the_protocol(dispatcher, before):
    if before:
        ask(dispatcher, "/chat")
        dispatcher.session_message('0/chat,{"sid":"s1"}')
    with pytest.raises(ProtocolError, match="CONNECT for a namespace"):
        dispatcher.session_message('0/chat,{"sid":"s2"}')
    assert dispatcher.sids == ({"/chat": "s1"} if before else {})


async def test_a_refusal_has_its_data_and_connects_nothing(dispatcher):
    pending = ask(dispatcher)
    dispatcher.session_message('4{"message":"full"}')
    assert pending.is_refused
    assert pending.refusal == {"message": "full"}
    assert pending.answer.done()
    assert dispatcher.sids == {}
    dispatcher.session_message('4{"message":"late"}')
    assert pending.refusal == {"message": "full"}
    dispatcher.session_message('4/chat,{"message":"nobody asked"}')


async def test_handlers_of_the_test_see_the_answer_as_given(dispatcher):
    """What they ask the client is what the server has answered."""
    seen = []
    pending = ask(dispatcher)
    dispatcher.handlers.add("connect", lambda: seen.append(pending.is_answered), "/")
    dispatcher.session_message('0{"sid":"s1"}')
    pending = ask(dispatcher, "/chat")
    dispatcher.handlers.add("connect_error", lambda data: seen.append((data, pending)), "/chat")
    dispatcher.session_message('4/chat,{"message":"full"}')
    assert seen == [True, ({"message": "full"}, pending)]


# -- events and acks


async def test_an_event_is_unread_or_a_waiters(dispatcher):
    connect(dispatcher, "/")
    dispatcher.session_message('2["first",1,2]')
    assert [event.args for event in dispatcher.inbox.peek("/")] == [(1, 2)]
    waiting = wait_for(dispatcher, "second")
    dispatcher.session_message('2["second"]')
    number, event = waiting.result()
    assert (number, event.name, event.args, event.namespace) == (2, "second", (), "/")


async def test_an_event_that_a_handler_takes_is_not_unread(dispatcher):
    connect(dispatcher, "/")
    taken = []
    dispatcher.handlers.add("news", lambda *args: taken.append(args), "/")
    dispatcher.session_message('2["news",1,2]')
    dispatcher.session_message('27["news",3]')
    assert taken == [(1, 2), (3,)]
    assert dispatcher.inbox.peek(ALL) == []
    assert dispatcher.acks.unanswered == {}


async def test_an_event_that_wants_an_ack_and_has_no_handler_is_a_leak(dispatcher):
    connect(dispatcher, "/", "/chat")
    dispatcher.session_message('27["ask",1]')
    dispatcher.session_message('2/chat,0["ask"]')
    dispatcher.session_message('2["tell",1]')
    assert list(dispatcher.acks.unanswered) == [("/", 7), ("/chat", 0)]
    lines = dispatcher.leaks()
    assert lines[0].startswith("no ack given to the server's event 'ask' (namespace '/'): ")
    assert "(namespace '/chat')" in lines[1]
    assert dispatcher.leaks() == []


async def test_an_ack_ends_its_call_and_no_other(dispatcher):
    connect(dispatcher, "/", "/chat")
    acks = [Ack((namespace, 1), "ask", future(), None) for namespace in ("/", "/chat")]
    dispatcher.acks.pending = {ack.key: ack for ack in acks}
    dispatcher.session_message('32["nobody"]')
    dispatcher.session_message('3/chat,1["a","b"]')
    assert list(acks[1].future.result()) == ["a", "b"]
    assert not acks[0].future.done()
    assert dispatcher.leaks() == ["never acked by the server: event 'ask' (namespace '/')"]
    assert dispatcher.leaks() == []


async def test_an_ack_of_a_callback_calls_it_with_its_values(dispatcher):
    connect(dispatcher, "/")
    called = []
    dispatcher.acks.pending["/", 1] = Ack(("/", 1), "e", None, lambda *a: called.append(a))
    dispatcher.session_message('31["a","b"]')
    dispatcher.session_message('31["again"]')
    assert called == [("a", "b")]


async def test_an_ack_whose_call_was_cancelled_is_dropped(dispatcher):
    connect(dispatcher, "/")
    ack = Ack(("/", 1), "e", future(), None)
    ack.future.cancel()
    dispatcher.acks.pending["/", 1] = ack
    dispatcher.session_message('31["late"]')
    assert dispatcher.acks.pending == {}


# -- ends


async def test_a_disconnect_ends_the_waits_of_its_namespace(dispatcher):
    connect(dispatcher, "/", "/chat")
    waits = [wait_for(dispatcher, "e", namespace) for namespace in ("/", "/chat", ALL)]
    acks = [Ack((namespace, 1), "ask", future(), None) for namespace in ("/", "/chat")]
    dispatcher.acks.pending = {ack.key: ack for ack in acks}
    dispatcher.session_message("1/chat,")
    assert dispatcher.sids == {"/": "/"}
    assert dispatcher.disconnect_reason == "server disconnect"
    assert [wait.done() for wait in waits] == [False, True, False]
    assert [ack.future.done() for ack in acks] == [False, True]
    dispatcher.session_message("1")
    assert dispatcher.sids == {}
    assert all(wait.done() for wait in waits)
    for wait in (*waits, *(ack.future for ack in acks)):
        assert isinstance(wait.exception(), NotConnected)


async def test_waits_of_any_namespace_go_on_while_a_connect_is_unanswered(dispatcher):
    connect(dispatcher, "/")
    waiting = wait_for(dispatcher, "e", ALL)
    ask(dispatcher, "/chat")
    dispatcher.session_message("1")
    assert not waiting.done()
    dispatcher.session_message('0/chat,{"sid":"s"}')
    dispatcher.session_message('2/chat,["e"]')
    assert waiting.result()[1].namespace == "/chat"


async def test_a_disconnect_of_a_namespace_that_is_not_connected_changes_nothing(dispatcher):
    connect(dispatcher, "/")
    dispatcher.session_message("1/chat,")
    assert dispatcher.sids == {"/": "/"}
    assert dispatcher.disconnect_reason is None


@pytest.mark.parametrize("data", ["", '{"message":"no"}'], ids=["plain", "with data"])
async def test_a_disconnect_with_data_is_a_refusal_after_the_fact(dispatcher, data):
    pending = ask(dispatcher)
    dispatcher.session_message('0{"sid":"s"}')
    dispatcher.session_message(f"1{data}")
    assert pending.is_refused == bool(data)
    assert pending.refusal == ({"message": "no"} if data else None)


async def test_the_handler_of_a_disconnect_gets_the_reason(dispatcher):
    connect(dispatcher, "/", "/chat")
    reasons = []
    dispatcher.handlers.add("disconnect", reasons.append, "/chat")
    dispatcher.ended(ALL, "transport close", "the app closed it")
    assert reasons == ["transport close"]
    assert dispatcher.disconnect_detail == "the app closed it"


async def test_the_latest_twenty_session_ids_are_kept(dispatcher):
    for number in range(22):
        ask(dispatcher)
        dispatcher.session_message(f'0{{"sid":"s{number}"}}')
        dispatcher.session_message("1")
    assert dispatcher.former_sids == tuple(f"s{number}" for number in range(2, 22))


# -- errors of the app


@pytest.mark.parametrize("raises", [True, False])
async def test_an_exception_of_the_app_is_collected_and_raised_if_wanted(raises):
    error = LookupError("no order")
    async with entered(raise_app_exceptions=raises) as dispatcher:
        dispatcher.app_raised(error)
        assert dispatcher.errors.all == [error]
        assert dispatcher.errors.unraised == ([error] if raises else [])


async def test_an_exception_of_a_handler_of_the_test_is_named(dispatcher):
    connect(dispatcher, "/")

    def fail():
        raise LookupError("mine")

    dispatcher.handlers.add("news", fail, "/")
    dispatcher.session_message('2["news"]')
    (error,) = dispatcher.errors.of_test
    assert dispatcher.errors.unraised == [error]
    (note,) = error.__notes__
    assert note.startswith("raised by test_an_exception_of_a_handler_of_the_test_is_named")
    assert note.endswith("fail, a handler of this client (event 'news', namespace '/', sid '/')")


# -- what a call requires


async def test_the_error_without_a_connection_says_what_is_connected(dispatcher):
    assert str(dispatcher.not_connected("/")) == "not connected: connect() first"
    connect(dispatcher, "/chat", "/news")
    error = dispatcher.not_connected("/")
    assert str(error) == "not connected to namespace '/', only to '/chat', '/news'"
    dispatcher.ended(ALL, "transport close", "")
    error = dispatcher.not_connected("/")
    first = str(error).splitlines()[0]
    assert first == "not connected to namespace '/' any more: transport close"
    assert error.reason == "transport close"
    dispatcher.disconnect_detail = "the app closed it"
    first = str(dispatcher.not_connected(ALL)).splitlines()[0]
    assert first == "not connected to namespace '*' any more: transport close: the app closed it"


async def test_a_namespace_is_readable_once_it_was_asked_for(dispatcher):
    for namespace in ("/", ALL):
        with pytest.raises(NotConnected, match="connect"):
            dispatcher.require_readable(namespace)
    ask(dispatcher, "/chat")
    dispatcher.require_readable("/chat")
    dispatcher.require_readable(ALL)
    with pytest.raises(NotConnected):
        dispatcher.require_readable("/")


async def test_a_wait_needs_a_namespace_that_is_connected_or_asked_for(dispatcher):
    def refused():
        refused = []
        for namespace in ("/", "/chat", ALL):
            try:
                dispatcher.require_connected_or_connecting(namespace)
            except NotConnected:
                refused.append(namespace)
        return refused

    assert refused() == ["/", "/chat", ALL]
    ask(dispatcher, "/chat")
    assert refused() == ["/"]
    dispatcher.session_message('0/chat,{"sid":"s"}')
    assert refused() == ["/"]
    dispatcher.session_message("1/chat,")
    assert refused() == ["/", "/chat", ALL]


async def test_an_end_that_the_client_did_not_bring_about_fails_a_connect(dispatcher):
    session = object()
    dispatcher.session = session
    pending = ask(dispatcher)
    dispatcher.session_ended(object(), "transport close", None)
    assert not pending.answer.done(), "the end of another session"
    dispatcher.session_ended(session, "transport close", ConnectTimeout("x", 1.0, "y"))
    assert isinstance(pending.answer.exception(), ConnectTimeout)
    assert dispatcher.session is None
    assert dispatcher.ending == [session]
    dispatcher.session_over(session)
    dispatcher.session_over(session)
    assert dispatcher.ending == []
