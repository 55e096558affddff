"""A Socket.IO server elsewhere, as an ASGI app: the same client against a live server.

::

    async with TestClient(RemoteServer("https://staging.example.com")) as client:
        await client.connect()

``TestClient("https://staging.example.com")`` is the same in short. `RemoteServer` needs aiohttp:
``pip install asgi-sio-testclient[remote]``; this package imports without it.

The client imports this package where a URL is given as the app, so the package imports nothing of
the client: it knows ASGI and aiohttp, and nothing of Engine.IO or Socket.IO.
"""

from asgi_sio_testclient.remote._server import RemoteServer

__all__ = ["RemoteServer"]
