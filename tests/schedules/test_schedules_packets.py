"""The packets of a run, whose arrival is held."""

import asyncio

from one_run import outcome_of

from asgi_sio_testclient.asgi import HTTPExchange, WebSocketConnection, http_scope, websocket_scope


def test_a_held_message_outlives_a_receive_that_is_cancelled():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            try:
                async with asyncio.timeout(0.05):
                    message = await receive()
            except TimeoutError:
                continue
            if message["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": message.get("text") or "bytes"})

    async def scenario():
        websocket = WebSocketConnection(app, websocket_scope("/"))
        await websocket.connect()
        for data in ("hello", b"binary", "world"):
            websocket.send(data)
            assert await websocket.receive(timeout=60) in {"hello", "bytes", "world"}
        websocket.close()
        await asyncio.sleep(1)

    points = outcome_of(scenario, records=True).points
    packets = [point.key for point in points if point.kind == "packet"]
    assert len(packets) == 5
    for key in packets:
        assert outcome_of(scenario, {key: 0.3}).error is None


def test_an_app_that_waits_for_the_end_of_a_request():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
        assert (await receive())["type"] == "http.disconnect"

    async def scenario():
        exchange = HTTPExchange(app, http_scope("GET", "/"))
        exchange.start()
        assert (await exchange.response()).body == b"done"

    assert outcome_of(scenario, records=True).error is None
