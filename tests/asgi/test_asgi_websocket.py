"""One websocket, driven without a client, with small real apps."""

import asyncio

import pytest
from led_apps import NEVER, SOON, Steps, Told, exchange, over, turn, websocket

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.asgi import Response, WebSocketClosed


def first_step_at_once(loop, coroutine, **options):
    """A task factory that runs a coroutine's first step before the task exists, as
    `asyncio.eager_task_factory` of Python 3.12 does; for a first step that awaits one turn.
    """
    assert coroutine.send(None) is None

    async def rest():
        await asyncio.sleep(0)
        await asyncio.create_task(coroutine)

    loop.set_task_factory(None)
    return asyncio.Task(rest(), loop=loop, **options)


async def test_an_eager_task_does_not_call_the_app_before_start_has_returned():
    called = []

    async def app(scope, receive, send):
        called.append(scope["type"])

    asyncio.get_running_loop().set_task_factory(first_step_at_once)
    run = exchange(app)
    task = run.start()
    assert not called
    await asyncio.wait_for(task, SOON)
    assert called == ["http"]


async def opened(**options):
    app = Steps()
    connection = websocket(app, **options)
    connecting = asyncio.ensure_future(connection.connect(SOON))
    assert await app.receive() == {"type": "websocket.connect"}
    await app.send(type="websocket.accept")
    assert await connecting is None
    return app, connection


async def test_of_several_receives_the_first_one_takes_the_first_message():
    app, connection = await opened()

    async def both(receive, send):
        return await asyncio.gather(receive(), receive(), receive())

    received = app.begin(both)
    while len(connection._receivers) < 3:
        await turn()
    for text in ("first", "second", "third"):
        connection.send(text)
    messages = await asyncio.wait_for(received, SOON)
    assert [message["text"] for message in messages] == ["first", "second", "third"]
    await app.finish()


async def test_of_several_receives_the_first_one_takes_the_disconnect():
    app, connection = await opened()

    async def both(receive, send):
        tasks = [asyncio.create_task(receive()), asyncio.create_task(receive())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done = [task.done() for task in tasks]
        tasks[1].cancel()
        await asyncio.wait(tasks)
        return done

    ended = app.begin(both)
    while len(connection._receivers) < 2:
        await turn()
    connection.close()
    assert await asyncio.wait_for(ended, SOON) == [True, False]
    await app.finish()


async def test_an_accepted_websocket_is_open_and_has_its_subprotocol():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "v2"})
        await receive()

    connection = websocket(app)
    assert connection.state == "connecting"
    assert await connection.connect(SOON) == "v2"
    assert (connection.state, connection.subprotocol) == ("open", "v2")
    connection.close()
    await over(connection)


async def test_each_message_has_only_one_of_text_and_bytes():
    app, connection = await opened()
    connection.send("text")
    connection.send(bytearray(b"bytes"))
    connection.send("")
    assert await app.receive() == {"type": "websocket.receive", "text": "text"}
    message = await app.receive()
    assert message == {"type": "websocket.receive", "bytes": b"bytes"}
    assert type(message["bytes"]) is bytes
    assert await app.receive() == {"type": "websocket.receive", "text": ""}
    await app.finish()


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ({"text": "a"}, "a"),
        ({"bytes": b"a"}, b"a"),
        ({"text": "a", "bytes": None}, "a"),
        ({"text": None, "bytes": b"a"}, b"a"),
        ({"text": ""}, ""),
        ({"bytes": b""}, b""),
        ({"bytes": bytearray(b"a")}, b"a"),
        ({"text": bytearray(b"a")}, b"a"),
    ],
)
async def test_the_apps_message_is_read_whatever_keys_it_has(message, data):
    app, connection = await opened()
    await app.send(type="websocket.send", **message)
    received = await connection.receive(SOON)
    assert received == data
    assert type(received) is type(data)
    await app.finish()


async def test_a_close_by_the_client_reaches_the_app_with_code_and_reason():
    app, connection = await opened()
    connection.close(4001, "bye")
    assert connection.state == "closed"
    assert await app.receive() == {
        "type": "websocket.disconnect", "code": 4001, "reason": "bye",
    }  # fmt: skip
    await app.finish()


async def test_a_close_is_normal_by_default():
    app, connection = await opened()
    connection.close()
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1000, "reason": ""}
    await app.finish()


async def test_a_lost_network_has_a_code_and_no_reason():
    app, connection = await opened()
    connection.lose()
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1005}
    await app.finish()


async def test_a_network_lost_in_the_handshake_reaches_the_app_after_connect():
    app = Steps()
    connection = websocket(app)
    connection.start()
    connection.lose(1006)
    assert await app.receive() == {"type": "websocket.connect"}
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1006}
    with pytest.raises(OSError, match="after the websocket was closed"):
        await app.send(type="websocket.accept")
    await app.finish()


@pytest.mark.parametrize("end", ["close", "lose"])
async def test_what_the_app_sends_after_the_end_raises_an_oserror_in_it(end):
    app, connection = await opened()
    getattr(connection, end)()
    for message in ({"type": "websocket.send", "text": "a"}, {"type": "websocket.close"}):
        with pytest.raises(OSError, match=message["type"]):
            await app.send(**message)
    await app.finish()


async def test_only_the_first_end_counts_and_what_the_client_sends_after_it_is_lost():
    app, connection = await opened()
    connection.lose(1006)
    connection.close()
    connection.send("into the void")
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1006}
    app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert connection.idle
    connection.task.cancel()
    await asyncio.wait([connection.task], timeout=SOON)


@pytest.mark.parametrize(
    ("message", "closed"),
    [
        ({}, WebSocketClosed(1000, "")),
        ({"code": 4000}, WebSocketClosed(4000, "")),
        ({"code": 4000, "reason": "enough"}, WebSocketClosed(4000, "enough")),
        ({"reason": None}, WebSocketClosed(1000, "")),
    ],
)
async def test_a_close_by_the_app_is_received_with_code_and_reason(message, closed):
    app, connection = await opened()
    await app.send(type="websocket.close", **message)
    assert await connection.receive(SOON) == closed
    assert connection.state == "closed"
    assert await app.receive() == {
        "type": "websocket.disconnect", "code": closed.code, "reason": closed.reason,
    }  # fmt: skip
    await app.finish()


async def test_what_the_app_sent_before_its_close_is_read_before_it():
    app, connection = await opened()
    await app.send(type="websocket.send", text="last")
    await app.send(type="websocket.close")
    assert await connection.receive(SOON) == "last"
    assert await connection.receive(SOON) == WebSocketClosed()
    await app.finish()


async def refusal(app):
    connection = websocket(app)
    with pytest.raises(ConnectionRefusedError) as caught:
        await connection.connect(SOON)
    assert connection.state == "refused"
    return connection, caught.value.args[0]


@pytest.mark.parametrize(
    ("message", "body"), [({}, b""), ({"reason": "no"}, b"no"), ({"reason": None}, b"")]
)
async def test_a_close_before_accept_is_a_403(message, body):
    seen = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.close", **message})
        seen.append(await receive())

    connection, response = await refusal(app)
    assert response == Response(403, (), body)
    await over(connection)
    assert seen == [{"type": "websocket.disconnect", "code": 1006}]


async def test_a_response_instead_of_an_accept_is_handed_on_whole():
    async def app(scope, receive, send):
        assert "websocket.http.response" in scope["extensions"]
        await send(
            {
                "type": "websocket.http.response.start",
                "status": 401,
                "headers": [(b"WWW-Authenticate", b"Basic")],
            }
        )
        await send({"type": "websocket.http.response.body", "body": b"log ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"in"})

    _, response = await refusal(app)
    assert response == Response(401, ((b"www-authenticate", b"Basic"),), b"log in")


@pytest.mark.parametrize("prefix", ["websocket.", ""])
async def test_a_refusal_is_told_while_the_app_still_runs(prefix):
    app = Steps()
    connection = websocket(app)
    connecting = asyncio.ensure_future(connection.connect(SOON))
    await app.send(type=f"{prefix}http.response.start", status=404)
    assert not connecting.done()
    body = app.begin(lambda receive, send: send({"type": f"{prefix}http.response.body"}))
    with pytest.raises(ConnectionRefusedError):
        await connecting
    assert not connection.ended
    await asyncio.wait([body], timeout=SOON)
    assert isinstance(body.exception(), RuntimeError) == (not prefix)
    await app.finish()


@pytest.mark.parametrize("parts", [[b"Not Found"], [b"Not ", b"Found"]])
async def test_an_http_response_on_a_websocket_is_read_and_then_raises_in_the_app(parts):
    raised = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404})
        for number, part in enumerate(parts, 1):
            message = {"type": "http.response.body", "body": part, "more_body": number < len(parts)}
            try:
                await send(message)
            except RuntimeError as exc:
                raised.append(str(exc))
        raise RuntimeError("as a server's send would have it")

    connection, response = await refusal(app)
    assert response == Response(404, (), b"Not Found")
    assert raised == ["Unexpected ASGI message 'http.response.body' on a websocket scope."] * len(
        parts
    )
    assert await connection.receive(SOON) == WebSocketClosed(1005)


async def test_a_response_without_a_body_message_is_a_refusal_when_the_app_returns():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404})

    _, response = await refusal(app)
    assert response == Response(404)


async def test_what_else_an_app_raises_after_a_refusal_is_told():
    async def app(scope, receive, send):
        await send({"type": "websocket.http.response.start", "status": 500})
        await send({"type": "websocket.http.response.body"})
        raise LookupError("mine")

    connection, response = await refusal(app)
    assert response.status == 500
    with pytest.raises(LookupError, match="mine"):
        await connection.receive(SOON)


async def test_an_app_that_raises_before_it_answers_raises_in_connect():
    async def app(scope, receive, send):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await websocket(app).connect(SOON)


async def test_an_app_that_does_not_answer_is_a_timeout():
    app = Steps()
    connection = websocket(app)
    with pytest.raises(TimeoutError):
        await connection.connect(NEVER)
    await app.finish()


async def test_nothing_to_receive_is_a_timeout_and_nothing_is_lost_by_it():
    app, connection = await opened()
    with pytest.raises(TimeoutError):
        await connection.receive(NEVER)
    await app.send(type="websocket.send", text="late")
    assert await connection.receive(SOON) == "late"
    await app.finish()


async def test_a_message_amid_a_refusal_is_a_runtime_error_and_no_part_of_it():
    app = Steps()
    connection = websocket(app)
    connection.start()
    await app.send(type="websocket.http.response.start", status=404)
    with pytest.raises(RuntimeError, match="the websocket is connecting"):
        await app.send(type="websocket.send", text="early", body=b"no ")
    assert connection.state == "connecting"
    await app.send(type="websocket.http.response.body", body=b"such page")
    assert await connection.receive(SOON) == Response(404, (), b"such page")
    await app.finish()


async def test_an_app_that_returns_with_the_websocket_open_is_received_as_an_abnormal_end():
    app, connection = await opened()
    await app.finish()
    assert await connection.receive(SOON) == WebSocketClosed(1005)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("connecting", {"type": "websocket.send", "text": "early"}),
        ("connecting", {"type": "websocket.http.response.body", "body": b"no start"}),
        ("connecting", {"type": "http.response.body", "body": b"no start"}),
        ("open", {"type": "websocket.accept"}),
        ("open", {"type": "websocket.http.response.start", "status": 200}),
        ("refused", {"type": "websocket.accept"}),
        ("refused", {"type": "websocket.close"}),
    ],
)
async def test_a_websocket_message_out_of_turn_is_a_runtime_error_in_the_app(state, message):
    app = Steps()
    connection = websocket(app)
    connection.start()
    if state == "open":
        await app.send(type="websocket.accept")
    if state == "refused":
        await app.send(type="websocket.close")
    with pytest.raises(RuntimeError, match=f"the websocket is {state}"):
        await app.send(**message)
    await app.finish()


async def test_a_paused_client_blocks_the_apps_send_until_it_reads_on():
    app, connection = await opened()
    connection.pause()
    connection.pause()
    sending = app.begin(lambda receive, send: send({"type": "websocket.send", "text": "a"}))
    with pytest.raises(TimeoutError):
        await connection.receive(NEVER)
    assert not sending.done()
    connection.resume()
    connection.resume()
    assert await connection.receive(SOON) == "a"
    await asyncio.wait_for(sending, SOON)
    await app.finish()


@pytest.mark.parametrize("end", ["close", "lose"])
async def test_the_end_of_a_paused_connection_lets_the_app_go_on_with_an_oserror(end):
    app, connection = await opened()
    connection.pause()
    sending = app.begin(lambda receive, send: send({"type": "websocket.send", "text": "a"}))
    await turn()
    getattr(connection, end)()
    with pytest.raises(OSError, match="after the websocket was closed"):
        await asyncio.wait_for(sending, SOON)
    await app.finish()


async def test_a_listener_is_told_of_everything_in_order():
    told = Told()
    app = Steps()
    connection = websocket(app, listener=told)
    connection.start()
    await app.send(type="websocket.accept", subprotocol="v2", headers=[(b"Set-Cookie", b"a=1")])
    await app.send(type="websocket.send", text="a")
    await app.send(type="websocket.close", code=4000)
    await app.finish()
    await over(connection)
    assert told.log == [
        ("websocket_accepted", "v2", ((b"set-cookie", b"a=1"),)),
        ("websocket_message", "a"),
        ("websocket_closed", WebSocketClosed(4000)),
        ("websocket_ended", None),
    ]


async def test_a_listener_is_told_of_a_refusal():
    told = Told()

    async def app(scope, receive, send):
        await send({"type": "websocket.close", "reason": "no"})

    connection = websocket(app, listener=told)
    connection.start()
    await over(connection)
    assert told.log == [
        ("websocket_refused", Response(403, (), b"no")),
        ("websocket_ended", None),
    ]


@pytest.mark.parametrize("read", ["connect", "receive"])
async def test_with_a_listener_nothing_is_read_by_hand(read):
    app = Steps()
    connection = websocket(app, listener=Told())
    with pytest.raises(UsageError, match="a listener takes"):
        await getattr(connection, read)(SOON)
    if connection.task is not None:
        await app.finish()


async def test_a_cancelled_receive_takes_no_message_with_it():
    seen = []
    app, connection = await opened()

    async def cancel_and_receive_again(receive, send):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), NEVER)
        seen.append(await receive())

    asking = app.begin(cancel_and_receive_again)
    with pytest.raises(TimeoutError):
        await connection.receive(2 * NEVER)
    connection.send("kept")
    await asyncio.wait_for(asking, SOON)
    assert seen == [{"type": "websocket.receive", "text": "kept"}]
    await app.finish()


async def test_a_message_that_comes_in_the_step_of_the_cancellation_is_kept():
    app, connection = await opened()

    async def cancel_and_be_sent_something(receive, send):
        first = asyncio.ensure_future(receive())
        await turn()
        second = asyncio.ensure_future(receive())
        await turn()
        first.cancel()
        connection.send("kept")
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    received = await app.do(cancel_and_be_sent_something)
    assert received == {"type": "websocket.receive", "text": "kept"}
    await app.finish()


async def test_a_message_that_a_cancelled_receive_was_given_goes_to_the_next():
    app, connection = await opened()

    async def be_sent_something_and_cancel(receive, send):
        first = asyncio.ensure_future(receive())
        await turn()
        second = asyncio.ensure_future(receive())
        await turn()
        connection.send("handed on")
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    received = await app.do(be_sent_something_and_cancel)
    assert received == {"type": "websocket.receive", "text": "handed on"}
    await app.finish()


async def test_several_readers_are_served_one_message_each():
    app, connection = await opened()
    readers = [asyncio.ensure_future(connection.receive(SOON)) for _ in range(3)]
    await turn()
    for text in "abc":
        await app.send(type="websocket.send", text=text)
    assert sorted(await asyncio.gather(*readers)) == ["a", "b", "c"]
    await app.finish()


async def test_an_idle_app_has_taken_everything_and_waits_for_more():
    app, connection = await opened()
    assert not connection.idle, "it does something else than receive()"
    waiting = app.begin(lambda receive, send: receive())
    await turn()
    await turn()
    assert connection.idle
    connection.send("a")
    assert not connection.idle
    await asyncio.wait_for(waiting, SOON)
    await app.finish()
    await over(connection)
    assert connection.idle, "an app that has returned wants nothing"
