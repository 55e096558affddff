"""One HTTP request, driven without a client, with small real apps."""

import asyncio

import pytest
from led_apps import NEVER, SOON, Steps, Told, asgi3, exchange, over, turn

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.asgi import Response


async def test_a_request_brings_its_whole_body_and_takes_the_whole_response():
    async def app(scope, receive, send):
        message = await receive()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"X-A", b"1")]})
        await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send({"type": "http.response.body", "body": bytearray(b"!")})

    request = exchange(app, "POST", b"hello")
    request.start()
    assert await request.response(SOON) == Response(201, ((b"x-a", b"1"),), b"hello!")
    assert request.complete


async def test_a_request_is_one_message_and_then_nothing():
    app = Steps()
    request = exchange(app, "POST", b"hello")
    request.start()
    assert await app.receive() == {"type": "http.request", "body": b"hello", "more_body": False}
    waiting = app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert request.idle
    request.disconnect()
    assert not request.idle
    assert await asyncio.wait_for(waiting, SOON) == {"type": "http.disconnect"}
    await app.finish()


async def test_after_the_response_the_app_receives_the_disconnect():
    app = Steps()
    request = exchange(app)
    request.start()
    await app.receive()
    await app.send(type="http.response.start", status=204)
    await app.send(type="http.response.body")
    request.disconnect()
    assert await app.receive() == {"type": "http.disconnect"}
    waiting = app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert request.idle, "one disconnect, not two"
    request.task.cancel()
    await asyncio.wait([request.task], timeout=SOON)
    assert waiting.cancelled() or not waiting.done()


async def test_a_response_to_head_has_no_body():
    request = exchange(asgi3, "HEAD")
    request.start()
    assert await request.response(SOON) == Response(200, (), b"")


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ([], {"type": "http.response.body", "body": b"early"}),
        (["start"], {"type": "http.response.start", "status": 200}),
        (["start", "body"], {"type": "http.response.body", "body": b"late"}),
        ([], {"type": "websocket.accept"}),
    ],
    ids=["body first", "started twice", "body after the end", "another protocol"],
)
async def test_a_message_out_of_turn_is_a_runtime_error_in_the_app(before, message):
    app = Steps()
    request = exchange(app)
    request.start()
    if "start" in before:
        await app.send(type="http.response.start", status=200)
    if "body" in before:
        await app.send(type="http.response.body")
    with pytest.raises(RuntimeError, match=f"Unexpected ASGI message '{message['type']}'"):
        await app.send(**message)
    await app.finish()


async def test_what_the_app_raises_is_raised_by_response():
    async def app(scope, receive, send):
        raise LookupError("mine")

    request = exchange(app)
    request.start()
    with pytest.raises(LookupError, match="mine"):
        await request.response(SOON)


async def test_what_the_app_raises_after_its_response_comes_after_it():
    async def app(scope, receive, send):
        await asgi3(scope, receive, send)
        raise LookupError("late")

    request = exchange(app)
    request.start()
    assert (await request.response(SOON)).status == 200
    with pytest.raises(LookupError, match="late"):
        await request.response(SOON)


async def test_an_app_that_returns_without_a_response_is_told_of():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    request = exchange(app)
    request.start()
    with pytest.raises(UsageError, match="returned without a whole response"):
        await request.response(SOON)
    assert not request.complete


async def test_a_response_that_does_not_come_is_a_timeout_and_the_app_goes_on():
    app = Steps()
    request = exchange(app)
    request.start()
    with pytest.raises(TimeoutError):
        await request.response(NEVER)
    await app.send(type="http.response.start", status=200)
    await app.send(type="http.response.body", body=b"late")
    await app.finish()
    assert (await request.response(SOON)).body == b"late"


async def test_a_listener_takes_the_response_inside_the_apps_own_send():
    told = Told()
    app = Steps()
    request = exchange(app, listener=told)
    request.start()
    await app.send(type="http.response.start", status=200)

    async def send_the_body(receive, send):
        await send({"type": "http.response.body", "body": b"hi"})
        return list(told.log)

    assert await app.do(send_the_body) == [("responded", Response(200, (), b"hi"))]
    await app.finish()
    await over(request)
    assert told.log[1:] == [("exchange_ended", None)]
    with pytest.raises(UsageError, match="a listener takes"):
        await request.response(SOON)


async def test_a_listener_is_told_what_the_app_raised():
    error = LookupError("mine")

    async def app(scope, receive, send):
        raise error

    told = Told()
    request = exchange(app, listener=told)
    request.start()
    await over(request)
    assert told.log == [("exchange_ended", error)]
    assert request.ended
    assert request.idle


async def test_the_cancelled_app_ends_and_its_task_is_cancelled():
    told = Told()
    request = exchange(Steps(), listener=told)
    request.start()
    await turn()
    request.task.cancel()
    await asyncio.wait([request.task], timeout=SOON)
    assert request.task.cancelled()
    assert request.ended
    [(name, exc)] = told.log
    assert name == "exchange_ended"
    assert isinstance(exc, asyncio.CancelledError)


async def test_on_receive_is_called_before_each_receive():
    calls = []
    app = Steps()
    request = exchange(app, on_receive=lambda: calls.append(len(calls)))
    request.start()
    await app.receive()
    assert calls == [0]
    request.disconnect()
    await app.receive()
    assert calls == [0, 1]
    await app.finish()
