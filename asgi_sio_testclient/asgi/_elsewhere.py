"""The interface of an app that forwards to a remote server, such as `RemoteServer` of
`asgi_sio_testclient.remote`.
"""

from __future__ import annotations

__all__ = ["EXTENSION", "Elsewhere", "RemoteFailure"]

__tracebackhide__ = True

EXTENSION = "asgi_sio_testclient.remote"
"""The key in the ``extensions`` of a scope with which the client describes a request to the app.

``handshake_timeout``: the seconds for which the client waits for the answer. ``cancels``: if the
client disconnects before the response, the client cancels the call, and no ``http.disconnect``
arrives. ``other_origin``: after a redirection, the request is for the server in the scope, and not
for the app's server.
"""


class Elsewhere:
    """An app that forwards to a remote server.

    Attributes:
        url: scheme, host and port of the server, for error texts.
        address: host and port of the server.
        base_url: the URL for a client's requests, with user and password if there are any.
    """

    url: str
    address: str
    base_url: str


class RemoteFailure(ConnectionError):
    """Raised by an app that forwards: the remote server can't be reached, or the connection was
    lost. The client converts this error to a `TestClientError`.

    Attributes:
        connected: whether the app had connected to the server.
    """

    def __init__(self, text: str, *, connected: bool = True) -> None:
        super().__init__(text)
        self.connected = connected
