"""Requests and responses of the session, which are aiohttp's own, with an app."""

import asyncio
import gzip

import aiohttp
import pytest
from apps import lab
from sessions import BASIC, URL, WAIT, Auth, answering, header, session, stock_client

from asgi_sio_testclient import LeakWarning
from asgi_sio_testclient.stock import ASGIClientSession

pytestmark = pytest.mark.usefixtures("nothing_left")


# -- the end


async def test_a_websocket_that_ends_unnoticed_times_out_at_the_end():
    """python-engineio ends the websocket when a packet is malformed, and the session only at its
    end.
    """
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
    """Wait until the stock client's own tasks have detected that the session is closed."""
    async with asyncio.timeout(WAIT):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0)


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


async def test_two_bodies_are_refused():
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
