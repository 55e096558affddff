"""Django's SimpleTestCase, and a unittest case around a Flask app, with a SyncTestClient each."""

import unittest

import flask
import socketio
from a2wsgi import WSGIMiddleware
from django.conf import settings

settings.configure(DATABASES={}, ROOT_URLCONF=__name__)

import django  # noqa: E402
from django.test import SimpleTestCase  # noqa: E402

from asgi_sio_testclient import SyncTestClient  # noqa: E402

django.setup()
urlpatterns = []

TRANSPORTS = (("websocket",), ("polling",), ("polling", "websocket"))
sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)
threaded = socketio.Server(async_mode="threading")
flask_app = flask.Flask(__name__)
flask_app.wsgi_app = socketio.WSGIApp(threaded, flask_app.wsgi_app)


@sio.on("echo")
async def echo(sid, value):
    return value


@threaded.on("echo")
def threaded_echo(sid, value):
    return value


@flask_app.get("/")
def page():
    return "hello"


class DjangoCase(SimpleTestCase):
    def test_each_transport(self):
        for transports in TRANSPORTS:
            with self.subTest(transports), SyncTestClient(app, transports=transports) as client:
                client.connect()
                assert client.call("echo", 1) == 1
                client.assert_not_received()


class FlaskCase(unittest.TestCase):
    def setUp(self):
        self.web = flask_app.test_client()
        bridge = WSGIMiddleware(flask_app)
        client = SyncTestClient(bridge, transports=("polling",), server=threaded)
        self.client = self.enterContext(client)
        self.client.connect()

    def test_both_clients_on_one_app(self):
        assert self.web.get("/").text == "hello"
        assert self.client.call("echo", "two") == "two"


if __name__ == "__main__":
    unittest.main()
