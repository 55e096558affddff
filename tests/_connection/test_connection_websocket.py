"""A websocket as the transport of a session: what its listener is told, and what the app gets."""

import asyncio
from urllib.parse import parse_qs

import pytest

from asgi_sio_testclient._connection.websocket import WebSocketTransport
from asgi_sio_testclient._http.identity import HTTPContext
from asgi_sio_testclient._http.requests import ConnectionRequests

SOON = 60
URL = "ws://testserver/socket.io/?transport=websocket&EIO=4"


class Listener:
    """Keeps what a transport tells its session, in order."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *args: self.told.append((name, *args))

    def of(self, *names):
        return [told for told in self.told if told[0] in names]


class Open:
    """A websocket that the app has accepted, with the app's end of it."""

    def __init__(self, sid=""):
        self.http_context = HTTPContext(
            None, "http://testserver", None, None, "", ("testclient", 50000)
        )
        requests = ConnectionRequests(self.http_context, "socket.io", None, None, None)
        self.listener = Listener()
        self.app_end = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self.transport = WebSocketTransport(self.app, requests, self.listener, sid)

    async def app(self, scope, receive, send):
        self.scope = scope
        self.app_end.set_result((receive, send))
        how = await self.ended
        if how is not None:
            raise how

    async def started(self):
        self.transport.start()
        self.receive, self.send = await asyncio.wait_for(self.app_end, SOON)
        assert (await self.receive())["type"] == "websocket.connect"
        return self

    async def accepted(self, **fields):
        await self.started()
        await self.send({"type": "websocket.accept", **fields})
        return self

    async def end(self, how=None):
        self.ended.set_result(how)
        await asyncio.wait([self.transport.connection.task], timeout=SOON)


async def test_before_its_start_no_call_runs():
    ws = Open()
    assert not ws.transport.running
    assert ws.transport.tasks == set()
    await ws.started()
    assert ws.transport.running
    assert ws.transport.tasks == {ws.transport.connection.task}
    await ws.end()
    assert not ws.transport.running
    assert ws.transport.tasks == set()
    assert ws.listener.told[-1] == ("activity",)


@pytest.mark.parametrize("sid", ["", "abc"])
async def test_the_scope_has_the_session_that_is_upgraded(sid):
    ws = await Open(sid).started()
    query = parse_qs(ws.scope["query_string"].decode())
    assert query.get("sid", [""]) == [sid]
    await ws.end()


async def test_the_session_is_told_of_the_accept_and_of_each_message():
    ws = await Open().accepted(headers=[(b"set-cookie", b"a=1")])
    await ws.send({"type": "websocket.send", "text": "0{}"})
    await ws.send({"type": "websocket.send", "bytes": b"\1"})
    told = ws.listener.of("transport_open", "transport_frame")
    assert told == [
        ("transport_open", ws.transport),
        ("transport_frame", "0{}"),
        ("transport_frame", b"\1"),
    ]
    assert [cookie.name for cookie in ws.http_context.jar] == ["a"]
    await ws.end()


async def test_frames_arrive_in_order_and_then_the_transport_is_idle():
    ws = await Open().accepted()
    ws.transport.send(["2", b"\1"])
    ws.transport.send_frame("3")
    assert not ws.transport.idle
    received = [await ws.receive() for _ in range(3)]
    assert [m.get("text", m.get("bytes")) for m in received] == ["2", b"\1", "3"]
    waiting = asyncio.ensure_future(ws.receive())
    await asyncio.sleep(0)
    assert ws.transport.idle
    waiting.cancel()
    await ws.end()


async def test_a_paused_transport_does_not_listen():
    ws = await Open().accepted()
    assert ws.transport.listens
    ws.transport.connection.pause()
    assert not ws.transport.listens
    await ws.end()


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda transport: transport.close(), 1000),
        (lambda transport: transport.abort(), 1005),
        (lambda transport: transport.abort(4000), 4000),
        (lambda transport: transport.abort(0), 0),
    ],
    ids=["close", "abort", "a code", "zero"],
)
async def test_after_an_end_by_the_client_the_session_is_told_nothing_more(end, code):
    ws = await Open().accepted()
    end(ws.transport)
    assert (await ws.receive())["code"] == code
    with pytest.raises(OSError, match="websocket was closed") as caught:
        await ws.send({"type": "websocket.send", "text": "4late"})
    await ws.end(caught.value)
    assert ws.listener.of("transport_frame", "transport_closed", "app_raised") == []


@pytest.mark.parametrize("reason", ["", "bye"])
async def test_a_close_by_the_app_has_code_and_reason(reason):
    ws = await Open().accepted()
    await ws.send({"type": "websocket.close", "code": 3000, "reason": reason})
    detail = "the app closed the websocket with code 3000" + (reason and f": {reason}")
    assert ws.listener.of("transport_closed") == [
        ("transport_closed", ws.transport, URL, "transport close", detail)
    ]
    await ws.end()
    assert len(ws.listener.of("transport_closed")) == 1


async def test_a_refusal_is_handed_on_with_its_response():
    ws = await Open().started()
    await ws.send({"type": "websocket.close"})
    ((_, transport, url, response),) = ws.listener.of("transport_refused")
    assert (transport, url, response.status) == (ws.transport, URL, 403)
    await ws.end()
    assert ws.listener.of("transport_closed") == []


async def test_a_refusal_may_set_cookies():
    ws = await Open().started()
    headers = [(b"set-cookie", b"tried=1")]
    await ws.send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    await ws.send({"type": "websocket.http.response.body", "body": b"who?"})
    assert [cookie.name for cookie in ws.http_context.jar] == ["tried"]
    await ws.end()


@pytest.mark.parametrize("error", [None, LookupError("no order")], ids=["returned", "raised"])
@pytest.mark.parametrize("accepts", [True, False])
async def test_an_app_that_ends_with_the_websocket_open(error, accepts):
    ws = await (Open().accepted() if accepts else Open().started())
    await ws.end(error)
    how = "raised LookupError" if error else "returned"
    without = "and left open" if accepts else "without accepting"
    detail = f"the app {how} {without} the websocket"
    assert ws.listener.of("transport_closed") == [
        ("transport_closed", ws.transport, URL, "transport close", detail)
    ]
    assert ws.listener.of("app_raised") == ([("app_raised", error)] if error else [])


async def test_cancel_ends_the_call():
    ws = await Open().accepted()
    ws.transport.cancel()
    await asyncio.wait(ws.transport.tasks, timeout=SOON)
    assert ws.transport.connection.task.cancelled()
    assert ws.listener.of("app_raised") == []
