"""The stock client's session: as aiohttp's, with an app behind it."""

import asyncio
import gzip
import json
import subprocess
import sys
from http.cookies import SimpleCookie

import aiohttp
import httpx
import pytest
import socketio
from apps import lab

from asgi_sio_testclient import LeakWarning, LifespanFailed, stock
from asgi_sio_testclient.stock import ASGIClientSession

URL = "http://testserver"
BASIC = "Basic bWU6c2VjcmV0"  # me:secret
WAIT = 60.0

pytestmark = pytest.mark.usefixtures("nothing_left")


def stock_client(http, **options):
    return socketio.AsyncClient(http_session=http, handle_sigint=False, **options)


def answering(status=200, headers=(), body=b"", seen=None):
    """An app that answers every request alike, and keeps what it was asked."""

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


# -- the stock client


async def test_the_stock_client_talks_to_the_app(transports):
    built = lab()
    async with ASGIClientSession(built.app) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=list(transports))
        assert sio.transport() == transports[-1]
        assert await sio.call("echo", ("text", b"bytes")) == ("text", b"bytes")
        await sio.disconnect()
    assert built.disconnects
    built.assert_released()


async def test_the_simple_client_does_too(transports):
    async with (
        ASGIClientSession(lab().app) as http,
        socketio.AsyncSimpleClient(http_session=http) as sio,
    ):
        await sio.connect(URL, transports=list(transports))
        await sio.emit("reply", "hello")
        assert await sio.receive(timeout=WAIT) == ["reply", "hello"]


@pytest.mark.slow
async def test_one_session_has_as_many_connections_as_there_are_clients(transports):
    more_than_aiohttps_limit = 120
    async with ASGIClientSession(lab().app) as http:
        clients = [stock_client(http) for _ in range(more_than_aiohttps_limit)]
        async with asyncio.timeout(WAIT):
            for sio in clients:
                await sio.connect(URL, transports=list(transports))
            assert await clients[-1].call("echo", "last") == "last"
            for sio in clients:
                await sio.disconnect()


async def test_a_factory_makes_the_session_when_it_is_needed():
    sessions = []

    def factory():
        sessions.append(ASGIClientSession(lab().app))
        return sessions[-1]

    sio = stock_client(factory)
    await sio.connect(URL, transports=["websocket"])
    assert await sio.call("echo", 1) == 1
    await sio.disconnect()
    await sessions[0].close()
    assert sessions[0].closed


async def test_a_lost_connection_is_made_anew():
    built = lab()
    async with ASGIClientSession(built.app) as http:
        sio = stock_client(http, reconnection_delay=0.01, randomization_factor=0)
        again = asyncio.Event()
        await sio.connect(URL, transports=["websocket"])
        sio.on("connect", again.set)
        sio.eio.ws._response.close()
        await asyncio.wait_for(again.wait(), WAIT)
        assert await sio.call("echo", "back") == "back"
        await sio.disconnect()
    assert built.disconnects[0] == ("/", "transport close")


async def test_a_refusal_is_the_stock_clients_own_error(transports):
    async with ASGIClientSession(lab().app) as http:
        sio = stock_client(http)
        errors = []
        sio.on("connect_error", errors.append)
        with pytest.raises(socketio.exceptions.ConnectionError, match="failed to connect"):
            await sio.connect(URL, auth={"refuse": ["no entry"]}, transports=list(transports))
    assert errors == [{"message": "no entry"}]


async def test_a_wrong_path_is_the_stock_clients_own_error(transports):
    async with ASGIClientSession(lab().app, raise_app_exceptions=False) as http:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await stock_client(http).connect(
                URL, socketio_path="elsewhere", transports=list(transports)
            )


async def test_a_refused_upgrade_stays_on_polling():
    built = lab()

    async def no_websockets(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await built.app(scope, receive, send)

    async with session(no_websockets) as http:
        sio = stock_client(http)
        await sio.connect(URL)
        assert sio.transport() == "polling"
        await sio.disconnect()


async def test_a_polling_client_need_not_wait_for_its_pending_request():
    async with ASGIClientSession(lab().app) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=["polling"])
        async with asyncio.timeout(WAIT):
            await sio.disconnect()


async def test_a_pending_request_is_answered_as_at_the_timeout_of_the_server():
    """With 400, and not in 45 s; also when the goodbye comes right behind it."""
    url = f"{URL}/socket.io/?EIO=4&transport=polling"
    async with ASGIClientSession(lab().app) as http:
        for turns in (0, 20):
            async with http.get(url) as response:
                sid = json.loads((await response.text())[1:])["sid"]
            pending = asyncio.ensure_future(_status(http.get(f"{url}&sid={sid}")))
            for _ in range(turns):
                await asyncio.sleep(0)
            assert await _status(http.post(f"{url}&sid={sid}", data="1")) == 200
            async with asyncio.timeout(WAIT):
                assert await pending == 400


async def test_a_pending_request_that_never_gets_there_is_let_go_all_the_same():
    """One that some middleware holds for longer than any server takes."""
    built, reached, gate = lab(), asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        if scope.get("method") == "GET" and b"sid=" in scope["query_string"]:
            reached.set()
            await gate.wait()
        await built.app(scope, receive, send)

    url = f"{URL}/socket.io/?EIO=4&transport=polling"
    async with ASGIClientSession(slow) as http:
        async with http.get(url) as response:
            sid = json.loads((await response.text())[1:])["sid"]
        pending = asyncio.ensure_future(_status(http.get(f"{url}&sid={sid}")))
        await reached.wait()
        assert await _status(http.post(f"{url}&sid={sid}", data="1")) == 200
        gate.set()
        async with asyncio.timeout(WAIT):
            assert await pending == 400


async def _status(request):
    async with request as response:
        return response.status


# -- the end


async def test_a_websocket_that_ends_unnoticed_times_out_at_the_end():
    """python-engineio lets go of it when a packet is malformed, and of its client only then."""
    built = lab()
    async with ASGIClientSession(built.app, raise_app_exceptions=False) as http:
        sio = stock_client(http, reconnection=False)
        await sio.connect(URL, transports=["websocket"])
        await sio.eio.ws.send_str("abc")
        await sio.wait()
        assert built.disconnects == []
    assert built.disconnects == [("/", "ping timeout")]
    assert [type(error) for error in http.app_exceptions] == [ValueError]
    built.assert_released()


@pytest.mark.parametrize(
    ("transport", "reason"), [("websocket", "transport close"), ("polling", "ping timeout")]
)
async def test_closing_the_session_ends_what_is_open(transport, reason):
    built = lab()
    http = ASGIClientSession(built.app)
    sio = stock_client(http, reconnection=False)
    await sio.connect(URL, transports=[transport])
    await http.close()
    assert built.disconnects == [("/", reason)]
    built.assert_released()
    async with asyncio.timeout(WAIT):
        await sio.eio.read_loop_task
    await http.close()


async def test_a_handler_may_end_before_the_session_does():
    built = lab()
    async with ASGIClientSession(built.app) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=["websocket"])
        await sio.emit("slow", (0.05, 1), callback=lambda *_: None)
        await asyncio.sleep(0)
        await sio.disconnect()
    built.assert_released()


async def test_a_handler_that_does_not_end_is_cancelled_and_named():
    built = lab()
    http = ASGIClientSession(built.app, timeout=0.1)
    sio = stock_client(http)
    await sio.connect(URL, transports=["websocket"])
    await sio.emit("slow", (10, 1))
    await sio.call("echo")
    await sio.disconnect()
    with pytest.warns(LeakWarning, match="slow"):
        await http.close()


async def test_a_request_under_way_is_told_that_the_client_is_gone():
    seen = []

    async def app(scope, receive, send):
        await receive()
        seen.append("called")
        seen.append((await receive())["type"])

    http = session(app)
    request = asyncio.ensure_future(_get(http))
    while not seen:  # noqa: ASYNC110 (a turn of the loop, no time)
        await asyncio.sleep(0)
    request.cancel()
    await asyncio.wait([request])
    await http.close()
    assert seen == ["called", "http.disconnect"]


async def test_a_request_that_nobody_lets_go_is_cancelled_with_the_session():
    async def app(scope, receive, send):
        await receive()
        await asyncio.Event().wait()

    http = session(app)
    request = asyncio.ensure_future(_get(http))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        await http.close()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await request


async def _get(http, **options):
    return await http.get(URL, **options)


async def test_a_closed_session_takes_no_more():
    async with session(answering()) as http:
        assert not http.closed
    assert http.closed
    with pytest.raises(RuntimeError, match="Session is closed"):
        await http.get(URL)
    with pytest.raises(RuntimeError, match="Session is closed"):
        await http.ws_connect(URL)
    with pytest.raises(RuntimeError, match="Session is closed"):
        await http.__aenter__()


async def test_a_session_that_was_never_used_closes():
    http = session(answering())
    await http.close()


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_test_that_is_cancelled_leaves_nothing(transports, turns):
    built = lab()

    async def scenario(http):
        sio = stock_client(http, reconnection=False)
        await sio.connect(URL, transports=list(transports))
        assert await sio.call("echo", "hello") == "hello"
        await sio.disconnect()

    async with ASGIClientSession(built.app) as http:
        task = asyncio.ensure_future(scenario(http))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await _stock_tasks_end()
    built.assert_released()
    async with ASGIClientSession(built.app) as http:
        await scenario(http)


async def _stock_tasks_end():
    """The stock client's own tasks notice by themselves that the session is closed."""
    async with asyncio.timeout(WAIT):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0)


# -- the lifespan


def with_lifespan(journal, fail=False):
    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            journal.append(scope["state"])
            await answering()(scope, receive, send)
            return
        await receive()
        journal.append("startup")
        scope["state"]["shared"] = 1
        outcome = "failed" if fail else "complete"
        await send({"type": f"lifespan.startup.{outcome}"})
        if not fail:
            await receive()
            journal.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})

    return app


async def test_the_lifespan_is_that_of_the_session():
    journal = []
    async with ASGIClientSession(with_lifespan(journal)) as http:
        await http.get(URL)
    assert journal == ["startup", {"shared": 1}, "shutdown"]


async def test_without_a_block_the_first_request_starts_it():
    journal = []
    http = ASGIClientSession(with_lifespan(journal))
    assert journal == []
    await asyncio.gather(http.get(URL), http.get(URL))
    await http.close()
    assert journal == ["startup", {"shared": 1}, {"shared": 1}, "shutdown"]


async def test_a_startup_that_fails_is_said():
    with pytest.raises(LifespanFailed):
        await ASGIClientSession(with_lifespan([], fail=True)).get(URL)


async def test_the_lifespan_can_be_left_out():
    journal = []
    async with ASGIClientSession(with_lifespan(journal), None, False) as http:
        await http.get(URL)
    assert journal == [{}]


# -- what the app raises


async def test_an_app_that_raises_is_a_500_and_raised_at_the_end():
    async def app(scope, receive, send):
        raise LookupError("as asked")

    with pytest.raises(LookupError, match="as asked"):  # noqa: PT012 (raised at the block's end)
        async with session(app) as http:
            response = await http.get(URL)
            assert (response.status, await response.text()) == (500, "Internal Server Error")
            assert isinstance(http.app_exceptions[0], LookupError)


async def test_several_are_raised_together():
    async def app(scope, receive, send):
        raise LookupError(scope["path"])

    with pytest.raises(ExceptionGroup) as raised:  # noqa: PT012 (raised at the block's end)
        async with session(app) as http:
            await http.get("/a")
            await http.get("/b")
    assert len(raised.value.exceptions) == 2


async def test_the_blocks_own_error_goes_first():
    async def app(scope, receive, send):
        raise LookupError

    with pytest.raises(KeyError):  # noqa: PT012 (raised at the block's end)
        async with session(app) as http:
            await http.get(URL)
            raise KeyError


async def test_what_a_handler_raises_is_raised_at_the_end():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def fail(sid):
        raise LookupError("in a handler")

    with pytest.raises(LookupError, match="in a handler"):  # noqa: PT012 (raised at the block's end)
        async with ASGIClientSession(socketio.ASGIApp(sio)) as http:
            client = stock_client(http)
            await client.connect(URL, transports=["websocket"])
            await client.emit("fail")
            while not http.app_exceptions:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0)
            await client.disconnect()


async def test_an_app_that_answers_nothing_is_a_500():
    async def app(scope, receive, send):
        await receive()

    async with session(app) as http:
        assert (await http.get(URL)).status == 500


async def test_a_response_that_breaks_off_is_no_whole_payload():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async with session(app) as http:
        response = await http.get(URL)
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


# -- requests


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
async def test_every_method_has_its_function(method):
    seen = []
    async with (
        session(answering(seen=seen)) as http,
        getattr(http, method)(URL + "/path?a=1", params={"b": "2"}) as response,
    ):
        assert response.ok
        assert response.method == method.upper()
    (scope, _) = seen[0]
    assert scope["method"] == method.upper()
    assert (scope["path"], scope["query_string"]) == ("/path", b"a=1&b=2")


BODIES = [
    ({"data": "text"}, b"text", "text/plain; charset=utf-8"),
    ({"data": b"bytes"}, b"bytes", "application/octet-stream"),
    ({"data": {"a": "1"}}, b"a=1", "application/x-www-form-urlencoded"),
    ({"data": aiohttp.FormData({"a": "1"})}, b"a=1", "application/x-www-form-urlencoded"),
    ({"json": {"a": 1}}, b'{"a": 1}', "application/json"),
    ({"data": "x", "headers": {"content-type": "own"}}, b"x", "own"),
    ({}, b"", "application/octet-stream"),
]


@pytest.mark.parametrize(("options", "body", "content_type"), BODIES)
async def test_bodies_are_made_as_aiohttp_makes_them(options, body, content_type):
    seen = []
    async with session(answering(seen=seen)) as http:
        await http.post(URL, **options)
    scope, sent = seen[0]
    assert sent == body
    assert header(scope, "content-type") == content_type
    assert header(scope, "content-length") == str(len(body))


async def test_a_file_is_sent_with_its_name():
    seen = []
    form = aiohttp.FormData()
    form.add_field("file", b"content", filename="name.txt")
    async with session(answering(seen=seen)) as http:
        await http.post(URL, data=form)
    assert b'filename="name.txt"' in seen[0][1]
    assert b"content" in seen[0][1]


async def test_one_body_is_enough():
    async with session(answering()) as http:
        with pytest.raises(ValueError, match="can not be used at the same time"):
            await http.post(URL, data=b"", json={})


async def test_an_option_that_nobody_knows_is_named():
    async with session(answering()) as http:
        with pytest.raises(TypeError, match="no_such_option"):
            await http.get(URL, no_such_option=1)
        with pytest.raises(TypeError, match="no_such_option"):
            await http.ws_connect(URL, no_such_option=1)
        assert (await http.get(URL, ssl=False, proxy=None)).ok


async def test_the_scope_tells_where_the_request_went():
    seen = []
    async with session(answering(seen=seen)) as http:
        await http.get("/relative")
        await http.get("https://other.example/path")
        await http.get("http://[::1]:8000/")
    scopes = [scope for scope, _ in seen]
    assert [scope["path"] for scope in scopes] == ["/relative", "/path", "/"]
    assert [scope["scheme"] for scope in scopes] == ["http", "https", "http"]
    assert [scope["server"] for scope in scopes] == [
        ("testserver", 80), ("other.example", 443), ("::1", 8000),
    ]  # fmt: skip
    assert [header(scope, "host") for scope in scopes] == [
        "testserver", "other.example", "[::1]:8000",
    ]  # fmt: skip


async def test_a_url_of_another_kind_is_refused():
    async with session(answering()) as http:
        with pytest.raises(aiohttp.NonHttpUrlClientError):
            await http.get("ftp://testserver/")


class Auth:
    """What aiohttp asks of its BasicAuth, whose making it deprecates."""

    def encode(self):
        return BASIC


async def test_a_user_in_the_url_or_given_is_authorized():
    seen = []
    async with session(answering(seen=seen)) as http:
        await http.get("http://me:secret@testserver/")
        await http.get("http://me@testserver/")
        await http.get(URL, auth=Auth())
    sent = [header(scope, "authorization") for scope, _ in seen]
    assert sent == [BASIC, "Basic bWU6", BASIC]


async def test_headers_of_the_session_go_with_every_request():
    seen = []
    async with session(answering(seen=seen), headers={"X-A": "1", "X-B": "1"}) as http:
        http.headers["X-C"] = "3"
        await http.get(URL, headers={"X-B": "2"})
    scope, _ = seen[0]
    assert [header(scope, name) for name in ("x-a", "x-b", "x-c")] == ["1", "2", "3"]
    assert "aiohttp" in header(scope, "user-agent")


REDIRECTS = [
    (301, "GET", b""), (302, "GET", b""), (303, "GET", b""),
    (307, "POST", b"x"), (308, "POST", b"x"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "method", "body"), REDIRECTS)
async def test_redirects_are_followed(status, method, body):
    seen = []

    async def app(scope, receive, send):
        there = scope["path"] == "/there"
        inner = answering(200 if there else status, [(b"location", b"/there")], seen=seen)
        await inner(scope, receive, send)

    async with session(app) as http:
        response = await http.post(URL, data=b"x")
        assert [hop.status for hop in response.history] == [status]
        assert str(response.url) == f"{URL}/there"
        assert (await http.post(URL, allow_redirects=False)).status == status
    assert (seen[1][0]["method"], seen[1][1]) == (method, body)


async def test_redirects_in_a_circle_end():
    async with session(answering(302, [(b"location", b"/")])) as http:
        with pytest.raises(aiohttp.TooManyRedirects):
            await http.get(URL)


# -- responses


async def test_a_response_reads_as_aiohttps_does():
    headers = [(b"content-type", b"text/plain; charset=latin-1"), (b"X-A", b"1"), (b"X-A", b"2")]
    async with session(answering(200, headers, "ä".encode("latin-1"))) as http:
        response = await http.get(URL + "/#part")
        assert (response.status, response.reason, response.ok) == (200, "OK", True)
        assert (response.content_type, response.charset) == ("text/plain", "latin-1")
        assert response.headers.getall("x-a") == ["1", "2"]
        assert await response.text() == "ä"
        assert await response.read() == b"\xe4"
        assert str(response.real_url) == f"{URL}/#part"
        assert "200 OK" in repr(response)
        response.raise_for_status()
        with pytest.raises(aiohttp.ContentTypeError):
            await response.json()
        assert response.closed


async def test_json_is_read_where_it_says_so():
    kind = [(b"content-type", b"application/problem+json")]
    async with session(answering(200, kind, b'{"a": 1}')) as http:
        response = await http.get(URL)
        assert await response.json() == {"a": 1}
        assert await response.json(content_type=None) == {"a": 1}
        assert await response.json(content_type="application/problem+json") == {"a": 1}
    async with session(answering(200, kind)) as http:
        assert await (await http.get(URL)).json() is None


async def test_an_error_can_be_raised():
    async with session(answering(599)) as http:
        response = await http.get(URL)
        assert (response.reason, response.charset) == ("", None)
        with pytest.raises(aiohttp.ClientResponseError) as raised:
            response.raise_for_status()
        assert raised.value.status == 599
        with pytest.raises(aiohttp.ClientResponseError):
            await http.get(URL, raise_for_status=True)


async def test_a_compressed_body_is_read_plain():
    encoded = gzip.compress(b"plain")
    async with session(answering(200, [(b"content-encoding", b"gzip")], encoded)) as http:
        assert await (await http.get(URL)).read() == b"plain"
        assert await (await http.get(URL, auto_decompress=False)).read() == encoded
    async with session(answering(200, [(b"content-encoding", b"gzip")], b"broken")) as http:
        with pytest.raises(aiohttp.ClientPayloadError, match="decode"):
            await (await http.get(URL + "/?transport=polling")).read()


async def test_all_responses_may_be_compressed():
    built = lab(compression_threshold=1)
    http = ASGIClientSession(built.app)
    sio = stock_client(http, reconnection=False)
    await sio.connect(URL, transports=["polling"])
    assert await sio.call("echo", "x" * 200_000) == "x" * 200_000
    await http.close()
    assert built.disconnects == [("/", "ping timeout")]
    async with asyncio.timeout(WAIT):
        await sio.eio.read_loop_task


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (aiohttp.ClientTimeout(total=0.02), TimeoutError),
        (0.02, TimeoutError),
        (aiohttp.ClientTimeout(sock_read=0.02), aiohttp.SocketTimeoutError),
    ],
)
async def test_a_slow_app_runs_into_the_timeout(timeout, error):
    async def app(scope, receive, send):
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    async with session(app) as http:
        with pytest.raises(error):
            await http.get(URL, timeout=timeout)


async def test_no_timeout_is_no_limit():
    async with session(answering()) as http:
        assert (await http.get(URL, timeout=None)).ok


# -- the wire


async def test_a_body_waits_for_the_server_where_the_client_asks_it_to():
    seen = []
    async with session(answering(seen=seen)) as http:
        await http.post(URL, data=b"body", expect100=True)
    assert seen[0][1] == b"body"


async def test_a_malformed_handshake_is_a_bad_request():
    async with session(answering()) as http:
        response = await http.get(URL, headers={"Upgrade": "websocket"})
        assert response.status == 400
        assert "Connection: Upgrade" in await response.text()


async def test_a_content_length_that_is_none_is_the_apps_error():
    app = answering(200, [(b"content-length", b"5")], b"too long for that")
    async with session(app, raise_app_exceptions=False) as http:
        with pytest.raises(aiohttp.ClientError):
            await (await http.get(URL)).read()
    assert "the response can't be sent" in str(http.app_exceptions[0])


async def test_a_request_that_breaks_off_never_reaches_the_app():
    seen = []

    async def body():
        yield b"begun"
        raise LookupError("as asked")

    async with session(answering(seen=seen)) as http:
        with pytest.raises((LookupError, aiohttp.ClientError)):
            await http.post(URL, data=body())
    assert seen == []


async def test_a_response_may_ask_for_the_connections_end():
    async with session(answering(200, [(b"connection", b"close")], b"once")) as http:
        for _ in range(2):
            assert await (await http.get(URL)).text() == "once"


# -- cookies


SET_COOKIE = [(b"set-cookie", b"plain=a; Path=/"), (b"set-cookie", b"not@legal=1")]


async def test_cookies_come_back():
    seen = []
    async with session(answering(200, SET_COOKIE, seen=seen), cookies={"mine": "1"}) as http:
        response = await http.get(URL)
        assert "plain" in response.cookies
        await http.get(URL, cookies={"more": "2"})
        await http.get(URL, headers={"Cookie": "given=3"})
        assert {"mine", "plain"} <= {cookie.key for cookie in http.cookie_jar}
    assert header(seen[0][0], "cookie") == "mine=1"
    assert "more=2" in header(seen[1][0], "cookie")
    assert "plain=" in header(seen[1][0], "cookie")
    assert header(seen[2][0], "cookie").startswith("given=3; mine=1")


async def test_cookies_go_with_the_websocket():
    built = lab(cookie="io")
    async with ASGIClientSession(built.app, cookies={"mine": "1"}) as http:
        sio = stock_client(http)
        await sio.connect(URL, headers={"Cookie": "given=2"}, transports=["websocket"])
        assert built.environ["HTTP_COOKIE"] == "given=2; mine=1"
        await sio.disconnect()


async def test_a_login_over_httpx_is_a_login_here():
    seen = []
    app = answering(200, [(b"set-cookie", b"new=2; Path=/")], seen=seen)
    async with httpx.AsyncClient(
        base_url="http://app.example", cookies={"login": "yes"}, headers={"X-Own": "1"},
        auth=("me", "secret"), transport=httpx.MockTransport(lambda request: None),
    ) as login, session(app, http=login) as http:  # fmt: skip
        await http.get("/")
        assert login.cookies["new"] == "2"
        jar = http.cookie_jar
        jar.update_cookies({"third": "3"})
        assert len(jar) == 3
        assert {morsel.key for morsel in jar} == {"login", "new", "third"}
        await http.get("/")
        jar.clear()
        assert len(jar) == 0
        assert jar
    scope, _ = seen[0]
    assert scope["server"] == ("app.example", 80)
    assert header(scope, "cookie") == "login=yes"
    assert header(scope, "x-own") == "1"
    assert header(scope, "authorization").startswith("Basic ")
    assert set(header(seen[1][0], "cookie").split("; ")) == {"login=yes", "new=2", "third=3"}


async def test_cookies_can_be_put_into_the_jar_of_httpx_for_one_host():
    async with httpx.AsyncClient() as login, session(answering(), http=login) as http:
        url = aiohttp.client.URL("http://app.example/")
        http.cookie_jar.update_cookies([("plain", "1")], url)
        http.cookie_jar.update_cookies(SimpleCookie("morsel=2"), url)
        http.cookie_jar.update_cookies(SimpleCookie("anywhere=3"))
        assert set(http.cookie_jar.filter_cookies(url)) == {"plain", "morsel", "anywhere"}
        elsewhere = aiohttp.client.URL("http://elsewhere.example/")
        assert set(http.cookie_jar.filter_cookies(elsewhere)) == {"anywhere"}
    built = lab()
    async with httpx.AsyncClient() as login, ASGIClientSession(built.app, login) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=["websocket"])
        assert "HTTP_COOKIE" not in built.environ
        await sio.disconnect()


# -- websockets


def websocket_app(journal=None, accept=None):
    """Answers what it is told to do."""
    journal = [] if journal is None else journal

    async def app(scope, receive, send):
        journal.append(scope)
        await receive()
        await send({"type": "websocket.accept", **(accept or {})})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                journal.append(message)
                return
            text = message.get("text")
            if text == "close":
                await send({"type": "websocket.close", "code": 4000, "reason": "bye"})
            elif text == "return":
                return
            elif text == "raise":
                raise LookupError
            else:
                await send({**message, "type": "websocket.send"})

    return app


async def test_a_websocket_is_aiohttps_own():
    journal = []
    accept = {"subprotocol": "chat", "headers": [(b"set-cookie", b"ws=1; Path=/")]}
    async with session(websocket_app(journal, accept)) as http:
        async with http.ws_connect(
            "ws://testserver/path", protocols=["chat", "other"], origin="http://o.example",
            headers={"X-A": "1"}, auth=Auth(),
        ) as websocket:  # fmt: skip
            assert isinstance(websocket, aiohttp.ClientWebSocketResponse)
            assert websocket.protocol == "chat"
            await websocket.send_str("text")
            assert await websocket.receive_str(timeout=WAIT) == "text"
            await websocket.send_bytes(b"bytes")
            assert await websocket.receive_bytes(timeout=WAIT) == b"bytes"
            await websocket.ping()
            await websocket.pong()
            await websocket.close(code=4001, message=b"done")
            assert websocket.closed
            assert (await websocket.receive()).type is aiohttp.WSMsgType.CLOSED
            with pytest.raises(ConnectionResetError):
                await websocket.send_str("too late")
        assert [cookie.key for cookie in http.cookie_jar] == ["ws"]
    scope, message = journal
    assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/path")
    assert scope["subprotocols"] == ["chat", "other"]
    assert header(scope, "origin") == "http://o.example"
    assert header(scope, "sec-websocket-protocol") == "chat,other"
    assert header(scope, "authorization") == BASIC
    assert message == {"type": "websocket.disconnect", "code": 4001, "reason": "done"}


async def test_the_apps_close_is_seen():
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(
            "wss://testserver/", timeout=aiohttp.ClientWSTimeout(ws_close=WAIT)
        )
        await websocket.send_str("first")
        await websocket.send_str("close")
        assert (await websocket.receive(WAIT)).data == "first"
        message = await websocket.receive(WAIT)
        assert (message.type, message.data, message.extra) == (
            aiohttp.WSMsgType.CLOSE, 4000, "bye",
        )  # fmt: skip
        assert websocket.close_code == 4000


@pytest.mark.parametrize("how", ["return", "raise"])
async def test_an_app_that_ends_without_closing_has_gone(how):
    async with session(websocket_app(), raise_app_exceptions=False) as http:
        websocket = await http.ws_connect(URL)
        await websocket.send_str(how)
        assert (await websocket.receive(WAIT)).type is aiohttp.WSMsgType.CLOSED
        assert websocket.close_code == 1006
        assert type(websocket.exception()) is aiohttp.ClientConnectionResetError
        assert [type(error) for error in http.app_exceptions] == (
            [LookupError] if how == "raise" else []
        )


async def test_the_network_can_be_lost():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL)
        waiting = asyncio.ensure_future(websocket.receive())
        await asyncio.sleep(0)
        websocket._response.close()
        websocket._response.close()
        assert (await waiting).type is aiohttp.WSMsgType.CLOSED
    assert journal[1] == {"type": "websocket.disconnect", "code": 1005}


async def test_a_refused_websocket_is_a_failed_handshake():
    async def app(scope, receive, send):
        await receive()
        if scope["path"] == "/respond":
            kind = "websocket.http.response"
            await send({"type": f"{kind}.start", "status": 401, "headers": [(b"x-a", b"1")]})
            await send({"type": f"{kind}.body", "body": b"no"})
        elif scope["path"] == "/close":
            await send({"type": "websocket.close"})
        elif scope["path"] == "/raise":
            raise LookupError

    async with session(app, raise_app_exceptions=False) as http:
        for path, status in (("respond", 401), ("close", 403), ("raise", 500), ("nothing", 500)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                await http.ws_connect(f"{URL}/{path}")
            assert raised.value.status == status
            assert raised.value.headers.get("X-A") == ("1" if path == "respond" else None)


async def test_a_cancelled_handshake_leaves_nothing():
    seen = []

    async def app(scope, receive, send):
        await receive()
        seen.append((await receive())["type"])

    async with session(app) as http:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(http.ws_connect(URL), 0.02)
    assert seen == ["websocket.disconnect"]


async def test_a_message_that_is_too_long_ends_the_websocket():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL, max_msg_size=10)
        await websocket.send_str("x" * 9)
        await websocket.send_str("x" * 10)
        await websocket.send_str("y")
        assert (await websocket.receive(WAIT)).data == "x" * 9
        message = await websocket.receive(WAIT)
        assert message.type is aiohttp.WSMsgType.ERROR
        assert message.data.code == 1009
    assert journal[1]["code"] == 1009


async def test_frames_of_no_websocket_end_the_connection():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL)
        transport = websocket._conn.transport
        transport.write(b"\xff\xff\xff\xff")
        assert (await websocket.receive(WAIT)).type is not aiohttp.WSMsgType.TEXT
        transport.write(b"\x00")
    assert (journal[1]["type"], journal[1]["code"]) == ("websocket.disconnect", 1002)


async def test_a_message_in_fragments_is_one_message():
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(URL)
        # A text frame without FIN and its continuation, each of one byte, masked with zeros.
        websocket._conn.transport.write(b"\x01\x81\0\0\0\0a" + b"\x80\x81\0\0\0\0b")
        assert await websocket.receive_str(timeout=WAIT) == "ab"


async def test_a_long_message_in_compressed_frames():
    text = "long " * 100_000
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(URL, compress=15)
        assert websocket.compress
        await websocket.send_str(text)
        assert await websocket.receive_str(timeout=WAIT) == text
        await websocket.send_bytes(text.encode())
        assert await websocket.receive_bytes(timeout=WAIT) == text.encode()


async def test_a_heartbeat_is_answered_by_the_server_and_not_the_app():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL, heartbeat=0.02)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(websocket.receive(), 0.08)
        assert not websocket.closed
    assert [entry["type"] for entry in journal] == ["websocket", "websocket.disconnect"]


async def test_what_merely_looks_like_engineio_is_left_alone():
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(URL)
        await websocket.send_str("0{no json")
        assert (await websocket.receive(WAIT)).data == "0{no json"
        await websocket.send_str('0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1}')
        await websocket.receive(WAIT)
    async with session(answering(200, (), b"hello")) as http:
        assert (await http.get(URL + "/?transport=polling")).ok
        assert (await http.post(URL + "/?transport=polling&sid=x", data=b"1")).ok


# -- arguments, and the extra


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="expected the ASGI app"):
        ASGIClientSession("module:app")
    with pytest.raises(TypeError, match="expected an httpx client"):
        ASGIClientSession(answering(), object())
    with pytest.raises(TypeError, match="expected seconds"):
        ASGIClientSession(answering(), timeout="soon")


async def test_the_server_can_be_given():
    built = lab()
    async with ASGIClientSession(built.app, server=built.sio) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=["websocket"])
        await sio.disconnect()
    built.assert_released()


async def test_an_app_may_hold_two_servers():
    one, two = lab(), lab(socketio_path="two")

    async def both(scope, receive, send):
        inner = two if scope["path"].startswith("/two") else one
        await inner.app(scope, receive, send)

    async with session(both) as http:
        for path in ("socket.io", "two"):
            sio = stock_client(http)
            await sio.connect(URL, socketio_path=path, transports=["polling"])
            await sio.disconnect()
    one.assert_released()
    two.assert_released()


def test_the_module_knows_its_names():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = stock.no_such_name


def test_without_the_extra_it_says_what_to_install():
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import asgi_sio_testclient.stock\n"
        "from asgi_sio_testclient.stock import ASGIClientSession"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "pip install 'asgi-sio-testclient[stock]'" in done.stderr


async def test_a_wsgi_app_needs_a_bridge():
    def wsgi(environ, start_response):
        start_response("200 OK", [])
        return [b""]

    with pytest.raises(TypeError, match=r"a WSGI app; expected ASGI: a2wsgi\.WSGIMiddleware"):
        ASGIClientSession(wsgi)
