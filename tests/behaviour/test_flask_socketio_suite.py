"""Flask-SocketIO's own tests, ported by the table of docs/coming-from/flask-socketio.md.

The program and the tests are test_socketio.py of Flask-SocketIO 5.7, copyright (c) 2014 by Miguel
Grinberg, under the MIT licence. The program has another `async_mode` and is unchanged otherwise.
Its 42 tests have the changes of the table only, except for `own`: the requests that handlers
receive also have Engine.IO's parameters and the headers of an HTTP client.
"""

import json
import unittest
from contextlib import ExitStack

import pytest

from flask import Flask, session, request, json as flask_json
from flask_socketio import (
    SocketIO,
    send,
    emit,
    join_room,
    leave_room,
    Namespace,
    disconnect,
    ConnectionRefusedError,
)

from asgi_sio_testclient import ConnectionRefused, NotConnected, SyncTestClient

app = Flask(__name__)
app.config["SECRET_KEY"] = "secret"
socketio = SocketIO(app, async_mode="threading")
disconnected = None


@socketio.on("connect")
def on_connect(auth):
    if auth != {"foo": "bar"}:  # pragma: no cover
        return False
    if request.args.get("fail"):
        raise ConnectionRefusedError("failed!")
    send("connected")
    send(json.dumps(request.args.to_dict(flat=False)))
    send(
        json.dumps(
            {
                h: request.headers[h]
                for h in request.headers.keys()
                if h not in ["Host", "Content-Type", "Content-Length"]
            }
        )
    )
    emit("dummy", to="nobody")


@socketio.on("disconnect")
def on_disconnect(reason):
    global disconnected
    disconnected = "/"


@socketio.event(namespace="/test")
def connect():
    send("connected-test")
    send(json.dumps(request.args.to_dict(flat=False)))
    send(
        json.dumps(
            {
                h: request.headers[h]
                for h in request.headers.keys()
                if h not in ["Host", "Content-Type", "Content-Length"]
            }
        )
    )


@socketio.on("disconnect", namespace="/test")
def on_disconnect_test():
    global disconnected
    disconnected = "/test"


@socketio.on("connect", namespace="/bgtest")
def on_bgtest_connect():
    def background_task():
        socketio.emit("bgtest", namespace="/bgtest")

    socketio.start_background_task(background_task)


@socketio.event
def message(message):
    send(message)
    if message == "test session":
        if not socketio.manage_session and "a" in session:
            raise RuntimeError("session is being stored")
        if "a" not in session:
            session["a"] = "b"
        else:
            session["a"] = "c"
    if message not in "test noackargs":
        return message


@socketio.on("json")
def on_json(data):
    send(data, json=True, broadcast=True)
    if not data.get("noackargs"):
        return data


@socketio.on("message", namespace="/test")
def on_message_test(message):
    send(message)


@socketio.on("json", namespace="/test")
def on_json_test(data):
    send(data, json=True, namespace="/test")


@socketio.on("my custom event")
def on_custom_event(data):
    emit("my custom response", data)
    if not data.get("noackargs"):
        return data


@socketio.on("other custom event")
@socketio.on("and another custom event")
def get_request_event(data):
    global request_event_data
    request_event_data = request.event
    emit("my custom response", data)


def get_request_event2(data):
    global request_event_data
    request_event_data = request.event
    emit("my custom response", data)


socketio.on_event("yet another custom event", get_request_event2)


@socketio.on("*")
def catch_all(event, data):
    emit("my custom response", (event, data))


@socketio.on("my custom namespace event", namespace="/test")
def on_custom_event_test(data):
    emit("my custom namespace response", data, namespace="/test")


def on_custom_event_test2(data):
    emit("my custom namespace response", data, namespace="/test")


socketio.on_event("yet another custom namespace event", on_custom_event_test2, namespace="/test")


@socketio.on("my custom broadcast event")
def on_custom_event_broadcast(data):
    emit("my custom response", data, broadcast=True)


@socketio.on("my custom broadcast namespace event", namespace="/test")
def on_custom_event_broadcast_test(data):
    emit("my custom namespace response", data, namespace="/test", broadcast=True)


@socketio.on("join room")
def on_join_room(data):
    join_room(data["room"])


@socketio.on("leave room")
def on_leave_room(data):
    leave_room(data["room"])


@socketio.on("join room", namespace="/test")
def on_join_room_namespace(data):
    join_room(data["room"])


@socketio.on("leave room", namespace="/test")
def on_leave_room_namespace(data):
    leave_room(data["room"])


@socketio.on("my room event")
def on_room_event(data):
    room = data.pop("room")
    emit("my room response", data, room=room)


@socketio.on("my room namespace event", namespace="/test")
def on_room_namespace_event(data):
    room = data.pop("room")
    send("room message", room=room)


@socketio.on("bad response")
def on_bad_response():
    emit("my custom response", {"foo": socketio})


@socketio.on("bad callback")
def on_bad_callback():
    return {"foo": socketio}


@socketio.on("changing response")
def on_changing_response():
    data = {"foo": "bar"}
    emit("my custom response", data)
    data["foo"] = "baz"
    return data


@socketio.on("wildcard", namespace="*")
def wildcard(data):
    emit("my custom response", data)


@socketio.on_error()
def error_handler(value):
    if isinstance(value, AssertionError):
        global error_testing
        error_testing = True
    else:
        raise value
    return "error"


@socketio.on("error testing")
def raise_error(data):
    raise AssertionError()


@socketio.on_error("/test")
def error_handler_namespace(value):
    if isinstance(value, AssertionError):
        global error_testing_namespace
        error_testing_namespace = True
    else:
        raise value
    return "error/test"


@socketio.on("error testing", namespace="/test")
def raise_error_namespace(data):
    raise AssertionError()


@socketio.on_error_default
def error_handler_default(value):
    if isinstance(value, AssertionError):
        global error_testing_default
        error_testing_default = True
    else:
        raise value
    return "error/default"


@socketio.on("error testing", namespace="/unused_namespace")
def raise_error_default(data):
    raise AssertionError()


class MyNamespace(Namespace):
    def on_connect(self):
        send("connected-ns")
        send(json.dumps(request.args.to_dict(flat=False)))
        send(
            json.dumps(
                {
                    h: request.headers[h]
                    for h in request.headers.keys()
                    if h not in ["Host", "Content-Type", "Content-Length"]
                }
            )
        )

    def on_disconnect(self):
        global disconnected
        disconnected = "/ns"

    def on_message(self, message):
        send(message)
        if message == "test session":
            session["a"] = "b"
        if message not in "test noackargs":
            return message

    def on_json(self, data):
        send(data, json=True, broadcast=True)
        if not data.get("noackargs"):
            return data

    def on_exit(self, data):
        disconnect()

    def on_my_custom_event(self, data):
        emit("my custom response", data)
        if not data.get("noackargs"):
            return data

    def on_other_custom_event(self, data):
        global request_event_data
        request_event_data = request.event
        emit("my custom response", data)


socketio.on_namespace(MyNamespace("/ns"))


@app.route("/session")
def session_route():
    session["foo"] = "bar"
    return ""


# The query parameters of Engine.IO, and the headers of an HTTP client.
ADDED = {"EIO", "transport", "t"} | {"Accept", "Accept-Encoding", "User-Agent"}


def own(event):
    values = json.loads(event.data)
    return json.dumps({name: values[name] for name in values if name not in ADDED})


class TestSocketIO(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(ExitStack())

    def client(self, app, **options):
        return self.stack.enter_context(SyncTestClient(app, **options))

    def test_connect(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client2 = self.client(app).connect(auth={"foo": "bar"})
        self.assertTrue(client.is_connected())
        self.assertTrue(client2.is_connected())
        self.assertNotEqual(client.sid, client2.sid)
        received = client.get_received()
        self.assertEqual(len(received), 3)
        self.assertEqual(received[0].data, "connected")
        self.assertEqual(own(received[1]), "{}")
        self.assertEqual(own(received[2]), "{}")
        client.disconnect()
        self.assertFalse(client.is_connected())
        self.assertTrue(client2.is_connected())
        client2.disconnect()
        self.assertFalse(client2.is_connected())

    def test_connect_query_string_and_headers(self):
        client = self.client(app).connect(
            query="?foo=bar&foo=baz",
            headers={"Authorization": "Bearer foobar"},
            auth={"foo": "bar"},
        )
        received = client.get_received()
        self.assertEqual(len(received), 3)
        self.assertEqual(received[0].data, "connected")
        self.assertEqual(own(received[1]), '{"foo": ["bar", "baz"]}')
        self.assertEqual(own(received[2]), '{"Authorization": "Bearer foobar"}')
        client.disconnect()

    def test_connect_namespace(self):
        client = self.client(app).connect("/test")
        self.assertTrue(client.is_connected("/test"))
        received = client.get_received("/test")
        self.assertEqual(len(received), 3)
        self.assertEqual(received[0].data, "connected-test")
        self.assertEqual(own(received[1]), "{}")
        self.assertEqual(own(received[2]), "{}")
        client.disconnect(namespace="/test")
        self.assertFalse(client.is_connected("/test"))

    def test_connect_namespace_query_string_and_headers(self):
        client = self.client(app).connect(
            "/test", query="foo=bar", headers={"My-Custom-Header": "Value"}
        )
        received = client.get_received("/test")
        self.assertEqual(len(received), 3)
        self.assertEqual(received[0].data, "connected-test")
        self.assertEqual(own(received[1]), '{"foo": ["bar"]}')
        self.assertEqual(own(received[2]), '{"My-Custom-Header": "Value"}')
        client.disconnect(namespace="/test")

    def test_connect_rejected(self):
        client = self.client(app)
        with pytest.raises(ConnectionRefused):
            client.connect(query="fail=1", auth={"foo": "bar"})
        self.assertFalse(client.is_connected())

    def test_disconnect(self):
        global disconnected
        disconnected = None
        client = self.client(app).connect(auth={"foo": "bar"})
        client.disconnect()
        self.assertEqual(disconnected, "/")

    def test_disconnect_namespace(self):
        global disconnected
        disconnected = None
        client = self.client(app).connect("/test")
        client.disconnect("/test")
        self.assertEqual(disconnected, "/test")

    def test_message_queue_options(self):
        app = Flask(__name__)
        socketio = SocketIO(app, message_queue="redis://")
        self.assertFalse(socketio.server_options["client_manager"].write_only)

        app = Flask(__name__)
        socketio = SocketIO(app)
        socketio.init_app(app, message_queue="redis://")
        self.assertFalse(socketio.server_options["client_manager"].write_only)

        app = Flask(__name__)
        socketio = SocketIO(message_queue="redis://")
        self.assertTrue(socketio.server_options["client_manager"].write_only)

        app = Flask(__name__)
        socketio = SocketIO()
        socketio.init_app(None, message_queue="redis://")
        self.assertTrue(socketio.server_options["client_manager"].write_only)

    def test_send(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        client.send("echo this message back")
        client.settle()
        received = client.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0].data, "echo this message back")

    def test_send_json(self):
        client1 = self.client(app).connect(auth={"foo": "bar"})
        client2 = self.client(app).connect(auth={"foo": "bar"})
        client1.get_received()
        client2.get_received()
        client1.emit("json", {"a": "b"})
        client1.settle()
        received = client1.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0].data["a"], "b")
        received = client2.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0].data["a"], "b")

    def test_send_namespace(self):
        client = self.client(app).connect("/test")
        client.get_received("/test")
        client.send("echo this message back", namespace="/test")
        client.settle()
        received = client.get_received("/test")
        self.assertTrue(len(received) == 1)
        self.assertTrue(received[0].data == "echo this message back")

    def test_send_json_namespace(self):
        client = self.client(app).connect("/test")
        client.get_received("/test")
        client.emit("json", {"a": "b"}, namespace="/test")
        client.settle()
        received = client.get_received("/test")
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0].data["a"], "b")

    def test_emit(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        client.emit("my custom event", {"a": "b"})
        client.settle()
        received = client.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom response")
        self.assertEqual(received[0]["args"][0]["a"], "b")

    def test_emit_binary(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        client.emit("my custom event", {"a": b"\x01\x02\x03"})
        client.settle()
        received = client.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom response")
        self.assertEqual(received[0]["args"][0]["a"], b"\x01\x02\x03")

    def test_emit_catch_all_event(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        client.emit("random event", {"foo": "bar"})
        client.settle()
        received = client.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 2)
        self.assertEqual(received[0]["name"], "my custom response")
        self.assertEqual(received[0]["args"][0], "random event")
        self.assertEqual(received[0]["args"][1], {"foo": "bar"})

    def test_send_catch_all_namespace(self):
        client = self.client(app).connect("/test")
        client.get_received("/test")
        client.emit("wildcard", {"a": "b"}, namespace="/test")
        client.settle()
        received = client.get_received("/test")
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom response")
        self.assertEqual(received[0]["args"][0]["a"], "b")

    def test_request_event_data(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        global request_event_data
        request_event_data = None
        client.emit("other custom event", "foo")
        client.settle()
        expected_data = {"message": "other custom event", "args": ("foo",)}
        self.assertEqual(request_event_data, expected_data)
        client.emit("and another custom event", "bar")
        client.settle()
        expected_data = {"message": "and another custom event", "args": ("bar",)}
        self.assertEqual(request_event_data, expected_data)

    def test_emit_namespace(self):
        client = self.client(app).connect("/test")
        client.get_received("/test")
        client.emit("my custom namespace event", {"a": "b"}, namespace="/test")
        client.settle()
        received = client.get_received("/test")
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom namespace response")
        self.assertEqual(received[0]["args"][0]["a"], "b")

    @pytest.mark.slow
    def test_broadcast(self):
        client1 = self.client(app).connect(auth={"foo": "bar"})
        client2 = self.client(app).connect(auth={"foo": "bar"})
        client3 = self.client(app).connect("/test")
        client2.get_received()
        client3.get_received("/test")
        client1.emit("my custom broadcast event", {"a": "b"})
        client1.settle()
        received = client2.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom response")
        self.assertEqual(received[0]["args"][0]["a"], "b")
        self.assertEqual(len(client3.get_received("/test")), 0)

    @pytest.mark.slow
    def test_broadcast_namespace(self):
        client1 = self.client(app).connect("/test")
        client2 = self.client(app).connect("/test")
        client3 = self.client(app).connect(auth={"foo": "bar"})
        client2.get_received("/test")
        client3.get_received()
        client1.emit("my custom broadcast namespace event", {"a": "b"}, namespace="/test")
        client1.settle()
        received = client2.get_received("/test")
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom namespace response")
        self.assertEqual(received[0]["args"][0]["a"], "b")
        self.assertEqual(len(client3.get_received()), 0)

    def test_managed_session(self):
        flask_client = app.test_client()
        flask_client.get("/session")
        client = self.client(app, http=flask_client).connect(auth={"foo": "bar"})
        client.get_received()
        client.send("echo this message back")
        client.settle()
        self.assertEqual(socketio.server.get_environ(client.sid)["saved_session"], {"foo": "bar"})
        client.send("test session")
        client.settle()
        self.assertEqual(
            socketio.server.get_environ(client.sid)["saved_session"], {"a": "b", "foo": "bar"}
        )
        client.send("test session")
        client.settle()
        self.assertEqual(
            socketio.server.get_environ(client.sid)["saved_session"], {"a": "c", "foo": "bar"}
        )

    def test_unmanaged_session(self):
        socketio.manage_session = False
        flask_client = app.test_client()
        flask_client.get("/session")
        client = self.client(app, http=flask_client).connect(auth={"foo": "bar"})
        client.get_received()
        client.send("test session")
        client.settle()
        client.send("test session")
        client.settle()
        socketio.manage_session = True

    @pytest.mark.slow
    def test_room(self):
        client1 = self.client(app).connect(auth={"foo": "bar"})
        client2 = self.client(app).connect(auth={"foo": "bar"})
        client3 = self.client(app).connect("/test")
        client1.get_received()
        client2.get_received()
        client3.get_received("/test")
        client1.emit("join room", {"room": "one"})
        client1.settle()
        client2.emit("join room", {"room": "one"})
        client2.settle()
        client3.emit("join room", {"room": "one"}, namespace="/test")
        client3.settle()
        client1.emit("my room event", {"a": "b", "room": "one"})
        client1.settle()
        received = client1.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my room response")
        self.assertEqual(received[0]["args"][0]["a"], "b")
        self.assertEqual(received, client2.get_received())
        received = client3.get_received("/test")
        self.assertEqual(len(received), 0)
        client1.emit("leave room", {"room": "one"})
        client1.settle()
        client1.emit("my room event", {"a": "b", "room": "one"})
        client1.settle()
        received = client1.get_received()
        self.assertEqual(len(received), 0)
        received = client2.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my room response")
        self.assertEqual(received[0]["args"][0]["a"], "b")
        client2.disconnect()
        socketio.emit("my room event", {"a": "b"}, room="one")
        client1.settle()
        received = client1.get_received()
        self.assertEqual(len(received), 0)
        received = client3.get_received("/test")
        self.assertEqual(len(received), 0)
        client3.emit("my room namespace event", {"room": "one"}, namespace="/test")
        client3.settle()
        received = client3.get_received("/test")
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0]["name"], "message")
        self.assertEqual(received[0].data, "room message")
        socketio.close_room("one", namespace="/test")
        client3.emit("my room namespace event", {"room": "one"}, namespace="/test")
        client3.settle()
        received = client3.get_received("/test")
        self.assertEqual(len(received), 0)

    def test_error_handling(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        global error_testing
        error_testing = False
        client.emit("error testing", "")
        client.settle()
        self.assertTrue(error_testing)

    def test_error_handling_namespace(self):
        client = self.client(app).connect("/test")
        client.get_received("/test")
        global error_testing_namespace
        error_testing_namespace = False
        client.emit("error testing", "", namespace="/test")
        client.settle()
        self.assertTrue(error_testing_namespace)

    def test_error_handling_default(self):
        client = self.client(app).connect("/unused_namespace")
        client.get_received("/unused_namespace")
        global error_testing_default
        error_testing_default = False
        client.emit("error testing", "", namespace="/unused_namespace")
        client.settle()
        self.assertTrue(error_testing_default)

    @pytest.mark.slow
    def test_ack(self):
        client1 = self.client(app).connect(auth={"foo": "bar"})
        client2 = self.client(app).connect(auth={"foo": "bar"})
        client3 = self.client(app).connect(auth={"foo": "bar"})
        ack = client1.call("message", "echo this message back")
        self.assertEqual(ack, "echo this message back")
        ack = client1.call("message", "test noackargs")
        # python-socketio releases before 1.5 did not correctly implement
        # callbacks with no arguments. Here we check for [] (the correct, 1.5
        # and up response) and None (the wrong pre-1.5 response).
        self.assertTrue(ack == [] or ack is None)
        ack2 = client2.call("json", {"a": "b"})
        self.assertEqual(ack2, {"a": "b"})
        ack3 = client3.call("my custom event", {"a": "b"})
        self.assertEqual(ack3, {"a": "b"})

    @pytest.mark.slow
    def test_noack(self):
        client1 = self.client(app).connect(auth={"foo": "bar"})
        client2 = self.client(app).connect(auth={"foo": "bar"})
        client3 = self.client(app).connect(auth={"foo": "bar"})
        no_ack_dict = {"noackargs": True}
        noack = client1.send("test noackargs")
        self.assertIsNone(noack)
        noack2 = client2.emit("json", no_ack_dict)
        self.assertIsNone(noack2)
        noack3 = client3.emit("my custom event", no_ack_dict)
        self.assertIsNone(noack3)

    @pytest.mark.slow
    def test_error_handling_ack(self):
        client1 = self.client(app).connect(auth={"foo": "bar"})
        client2 = self.client(app).connect("/test")
        client3 = self.client(app).connect("/unused_namespace")
        errorack = client1.call("error testing", "")
        self.assertEqual(errorack, "error")
        errorack_namespace = client2.call("error testing", "", namespace="/test")
        self.assertEqual(errorack_namespace, "error/test")
        errorack_default = client3.call("error testing", "", namespace="/unused_namespace")
        self.assertEqual(errorack_default, "error/default")

    def test_on_event(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        global request_event_data
        request_event_data = None
        client.emit("yet another custom event", "foo")
        client.settle()
        expected_data = {"message": "yet another custom event", "args": ("foo",)}
        self.assertEqual(request_event_data, expected_data)

        client = self.client(app).connect("/test")
        client.get_received("/test")
        client.emit("yet another custom namespace event", {"a": "b"}, namespace="/test")
        client.settle()
        received = client.get_received("/test")
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom namespace response")
        self.assertEqual(received[0]["args"][0]["a"], "b")

    def test_connect_class_based(self):
        client = self.client(app).connect("/ns")
        received = client.get_received("/ns")
        self.assertEqual(len(received), 3)
        self.assertEqual(received[0].data, "connected-ns")
        self.assertEqual(own(received[1]), "{}")
        self.assertEqual(own(received[2]), "{}")
        client.disconnect("/ns")

    def test_connect_class_based_query_string_and_headers(self):
        client = self.client(app).connect(
            "/ns", query="foo=bar", headers={"Authorization": "Basic foobar"}
        )
        received = client.get_received("/ns")
        self.assertEqual(len(received), 3)
        self.assertEqual(received[0].data, "connected-ns")
        self.assertEqual(own(received[1]), '{"foo": ["bar"]}')
        self.assertEqual(own(received[2]), '{"Authorization": "Basic foobar"}')
        client.disconnect("/ns")

    def test_disconnect_class_based(self):
        global disconnected
        disconnected = None
        client = self.client(app).connect("/ns")
        client.disconnect("/ns")
        self.assertEqual(disconnected, "/ns")

    def test_send_class_based(self):
        client = self.client(app).connect("/ns")
        client.get_received("/ns")
        client.send("echo this message back", namespace="/ns")
        client.settle()
        received = client.get_received("/ns")
        self.assertTrue(len(received) == 1)
        self.assertTrue(received[0].data == "echo this message back")

    def test_send_json_class_based(self):
        client = self.client(app).connect("/ns")
        client.get_received("/ns")
        client.emit("json", {"a": "b"}, namespace="/ns")
        client.settle()
        received = client.get_received("/ns")
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0].data["a"], "b")

    def test_server_disconnected(self):
        client = self.client(app).connect("/ns")
        client2 = self.client(app).connect("/ns")
        client.get_received("/ns")
        client2.get_received("/ns")
        client.emit("exit", {}, namespace="/ns")
        client.settle()
        self.assertFalse(client.is_connected("/ns"))
        self.assertTrue(client2.is_connected("/ns"))
        with self.assertRaises(NotConnected):
            client.emit("hello", {}, namespace="/ns")
        client2.emit("exit", {}, namespace="/ns")
        client2.settle()
        self.assertFalse(client2.is_connected("/ns"))
        with self.assertRaises(NotConnected):
            client2.emit("hello", {}, namespace="/ns")

    def test_emit_class_based(self):
        client = self.client(app).connect("/ns")
        client.get_received("/ns")
        client.emit("my_custom_event", {"a": "b"}, namespace="/ns")
        client.settle()
        received = client.get_received("/ns")
        self.assertEqual(len(received), 1)
        self.assertEqual(len(received[0]["args"]), 1)
        self.assertEqual(received[0]["name"], "my custom response")
        self.assertEqual(received[0]["args"][0]["a"], "b")

    def test_request_event_data_class_based(self):
        client = self.client(app).connect("/ns")
        client.get_received("/ns")
        global request_event_data
        request_event_data = None
        client.emit("other_custom_event", "foo", namespace="/ns")
        client.settle()
        expected_data = {"message": "other_custom_event", "args": ("foo",)}
        self.assertEqual(request_event_data, expected_data)

    def test_delayed_init(self):
        app = Flask(__name__)
        socketio = SocketIO(allow_upgrades=False, json=flask_json)

        @socketio.on("connect")
        def on_connect():
            send({"connected": "foo"}, json=True)

        socketio.init_app(app, cookie="foo")
        self.assertFalse(socketio.server.eio.allow_upgrades)
        self.assertEqual(socketio.server.eio.cookie, "foo")

        client = self.client(app).connect(auth={"foo": "bar"})
        received = client.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0].data, {"connected": "foo"})

    def test_encode_decode(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        client.get_received()
        data = {"foo": "bar", "invalid": socketio}
        self.assertRaises(TypeError, client.call, "my custom event", data)
        data = {"foo": "bar"}
        ack = client.call("my custom event", data)
        data["foo"] = "baz"
        received = client.get_received()
        self.assertEqual(ack, {"foo": "bar"})
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0]["args"][0], {"foo": "bar"})

    def test_encode_decode_2(self):
        client = self.client(app).connect(auth={"foo": "bar"})
        self.assertRaises(TypeError, client.call, "bad response")
        self.assertRaises(TypeError, client.call, "bad callback")
        client.get_received()
        ack = client.call("changing response")
        received = client.get_received()
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0]["args"][0], {"foo": "bar"})
        self.assertEqual(ack, {"foo": "baz"})

    def test_background_task(self):
        client = self.client(app).connect("/bgtest")
        self.assertTrue(client.is_connected(namespace="/bgtest"))
        client.settle()
        received = client.get_received("/bgtest")
        self.assertEqual(len(received), 1)
        self.assertEqual(received[0]["name"], "bgtest")
