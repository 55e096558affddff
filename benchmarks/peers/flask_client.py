"""Flask-SocketIO's test client, which calls the server's methods without Engine.IO."""

import contextlib
import functools

import flask_socketio

from benchmarks.app import make_flask_app
from benchmarks.method import Cannot, Contender, in_this_thread
from benchmarks.peers import CALL, CONNECT, EMIT_EVENT, NEGATIVE, POLLING_CALL, TEST

assert flask_socketio.SocketIOTestClient is not None


def _call(client):
    assert client.emit("echo", "hello", callback=True) == "hello"


def _emit_event(client):
    client.emit("ask", "hello")
    (received,) = client.get_received()
    assert received["name"] == "answer"


def _nothing(client):
    client.emit("quiet", "hello")
    assert client.get_received() == []


def _within(operation):
    @contextlib.contextmanager
    def opened():
        app, sio = make_flask_app()
        client = sio.test_client(app)
        yield functools.partial(operation, client)
        client.disconnect()

    return in_this_thread(opened)


@contextlib.contextmanager
def _connect():
    app, sio = make_flask_app()
    yield lambda: sio.test_client(app).disconnect()


def _one_test():
    app, sio = make_flask_app()
    client = sio.test_client(app)
    _call(client)
    client.disconnect()


def contenders():
    return [
        Contender(
            "flask",
            "Flask-SocketIO test client (a Flask twin of the app; no Engine.IO)",
            {
                CALL: _within(_call),
                EMIT_EVENT: _within(_emit_event),
                POLLING_CALL: Cannot("the client has no transports"),
                CONNECT: in_this_thread(_connect),
                TEST: in_this_thread(lambda: contextlib.nullcontext(_one_test)),
                NEGATIVE: _within(_nothing),
            },
        )
    ]
