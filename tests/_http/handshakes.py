"""The requests of a connection, made from a client's HTTP context."""

from asgi_sio_testclient._http.identity import HTTPContext
from asgi_sio_testclient._http.requests import ConnectionRequests

BASE_URL = "http://testserver"
CLIENT = ("testclient", 50000)


def http_context(
    http=None, base_url=BASE_URL, headers=None, cookies=None, root_path="", client=CLIENT
):
    return HTTPContext(http, base_url, headers, cookies, root_path, client)


def handshake(*args, socketio_path="socket.io", headers=None, query=None, state=None, **options):
    return ConnectionRequests(http_context(*args, **options), socketio_path, headers, query, state)


def headers_of(scope, name):
    return [value.decode() for key, value in scope["headers"] if key.decode() == name]
