"""The test of the article on unit tests with Flask-SocketIO: Flask's own test client logs in."""

import pytest
from test_flask_socketio import flask_app

from asgi_sio_testclient import ConnectionRefused, SyncTestClient


def test_article():
    web = flask_app.test_client()
    with SyncTestClient(flask_app, http=web) as client:
        with pytest.raises(ConnectionRefused):
            client.connect()

        r = web.post("/login", data={"username": "python", "password": "is-great!"})
        assert r.status_code == 200

        client.connect()
        r = client.get_received()
        assert len(r) == 1
        assert r[0]["name"] == "welcome"
        assert len(r[0]["args"]) == 1
        assert r[0]["args"][0] == {"username": "python"}
