"""Apps of other kinds, which a client may reach instead of python-socketio."""

import asyncio
import json

OPEN = "0" + json.dumps(
    {
        "sid": "by-hand",
        "upgrades": [],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": 1_000_000,
    }
)


async def engineio_by_hand(scope, receive, send):
    """A Socket.IO server over websocket without python-socketio, which accepts clients and answers
    no events.
    """
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": OPEN})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "40":
            await send({"type": "websocket.send", "text": '40{"sid":"by-hand"}'})
    await send({"type": "websocket.close"})


def websocket_that_says(*texts: str):
    """Return an app that accepts a websocket, sends the texts and then only receives."""

    async def app(scope, receive, send):
        if scope["type"] != "websocket":
            raise NotImplementedError(scope["type"])
        await receive()
        await send({"type": "websocket.accept"})
        for text in texts:
            await send({"type": "websocket.send", "text": text})
        while (await receive())["type"] == "websocket.receive":
            pass

    return app


async def never_answers(scope, receive, send):
    await receive()
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await asyncio.Event().wait()


async def returns_without_answering(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await receive()


async def http_only(scope, receive, send):
    assert scope["type"] == "http", "this app serves HTTP only"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"<html>"})


async def web_site(scope, receive, send):
    """Answers every path with its start page, as single-page applications do."""
    if scope["type"] == "lifespan":
        raise NotImplementedError
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<!doctype html>\n<title>Shop</title>"})


async def answers_the_probe_only(scope, receive, send):
    """Opens a session over long-polling and answers an upgrade's probe, but no further GET."""
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "http":
        if b"sid=" in scope["query_string"]:
            await asyncio.Event().wait()
        opening = (
            b'0{"sid":"x","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,'
            b'"maxPayload":1000000}'
        )
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": opening})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") == "2probe":
            await send({"type": "websocket.send", "text": "3probe"})
