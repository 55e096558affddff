"""The handlers that an app has registered, and the handler that a packet starts."""

import pytest
import socketio

from asgi_sio_testclient._server.handlers import Handlers


class Chat(socketio.AsyncNamespace):
    """A class-based namespace with one event."""

    def on_say(self, sid):
        """Never called."""


class AnyEvent(socketio.AsyncNamespace):
    """A class-based namespace that has its own dispatch."""

    async def trigger_event(self, event, *args):
        """Never called."""


def order(sid):
    """Never called."""


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


@pytest.fixture
def handlers(sio):
    sio.on("order", order)
    sio.on("connect", order)
    sio.register_namespace(Chat("/chat"))
    sio.register_namespace(AnyEvent("/any"))
    return Handlers(sio)


@pytest.mark.parametrize(
    ("event", "namespace", "name"),
    [
        ("order", "/", "order"),
        ("other", "/", ""),
        ("order", "/chat", ""),
        ("say", "/chat", "Chat.on_say"),
        ("other", "/chat", ""),
        ("other", "/any", "AnyEvent"),
        ("order", "/elsewhere", ""),
    ],
)
def test_the_handler_that_the_server_would_call(handlers, event, namespace, name):
    assert handlers.has_handler(event, namespace) is bool(name)
    assert handlers.handler_name(event, namespace).endswith(name)
    assert bool(handlers.handler_name(event, namespace)) is bool(name)


def test_the_source_of_a_handler(sio, handlers):
    line = order.__code__.co_firstlineno
    assert handlers.handler_source("order", "/") == f"test_server_handlers.py:{line}"
    assert handlers.handler_source("say", "/chat").startswith("test_server_handlers.py:")
    sio.on("builtin", print)
    assert handlers.handler_source("builtin", "/") == ""


def test_a_catch_all_handles_any_event_but_those_of_connections(sio):
    sio.on("*", order)
    handlers = Handlers(sio)
    assert handlers.has_handler("any", "/")
    assert not handlers.has_handler("disconnect", "/")
    assert not handlers.has_handler("any", "/chat")


def test_events_are_those_that_an_app_has_a_name_for(sio, handlers):
    sio.on("*", order, namespace="/chat")
    sio.on("everywhere", order, namespace="*")
    assert handlers.known_events("/") == {"order", "everywhere"}
    assert handlers.known_events("/chat") == {"say", "everywhere"}
    assert handlers.known_events("/nowhere") == {"everywhere"}


@pytest.mark.parametrize(
    ("event", "handles"), [("order", False), ("connect", False), ("disconnect", True)]
)
def test_code_of_the_app_runs_at_a_disconnect_if_it_has_a_handler(sio, event, handles):
    assert not Handlers(sio).handle_disconnects
    sio.on(event, order, namespace="/chat")
    assert Handlers(sio).handle_disconnects is handles


def test_a_class_based_namespace_may_handle_disconnects(handlers):
    assert handlers.handle_disconnects


def test_a_server_without_socket_io_has_none():
    handlers = Handlers(None)
    assert handlers.find("order", "/") is None
    assert not handlers.has_handler("order", "/")
    assert handlers.handler_name("order", "/") == handlers.handler_source("order", "/") == ""
    assert handlers.known_events("/") == handlers.known_namespaces() == set()
    assert handlers.handle_disconnects
    assert handlers.started_by("eio", "0") is None


# -- which handler a packet starts in the server's own call


@pytest.mark.parametrize(
    ("data", "started"),
    [
        ("0", ("connect", "/", None, None)),
        ('0{"token":"secret"}', ("connect", "/", None, None)),
        ("0/chat,", None),
        ("0/any,", ("connect", "/any", None, None)),
        ("1", None),
        ("1/any,", ("disconnect", "/any", None, None)),
        ('2["order"]', ("order", "/", None, None)),
        ('27["order"]', ("order", "/", None, 7)),
        ('2/chat,1["say",2]', ("say", "/chat", None, 1)),
        ('2["other"]', None),
        ('31["order"]', None),
        ("no packet", None),
        (b"bytes", None),
    ],
)
def test_without_async_handlers_an_event_starts_its_own(sio, handlers, data, started):
    sio.async_handlers = False
    assert handlers.started_by("eio", data) == started


@pytest.mark.parametrize(
    ("data", "started"), [("0", ("connect", "/", None, None)), ('2["order"]', None)]
)
def test_with_async_handlers_only_connections_do(handlers, data, started):
    assert handlers.started_by("eio", data) == started


async def test_the_handler_of_a_connected_client_has_its_sid(sio, handlers):
    sio.async_handlers = False
    sid = await sio.manager.connect("eio", "/")
    assert handlers.started_by("eio", '2["order"]') == ("order", "/", sid, None)
    assert handlers.started_by("other", '2["order"]') == ("order", "/", None, None)


def test_an_attachment_starts_the_handler_of_its_event(sio, handlers):
    sio.async_handlers = False
    text = '51-["order",{"_placeholder":true,"num":0}]'
    sio._binary_packet["eio"] = socketio.packet.Packet(encoded_packet=text)
    assert handlers.started_by("eio", b"attachment") == ("order", "/", None, None)
    assert handlers.started_by("other", b"attachment") is None


def test_other_packet_classes_are_decoded_by_themselves(handlers, sio):
    msgpack = pytest.importorskip("msgpack")
    sio = socketio.AsyncServer(async_mode="asgi", serializer="msgpack", async_handlers=False)
    sio.on("order", order)
    data = msgpack.dumps({"type": 2, "data": ["order"], "nsp": "/"})
    assert Handlers(sio).started_by("eio", data) == ("order", "/", None, None)
