"""Sessions for the stock client, with small apps."""

import socketio

from asgi_sio_testclient.stock import ASGIClientSession

URL = "http://testserver"
BASIC = "Basic bWU6c2VjcmV0"  # me:secret
WAIT = 60.0


def stock_client(http, **options):
    return socketio.AsyncClient(http_session=http, handle_sigint=False, **options)


def answering(status=200, headers=(), body=b"", seen=None):
    """Return an app that gives every request the same answer, and records the requests."""

    async def app(scope, receive, send):
        message = await receive()
        if seen is not None:
            seen.append((scope, message.get("body")))
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return app


def session(app, **options):
    return ASGIClientSession(app, lifespan=False, **options)


def header(scope, name):
    values = [value.decode() for key, value in scope["headers"] if key.decode() == name]
    assert len(values) <= 1, values
    return values[0] if values else None


class Auth:
    """The method of aiohttp's BasicAuth that aiohttp calls; creating a BasicAuth is deprecated."""

    def encode(self):
        return BASIC
