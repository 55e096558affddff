"""An ASGI app that forwards to a remote Socket.IO server: the same client for a live server.

::

    async with TestClient(RemoteServer("https://staging.example.com")) as client:
        await client.connect()

``TestClient("https://staging.example.com")`` does the same. `RemoteServer` needs aiohttp:
``pip install asgi-sio-testclient[remote]``; this package can be imported without aiohttp.

The client imports this package if the app is a URL, so the package imports nothing of the client.
It uses ASGI and aiohttp, and nothing of Engine.IO or Socket.IO.
"""

from asgi_sio_testclient.remote._server import RemoteServer

__all__ = ["RemoteServer"]
