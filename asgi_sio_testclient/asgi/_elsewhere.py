"""The interface of an app that stands for a server elsewhere, as `asgi_sio_testclient.remote`
has.
"""

from __future__ import annotations

__all__ = ["EXTENSION", "Elsewhere", "RemoteFailure"]

__tracebackhide__ = True

EXTENSION = "asgi_sio_testclient.remote"
"""In the ``extensions`` of a scope: what the client tells such an app about the request.

``handshake_timeout``: seconds that the client waits for the answer. ``cancels``: the client cancels
the call where it leaves before the response, so that no ``http.disconnect`` comes.
``other_origin``: a redirection led the request to the server that the scope names, not to the app's
own.
"""


class Elsewhere:
    """An app that stands for a server elsewhere.

    Attributes:
        url: scheme, host and port of the server, for error texts.
        address: host and port alone.
        base_url: the same for a client's requests: with user and password where there are any.
    """

    url: str
    address: str
    base_url: str


class RemoteFailure(ConnectionError):
    """Such an app raises it: the server can't be reached, or the connection to it was lost. The
    client makes an error of its own of it.

    Attributes:
        connected: there was a connection.
    """

    def __init__(self, text: str, *, connected: bool = True) -> None:
        super().__init__(text)
        self.connected = connected
