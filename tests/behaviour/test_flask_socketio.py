"""Flask-SocketIO programs in threading mode, over long-polling through a2wsgi.

First the scenarios of Flask-SocketIO's own tests with its test client, in the same order; then
behaviour that only a client with a protocol has.
"""

import asyncio
import concurrent.futures
import functools
import json
import queue
import subprocess
import sys
import threading
import time

import flask
import flask_login
import flask_socketio
import pytest
import socketio as python_socketio
from a2wsgi import WSGIMiddleware
from asgiref.wsgi import WsgiToAsgi
from werkzeug.middleware.proxy_fix import ProxyFix

from asgi_sio_testclient import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    HandshakeFailed,
    Leak,
    NotConnected,
    SyncTestClient,
    TestClient,
    UnexpectedEvent,
)
from asgi_sio_testclient._server.instrumentation import instrument, restore
from asgi_sio_testclient._waiting.services import services_of

SECRET = "only for these tests"


class Pool(concurrent.futures.ThreadPoolExecutor):
    """a2wsgi's pool of threads, with a list of its requests."""

    def __init__(self):
        super().__init__(max_workers=10, thread_name_prefix="WSGI")
        self.requests = []

    def submit(self, *args):
        self.requests.append(super().submit(*args))
        return self.requests[-1]

    async def is_idle(self, sockets=()):
        """Wait until all requests have ended; end pending polls by an entry in their queues."""
        async with asyncio.timeout(20):
            while not all(request.done() for request in self.requests):
                for socket in sockets:
                    socket.queue.put(None)
                await asyncio.sleep(0.001)


class Program:
    """A Flask-SocketIO program, with a list that its handlers append to."""

    def __init__(self, **options):
        self.flask = flask.Flask(__name__)
        self.flask.secret_key = SECRET
        self.socketio = flask_socketio.SocketIO(self.flask, async_mode="threading", **options)
        self.asgi = WSGIMiddleware(self.flask)
        self.asgi.executor = self.pool = Pool()
        self.noted = []
        self.handlers()

    @property
    def eio(self):
        return self.socketio.server.eio

    def client(self, **options):
        return TestClient(self.asgi, transports=("polling",), **options)

    def handlers(self):
        """Register handlers; here none."""


class Speaker(flask_socketio.Namespace):
    """The handlers of `Scenarios.speak` as methods of a class-based namespace."""

    def __init__(self, namespace, program):
        super().__init__(namespace)
        self.program = program

    # Namespace.send() and emit() send to all clients, which `Rooms` uses.
    def on_connect(self, auth):
        flask_socketio.send("connected-class")
        if "foo" in flask.request.args:
            header = flask.request.headers.get("X-Bar")
            args = flask.request.args["foo"]
            flask_socketio.send({"args": args, "header": header, "auth": auth})

    def on_disconnect(self, reason):
        self.program.noted.append(("/class", reason))

    def on_message(self, text):
        flask_socketio.send(text)
        return None if text == "no ack" else text

    def on_json(self, data):
        flask_socketio.send(data, json=True, broadcast=True)
        return data

    def on_custom(self, data):
        flask_socketio.emit("response", data)
        return data

    def on_send_broadcast(self, data):
        flask_socketio.emit("response", data, broadcast=True)

    def on_request(self, *args):
        self.program.noted.append(dict(flask.request.event, sid=flask.request.sid))


class Scenarios(Program):
    """Registers the handlers of each scenario."""

    def handlers(self):
        for namespace, suffix in (("/", ""), ("/test", "-test")):
            self.speak(namespace, suffix)
            self.gather(namespace)
        self.remember()
        self.socketio.on_namespace(Speaker("/class", self))
        self.socketio.on_event("by on_event", lambda data: [data], namespace="/test")
        on = self.socketio.on

        @on("bytes")
        def take_bytes(data):
            flask_socketio.emit("binary response", data)
            return data

        @on("connect", namespace="/fussy")
        def connect_fussy(auth):
            if flask.request.args.get("fail"):
                raise flask_socketio.ConnectionRefusedError("no entry", 13)

    def speak(self, namespace, suffix):
        on = functools.partial(self.socketio.on, namespace=namespace)

        @on("connect")
        def connect(auth):
            flask_socketio.send("connected" + suffix)
            args = flask.request.args.to_dict()
            if "foo" in args:
                header = flask.request.headers.get("X-Bar")
                flask_socketio.send({"args": args["foo"], "header": header, "auth": auth})

        @on("disconnect")
        def disconnect(reason):
            self.noted.append((namespace, reason))

        @on("message")
        def message(text):
            flask_socketio.send(text)
            return None if text == "no ack" else text

        @on("json")
        def take_json(data):
            flask_socketio.send(data, json=True, broadcast=True)
            return data

        @on("custom")
        def custom(data):
            flask_socketio.emit("response", data)
            return data

        @on("send_broadcast")
        def broadcast(data):
            flask_socketio.emit("response", data, broadcast=True)

        @on("request")
        def look_at_request(*args):
            self.noted.append(dict(flask.request.event, sid=flask.request.sid))

    def gather(self, namespace):
        on = functools.partial(self.socketio.on, namespace=namespace)

        @on("join")
        def join(data):
            flask_socketio.join_room(data["room"])

        @on("leave")
        def leave(data):
            flask_socketio.leave_room(data["room"])

        @on("to room")
        def to_room(data):
            flask_socketio.emit("room response", data, to=data["room"])

        @on("send to room")
        def send_to_room(data):
            flask_socketio.send("room message", to=data["room"])

    def remember(self):
        @self.socketio.on("remember")
        def remember(data):
            flask.session["remembered"] = data

        @self.socketio.on("recall")
        def recall():
            return flask.session.get("remembered")


@pytest.fixture
def program():
    return Scenarios()


@pytest.fixture
async def client(program, nothing_left):
    async with program.client() as client:
        yield client


def of(events):
    return [(event.name, event.args) for event in events]


# -- Flask-SocketIO's own scenarios

# The default namespace, another one, and a class-based one.
NAMESPACES = ["/", "/test", "/class"]


async def test_connect(client):
    await client.connect()
    assert of(client.get_received()) == [("message", ("connected",))]


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_connect_with_query_headers_and_auth(client, namespace):
    await client.connect(namespace, query="foo=bar", headers={"X-Bar": "baz"}, auth={"a": 1})
    expected = {"args": "bar", "header": "baz", "auth": {"a": 1}}
    assert of(client.get_received(namespace))[1] == ("message", (expected,))


@pytest.mark.parametrize("name", ["test", "class"])
async def test_connect_to_a_namespace(client, name):
    await client.connect(f"/{name}")
    assert client.is_connected(f"/{name}")
    assert not client.is_connected()
    assert of(client.get_received(f"/{name}")) == [("message", (f"connected-{name}",))]


async def test_connect_rejected(client):
    with pytest.raises(ConnectionRefused) as refused:
        await client.connect("/fussy", query="fail=1")
    assert refused.value.data == {"message": "no entry", "data": 13}
    assert not client.is_connected("/fussy")


async def test_disconnect(client, program):
    await client.connect()
    await client.disconnect()
    assert program.noted == [("/", "client disconnect")]


@pytest.mark.parametrize("namespace", ["/test", "/class"])
async def test_disconnect_from_a_namespace(client, program, namespace):
    await client.connect("/", namespace)
    await client.disconnect(namespace)
    await client.settle()
    assert program.noted == [(namespace, "client disconnect")]
    assert client.is_connected()


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_send(client, namespace):
    await client.connect(namespace)
    client.get_received(namespace)
    await client.send("echo", namespace=namespace)
    await client.settle()
    assert of(client.get_received(namespace)) == [("message", ("echo",))]


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_send_json_to_everybody(client, namespace):
    other = client.clone()
    for user in (client, other):
        await user.connect(namespace)
        user.get_received(namespace)
    await client.emit("json", {"a": "b"}, namespace=namespace)
    await client.settle()
    for user in (client, other):
        assert of(user.get_received(namespace)) == [("json", ({"a": "b"},))]


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_emit(client, namespace):
    await client.connect(namespace)
    await client.emit("custom", {"a": "b"}, namespace=namespace)
    event = await client.await_event("response", namespace=namespace)
    assert event.data == {"a": "b"}


async def test_emit_bytes(client):
    await client.connect()
    assert await client.call("bytes", {"a": b"\x00\xff"}) == {"a": b"\x00\xff"}
    assert (await client.await_event("binary response")).data == {"a": b"\x00\xff"}


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_the_request_knows_the_event(client, program, namespace):
    await client.connect(namespace)
    await client.emit("request", "foo", 2, namespace=namespace)
    await client.settle()
    sid = client.get_sid(namespace)
    assert program.noted == [{"message": "request", "args": ("foo", 2), "sid": sid}]


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_broadcast_stays_in_its_namespace(client, namespace):
    other, elsewhere = client.clone(), client.clone()
    away = "/test" if namespace == "/" else "/"
    for user, place in ((client, namespace), (other, namespace), (elsewhere, away)):
        await user.connect(place)
    await client.emit("send_broadcast", {"a": "b"}, namespace=namespace)
    await elsewhere.assert_not_received("response", namespace="*")
    for user in (client, other):
        assert (await user.await_event("response", namespace=namespace)).data == {"a": "b"}


async def test_managed_session_lives_as_long_as_the_connection(client, program):
    await client.connect()
    await client.emit("remember", "b")
    assert await client.call("recall") == "b"
    environ = program.socketio.server.get_environ(client.sid)
    assert environ["saved_session"]["remembered"] == "b"
    await client.disconnect()
    await client.connect()
    assert await client.call("recall") is None


async def test_unmanaged_session_is_that_of_the_handshake():
    program = Scenarios(manage_session=False)

    @program.flask.post("/login")
    def login():
        flask.session["remembered"] = "from HTTP"
        return ""

    async with program.client() as client:
        await client.http.post("/login")
        await client.connect()
        await client.emit("remember", "lost")
        await client.settle()
        assert await client.call("recall") == "from HTTP"


@pytest.mark.slow
async def test_rooms(client, program):
    one, two, three = client, client.clone(), client.clone()
    await one.connect()
    await two.connect()
    await three.connect("/test")
    for user, namespace in ((one, "/"), (two, "/"), (three, "/test")):
        await user.emit("join", {"room": "one"}, namespace=namespace)
        await user.settle()
        user.get_received(namespace)
    assert one.rooms() == {"one", one.sid}

    await one.emit("to room", {"a": "b", "room": "one"})
    await one.settle()
    assert of(one.get_received()) == of(two.get_received()) != []
    assert three.get_received("/test") == []

    await one.emit("leave", {"room": "one"})
    await one.settle()
    await one.emit("to room", {"a": "b", "room": "one"})
    await one.settle()
    assert one.get_received() == []
    assert [event.name for event in two.get_received()] == ["room response"]

    await two.disconnect()
    program.socketio.emit("room response", {"a": "b"}, to="one")
    await one.assert_not_received(namespace="*")

    await three.emit("send to room", {"room": "one"}, namespace="/test")
    await three.settle()
    assert of(three.get_received("/test")) == [("message", ("room message",))]
    program.socketio.close_room("one", namespace="/test")
    await three.emit("send to room", {"room": "one"}, namespace="/test")
    await three.assert_not_received(namespace="/test")


@pytest.mark.parametrize("namespace", ["/", "/test", "/unused"])
async def test_error_handlers_answer_for_handlers_that_raise(namespace, nothing_left):
    program = Program()

    @program.socketio.on("fail", namespace=namespace)
    def fail():
        raise AssertionError("on purpose")

    @program.socketio.on_error()
    def error(exc):
        return "root"

    @program.socketio.on_error("/test")
    def error_test(exc):
        return "test"

    @program.socketio.on_error_default
    def error_default(exc):
        return "default"

    async with program.client() as client:
        await client.connect(namespace)
        answer = await client.call("fail", namespace=namespace)
    assert answer == {"/": "root", "/test": "test", "/unused": "default"}[namespace]
    assert client.app_exceptions == []


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_ack(client, namespace):
    await client.connect(namespace)
    assert await client.call("message", "echo", namespace=namespace) == "echo"
    assert await client.call("json", {"a": "b"}, namespace=namespace) == {"a": "b"}
    assert await client.call("custom", {"a": "b"}, namespace=namespace) == {"a": "b"}


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_an_ack_without_a_value(client, namespace):
    await client.connect(namespace)
    assert await client.call("message", "no ack", namespace=namespace) is None


async def test_a_handler_registered_by_on_event(client):
    await client.connect("/test")
    assert await client.call("by on_event", 1, namespace="/test") == [1]


async def test_an_ack_by_callback(client):
    await client.connect()
    acks = []
    await client.emit("custom", {"a": "b"}, callback=acks.append)
    await client.settle()
    assert acks == [{"a": "b"}]


class Rooms(flask_socketio.Namespace):
    """A class-based namespace."""

    noted: list

    def on_connect(self, auth):
        self.send("connected-ns")

    def on_disconnect(self, reason):
        self.noted.append(reason)

    def on_message(self, text):
        self.send(text)
        return text

    def on_custom(self, data):
        self.emit("response", data)
        flask_socketio.emit("broadcast", data, broadcast=True)

    def on_exit(self, data):
        flask_socketio.disconnect()

    def on_fail(self):
        raise KeyError("class-based")


@pytest.mark.slow
async def test_class_based_namespaces(nothing_left):
    program = Program()
    rooms = Rooms("/ns")
    rooms.noted = program.noted
    program.socketio.on_namespace(rooms)
    async with program.client() as client:
        await client.connect("/ns")
        assert of(client.get_received("/ns")) == [("message", ("connected-ns",))]
        assert await client.call("message", "echo", namespace="/ns") == "echo"
        await client.emit("custom", 1, namespace="/ns")
        await client.settle()
        names = [event.name for event in client.get_received("/ns")]
        assert names == ["message", "response", "broadcast"]
        with pytest.raises(KeyError, match="class-based"):
            await client.call("fail", namespace="/ns")
        # A class-based namespace acks events without a handler, so only a wait can report the
        # event.
        assert await client.call("custum", namespace="/ns") is None
        with pytest.raises(EventTimeout, match=r"no handler for 'custum'.*did you mean 'custom'"):
            await client.await_event("reply", namespace="/ns", timeout=0.05)
        await client.disconnect("/ns")
    assert program.noted == ["client disconnect"]


async def test_the_server_disconnects(nothing_left):
    program = Program()
    rooms = Rooms("/ns")
    rooms.noted = program.noted
    program.socketio.on_namespace(rooms)
    async with program.client() as client:
        await client.connect("/ns")
        await client.emit("exit", {}, namespace="/ns")
        await client.settle()
        assert not client.is_connected("/ns")
        assert client.disconnect_reason == "server disconnect"
        with pytest.raises(NotConnected, match="server disconnect"):
            await client.emit("message", "late", namespace="/ns")
    assert program.noted == ["server disconnect"]


async def test_handlers_registered_before_the_app_is_known(nothing_left):
    later = flask_socketio.SocketIO()

    @later.on("custom")
    def custom(data):
        return data

    app = flask.Flask(__name__)
    app.secret_key = SECRET
    later.init_app(app, async_mode="threading")
    asgi_app = WSGIMiddleware(app)
    async with TestClient(asgi_app, transports="polling", server=later) as client:
        await client.connect()
        assert await client.call("custom", 1) == 1


# -- Flask-Login


class Login(Program):
    """Accepts connections of users who are logged in."""

    allowed = {"foo": "bar", "python": "is-great!"}  # noqa: RUF012

    def handlers(self):
        manager = flask_login.LoginManager(self.flask)

        @manager.user_loader
        def load(name):
            user = flask_login.UserMixin()
            user.id = name
            return user

        @self.flask.post("/login")
        def login():
            name = flask.request.form["username"]
            if self.allowed.get(name) != flask.request.form["password"]:
                flask.abort(401)
            flask_login.login_user(load(name))
            return ""

        @self.socketio.on("connect")
        def connect(auth):
            if flask_login.current_user.is_anonymous:
                return False
            flask_socketio.emit("welcome", {"username": flask_login.current_user.id})
            return True


@pytest.mark.slow
async def test_only_who_is_logged_in_is_welcome(nothing_left):
    async with Login().client() as client:
        with pytest.raises(ConnectionRefused):
            await client.connect()
        wrong = await client.http.post("/login", data={"username": "python", "password": "is-bad"})
        assert wrong.status_code == 401
        with pytest.raises(ConnectionRefused):
            await client.connect()

        right = {"username": "python", "password": "is-great!"}
        assert (await client.http.post("/login", data=right)).status_code == 200
        await client.connect()

        (welcome,) = client.get_received()
        assert welcome["name"] == "welcome"
        assert len(welcome["args"]) == 1
        assert welcome["args"][0] == {"username": "python"}

        stranger = client.clone()
        with pytest.raises(ConnectionRefused):
            await stranger.connect()


def test_the_same_without_await():
    with SyncTestClient(Login().asgi, transports=("polling",)) as client:
        with pytest.raises(ConnectionRefused):
            client.connect()
        client.http.post("/login", data={"username": "python", "password": "is-great!"})
        client.connect()
        assert client.get_received()[0]["args"] == [{"username": "python"}]


# -- settle with threads


@pytest.mark.slow
async def test_settle_misses_nothing(client, program):
    @program.socketio.on("burst")
    def burst(count):
        for number in range(count):
            flask_socketio.emit("part", number, broadcast=True)
            time.sleep(0.0005 * (number % 3))

    other = client.clone()
    await client.connect()
    await other.connect()
    for round_ in range(40):
        client.get_received()
        other.get_received()
        await client.emit("burst", round_ % 5)
        await client.settle()
        expected = [("part", (number,)) for number in range(round_ % 5)]
        assert of(client.get_received())[-len(expected) or 99 :] == expected
        assert of(other.get_received())[-len(expected) or 99 :] == expected


async def test_settle_follows_what_the_test_and_a_route_emit(client, program):
    @program.flask.post("/notify")
    def notify():
        program.socketio.emit("note", "from a route")
        return ""

    await client.connect()
    client.get_received()
    program.socketio.emit("note", "from the test")
    await client.settle()
    await client.http.post("/notify")
    await client.settle()
    assert [event.data for event in client.get_received()] == ["from the test", "from a route"]


@pytest.mark.slow
async def test_settle_names_the_handler_that_does_not_end(program):
    go_on = threading.Event()

    @program.socketio.on("stuck")
    def stuck():
        go_on.wait(5)

    async with program.client() as client:
        await client.connect()
        await client.emit("stuck")
        with pytest.raises(EventTimeout, match=r"stuck .*go_on\.wait\(5\)"):
            await client.settle(timeout=0.1)
        go_on.set()
        await client.settle()


@pytest.mark.parametrize("async_handlers", [True, False], ids=["threads", "inline"])
async def test_what_a_handler_raises_is_raised_in_the_test(async_handlers, nothing_left):
    program = Program(async_handlers=async_handlers)

    @program.socketio.on("fail")
    def fail(what):
        raise ValueError(what)

    async with program.client() as client:
        await client.connect()
        with pytest.raises(ValueError, match="in a call") as raised:
            await client.call("fail", "in a call")
        (note,) = raised.value.__notes__
        assert note.endswith(f"fail (event 'fail', namespace '/', sid {client.sid!r})")
        await client.emit("fail", "before a settle")
        with pytest.raises(ValueError, match="before a settle"):
            await client.settle()
        assert len(client.app_exceptions) == 2


async def test_what_nobody_has_seen_is_raised_at_exit():
    program = Program()

    @program.socketio.on("fail")
    def fail():
        raise ValueError("unraised")

    async def leave_at_once():
        async with program.client() as client:
            await client.connect()
            await client.emit("fail")

    with pytest.raises(ValueError, match="unraised"):
        await leave_at_once()


async def test_a_connect_handler_that_raises(caplog):
    program = Program()

    @program.socketio.on("connect")
    def connect(auth):
        raise ValueError("in connect")

    async with program.client() as client:
        with pytest.raises(ValueError, match="in connect"):
            await client.connect()
    assert program.socketio.server.manager.rooms.get("/", {}) == {}


async def test_a_disconnect_handler_that_raises():
    program = Program()

    @program.socketio.on("disconnect")
    def disconnect(reason):
        raise ValueError("in disconnect")

    async with program.client() as client:
        await client.connect()
        with pytest.raises(ValueError, match="in disconnect"):
            await client.disconnect()


async def test_what_a_background_task_raises_is_raised_in_the_test(program):
    async with program.client() as client:
        await client.connect()

        def fail():
            raise ValueError("in the background")

        program.socketio.start_background_task(fail).join()
        with pytest.raises(ValueError, match="in the background"):
            await client.await_event("nothing of the sort")


async def test_the_server_calls_the_client(client, program):
    @program.socketio.on("ask me")
    def ask_me():
        return flask_socketio.call("question", 20)

    client.on("question", lambda number: number + 1)
    await client.connect()
    assert await client.call("ask me") == 21


async def test_a_callback_of_the_server_that_raises(client, program):
    @program.socketio.on("ask me")
    def ask_me():
        def answered(value):
            raise ValueError(f"got {value}")

        flask_socketio.emit("question", callback=answered)

    client.on("question", lambda: 1)
    await client.connect()
    await client.emit("ask me")
    with pytest.raises(ValueError, match="got 1"):
        await client.settle()


async def test_nothing_arrived_that_should_not(client):
    await client.connect()
    with pytest.raises(UnexpectedEvent, match="connected"):
        await client.assert_not_received("message")


# -- ends of connections


async def test_an_abort_is_a_ping_timeout_and_the_handler_has_ended(client, program):
    @program.socketio.on("disconnect")
    def disconnect(reason):
        time.sleep(0.05)
        program.noted.append(reason)

    await client.connect()
    await client.abort()
    assert program.noted == ["ping timeout"]
    assert client.disconnect_reason == "transport close"


def engine_packets(client, kind):
    return [packet for packet in client.transcript if packet.engineio_type == kind]


@pytest.mark.slow
async def test_pings_are_answered():
    program = Program(ping_interval=0.05, ping_timeout=5)
    async with program.client() as client:
        await client.connect()
        deadline = time.perf_counter() + 60
        while len(pongs := engine_packets(client, "PONG")) < 3 and time.perf_counter() < deadline:
            await client.http.get("/")
        assert len(pongs) >= 3
        assert client.is_connected()


async def test_settle_asks_only_where_something_was_put_out(client, program):
    await client.connect()
    await client.settle()
    asked = len(engine_packets(client, "NOOP"))
    await client.settle()
    assert len(engine_packets(client, "NOOP")) == asked == 1


async def test_a_background_loop_of_the_app_ends_with_the_client(program):
    beats = []

    def beat():
        while True:
            beats.append(time.perf_counter())
            program.socketio.sleep(10)

    async with program.client() as client:
        await client.connect()
        thread = program.socketio.start_background_task(beat)
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert len(beats) == 1


async def test_the_server_is_left_as_it_was_found(program):
    server = program.socketio.server
    async with program.client() as client:
        await client.connect()
    before, handlers = dict(vars(program.eio)), dict(program.eio.handlers)
    threads = set(threading.enumerate())
    async with program.client() as client:
        await client.connect()
        await client.clone().connect()
        assert vars(program.eio) != before
    after = dict(vars(program.eio))
    for counter in (before, after):
        counter.pop("sequence_number")
    assert after == before
    assert program.eio.handlers == handlers
    assert program.eio.sockets == {}
    assert server.environ == {}
    others = set(threading.enumerate()) - threads
    left = [thread for thread in others if not thread.name.startswith("WSGI_")]
    for thread in left:
        thread.join(timeout=60)  # the thread is ending, which may take a moment on a busy machine
    assert not any(thread.is_alive() for thread in left), left


@pytest.mark.slow
async def test_another_loop_may_follow(program):
    def once():
        async def run():
            async with program.client() as client:
                await client.connect()
                return await client.call("message", "echo")

        return asyncio.run(run())

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert [pool.submit(once).result(10) for _ in range(3)] == ["echo"] * 3


@pytest.mark.parametrize("monitored", [True, False])
def test_a_client_that_was_never_left_does_not_poison_the_next(program, monitored):
    program.eio.start_service_task = monitored
    threads = []

    async def enter():
        client = program.client()
        await client.__aenter__()
        await client.connect()
        threads.append(program.socketio.start_background_task(program.socketio.sleep, 30))

    async def use():
        async with program.client() as client:
            await client.connect()
            return await client.call("message", "echo")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(enter())
    # The server removes a closed connection, whose poll is still pending.
    sockets = [*program.eio.sockets.values()]
    for task in asyncio.all_tasks(loop):
        task.cancel()
    # If the loop were closed before, a2wsgi would answer the poll after 45 s with a coroutine that
    # is never awaited, during another test.
    loop.run_until_complete(program.pool.is_idle(sockets))
    loop.close()
    assert asyncio.run(use()) == "echo"
    threads[0].join(20)
    assert not threads[0].is_alive()


PROCESS = """
import asyncio, flask, flask_socketio
from a2wsgi import WSGIMiddleware
from asgi_sio_testclient import TestClient

app = flask.Flask("app")
socketio = flask_socketio.SocketIO(app, async_mode="threading")

@socketio.on("stuck")
def stuck():
    socketio.sleep(60)

@socketio.on("add")
def add(a, b):
    return a + b

asgi = WSGIMiddleware(app)

async def main():
    async with TestClient(asgi, transports=("polling",), timeout={timeout}) as client:
        await client.connect(timeout=10)
        {body}

asyncio.run(main())
print("done")
"""


ENDINGS = (
    "assert await client.call('add', 1, 2) == 3",  # ended by the exit
    "await client.abort()",
    "await client.clone().connect()",
    "await client.call('add', 1, 2); await client.disconnect()",
)


@pytest.mark.slow
def test_the_process_ends_at_once():
    """A thread that still polls for a closed client would delay the end by the 45 s of the
    heartbeat.
    """
    started = time.perf_counter()
    programs = [PROCESS.format(body=body, timeout=5) for body in ENDINGS]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(programs)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("done\n" * len(ENDINGS), 0), done.stderr
    assert "Traceback" not in done.stderr
    assert time.perf_counter() - started < 30


@pytest.mark.slow
def test_the_process_ends_though_a_handler_does_not():
    program = PROCESS.format(body="await client.emit('stuck')", timeout=0.3)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "a handler that did not end within 0.3 s: stuck" in done.stderr


# -- clients and handlers of other users of the server


async def test_other_clients_of_the_server_are_left_alone(program, client, monkeypatch):
    heard = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(args.exc_value))

    @program.socketio.on("fail")
    def fail():
        program.noted.append("failed")
        raise ValueError("of another client's")

    await client.connect()
    client.get_received()
    stranger = f"/socket.io/?transport=polling&EIO=4&sid={await handshake(client)}"
    for packet in ("40", '42["fail"]', '42["send_broadcast",1]'):
        assert (await client.http.post(stranger, content=packet)).text == "OK"
    assert (await client.await_event("response")).data == 1
    deadline = time.perf_counter() + 60
    while not heard and time.perf_counter() < deadline:
        await client.http.get(stranger)
    assert [str(exc) for exc in heard] == ["of another client's"]
    assert client.app_exceptions == []
    await client.http.post(stranger, content="1")


async def handshake(client):
    response = await client.http.get("/socket.io/?transport=polling&EIO=4")
    return json.loads(response.text[1:])["sid"]


async def test_a_background_task_of_nobody_raises_as_before(program, monkeypatch):
    heard = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(args.exc_value))

    def fail():
        raise ValueError("nobody's")

    async with program.client(server=program.socketio):
        program.socketio.start_background_task(fail).join()
    assert [str(exc) for exc in heard] == ["nobody's"]


async def test_a_listener_of_a_broker_goes_on():
    class Broker(python_socketio.PubSubManager):
        name = "in a queue"

        def __init__(self):
            super().__init__()
            self.messages = queue.Queue()

        def _publish(self, data):
            self.messages.put(json.dumps(data))

        def _listen(self):
            while True:
                yield self.messages.get()

    program = Scenarios(client_manager=Broker())
    for _ in range(2):
        async with program.client() as client:
            await client.connect()
            program.socketio.emit("news", 1)
            assert (await client.await_event("news")).data == 1
            await client.assert_not_received("news")


async def test_hooks_of_others_stay(program):
    sleeps = []
    own = program.eio.sleep = sleeps.append
    async with program.client() as client:
        await client.connect()
        program.socketio.sleep(1)
        over = program.eio.send_packet = functools.partial(program.eio.send_packet)
    assert program.eio.sleep is own
    assert program.eio.send_packet is over
    assert sleeps == [1]


# -- aborted connections


async def test_the_engine_disconnects(client, program):
    await client.connect()
    await asyncio.wait_for(asyncio.to_thread(program.eio.disconnect, client.raw.sid), 5)
    await client.settle()
    # The answer of a poll that starts after the CLOSE was sent is 400.
    assert client.disconnect_reason in {"server disconnect", "transport error"}
    assert program.noted == [("/", "server disconnect")]


async def test_a_disconnect_handler_that_raises_after_an_abort():
    program = Program()

    @program.socketio.on("disconnect")
    def disconnect(reason):
        raise ValueError(f"after {reason}")

    async with program.client() as client:
        await client.connect()
        with pytest.raises(ValueError, match="after ping timeout"):
            await client.abort()


async def test_a_disconnect_handler_that_raises_a_type_error_raises_it_once():
    """python-engineio assumes a handler without the argument `reason`, and calls it again without
    it.
    """
    program = Program()

    @program.socketio.on("disconnect")
    def disconnect(reason):
        raise TypeError("mine")

    async with program.client() as client:
        await client.connect()
        with pytest.raises(TypeError, match="mine"):
            await client.abort()


async def test_a_noop_that_nobody_asked_for(client):
    await client.connect()
    await client.settle()
    client.raw.send_packet(5)
    await client.settle()
    assert await client.call("message", "echo") == "echo"


@pytest.mark.slow
async def test_a_connect_handler_that_does_not_end_is_named():
    program, go_on = Program(), threading.Event()

    @program.socketio.on("connect")
    def connect(auth):
        go_on.wait(5)

    async def connect_and_leave():
        async with program.client(timeout=0.5, strict=True) as client:
            with pytest.raises(ConnectTimeout, match=r"connect .*go_on\.wait\(5\)"):
                await client.connect()

    with pytest.raises(Leak, match="did not end within"):
        await connect_and_leave()
    go_on.set()
    async with program.client() as client:
        await client.connect()
    await program.pool.is_idle()


async def test_what_the_instrumentation_does_not_know_it_leaves(program):
    loop = asyncio.get_running_loop()
    one = instrument(program.eio, services_of(loop))
    await one.sockets.time_out("unknown")
    assert one.release_connection("unknown") == []
    assert not one.sockets.has_output("unknown")
    assert not one.handle_failure(ValueError())
    one.track_started_tasks()
    one.sockets.release_poll("unknown")
    assert restore(one) == []


# -- finding the server, and the errors if it is not found


async def test_the_server_is_found_behind_what_wraps_it(program):
    wsgi = ProxyFix(program.flask.wsgi_app)

    async def closure(scope, receive, send):
        await inner(scope, receive, send)

    def logged(environ, start_response):
        program.noted.append(environ["REQUEST_METHOD"])
        return wsgi(environ, start_response)

    inner = WSGIMiddleware(logged)
    async with TestClient(closure, transports="polling") as client:
        await client.connect()
        await client.settle()
        assert client.rooms() == {client.sid}
    assert "POST" in program.noted


@pytest.mark.parametrize("given", ["socketio", "server", "eio"])
async def test_the_server_is_given(program, given):
    server = {
        "socketio": program.socketio,
        "server": program.socketio.server,
        "eio": program.eio,
    }[given]
    hidden = {"app": program.asgi}

    async def app(scope, receive, send, /):
        await hidden["app"](scope, receive, send)

    async with TestClient(app, transports="polling", server=server) as client:
        await client.connect()
        assert await client.call("message", "echo") == "echo"
        await client.settle()


async def test_over_a_websocket_the_error_says_what_to_do(program):
    async with TestClient(program.asgi) as client:
        with pytest.raises(HandshakeFailed, match=r'transports=\("polling",\)'):
            await client.connect()


async def test_an_upgrade_that_is_refused_stays_on_polling(program):
    async with TestClient(program.asgi, transports=("polling", "websocket")) as client:
        await client.connect()
        assert client.transport == "polling"
        assert await client.call("message", "echo") == "echo"


async def test_more_clients_than_threads_are_told_so(program):
    app = WSGIMiddleware(program.flask, workers=3)
    async with TestClient(app, transports="polling") as client:
        await client.connect()
        await client.clone().connect()
        with pytest.raises(RuntimeError, match=r"3 threads, 2 of .*workers=6"):
            await client.clone().connect()
        assert await client.call("message", "echo") == "echo"


async def test_a_bridge_that_takes_one_request_at_a_time_is_refused(program):
    async with TestClient(
        WsgiToAsgi(program.flask), transports="polling", lifespan=False
    ) as client:
        with pytest.raises(RuntimeError, match="use a2wsgi"):
            await client.connect()


@pytest.mark.parametrize("what", ["socketio", "server"])
def test_the_server_is_refused_with_what_is_expected(program, what):
    app = {"socketio": program.socketio, "server": program.socketio.server}[what]
    with pytest.raises(TypeError, match=r"a2wsgi\.WSGIMiddleware\(app\)"):
        TestClient(app)


def test_eventlet_and_gevent_are_refused(monkeypatch, program):
    monkeypatch.setattr(program.eio, "async_mode", "gevent")

    async def enter():
        async with program.client() as client:
            await client.connect()

    with pytest.raises(RuntimeError, match=r"async_mode='threading'"):
        asyncio.run(enter())


async def test_a_server_that_flask_socketios_own_client_took_over_is_refused(program):
    program.socketio.test_client(program.flask)
    async with program.client() as client:
        with pytest.raises(RuntimeError, match=r"use another SocketIO"):
            await client.connect()


async def test_the_plain_server_without_flask(nothing_left):
    sio = python_socketio.Server(async_mode="threading")

    @sio.on("echo")
    def echo(sid, value):
        return value

    async with TestClient(
        WSGIMiddleware(python_socketio.WSGIApp(sio)), transports="polling"
    ) as user:
        await user.connect()
        assert await user.call("echo", 1) == 1
        async with user.session() as session:
            session["name"] = "ada"
        assert sio.get_session(user.sid) == {"name": "ada"}
