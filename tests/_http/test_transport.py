"""httpx's transport that passes requests to an app."""

import asyncio

import httpx
import httpx2
import pytest

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._http.transport import AppTransport
from asgi_sio_testclient._http.urls import parse_base_url
from asgi_sio_testclient.asgi import single_callable

SOON = 10.0


class Seen:
    """An app that answers, and records its scope and body."""

    def __init__(self):
        self.scope = None
        self.body = None

    async def __call__(self, scope, receive, send):
        self.scope, self.body = scope, (await receive())["body"]
        headers = [(b"X-A", b"1"), (b"X-A", b"2"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})


async def raises(scope, receive, send):
    raise LookupError("mine")


async def raises_late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello"})
    raise LookupError("mine")


class Hangs:
    """An app that waits, and records the messages until http.disconnect."""

    def __init__(self):
        self.messages = []

    async def __call__(self, scope, receive, send):
        while not self.messages or self.messages[-1]["type"] != "http.disconnect":
            self.messages.append(await receive())


class Http:
    """An httpx client of an app, with the tasks that the transport keeps."""

    def __init__(self, app, **changes):
        self.tasks = []
        options = {
            "state": lambda: {"db": 1}, "keep": self.tasks.append, "root_path": "/root",
            "client": ("10.0.0.1", 1), "raise_app_exceptions": True, "timeout": SOON,
            "origin": parse_base_url("http://testserver"), "owner": self, "note": [].append,
            "explain": lambda exc: "",
        }  # fmt: skip
        transport = AppTransport(single_callable(app), **{**options, **changes})
        self.client = httpx.AsyncClient(transport=transport, base_url="http://testserver")

    async def __aenter__(self):
        return self.client

    async def __aexit__(self, *exc_info):
        await self.client.aclose()
        await asyncio.wait_for(asyncio.gather(*self.tasks), SOON)


async def test_a_request_becomes_a_scope_and_a_response_comes_back():
    app = Seen()
    async with Http(app) as client:
        response = await client.post("/a%20b?x=1&y", content=b"body", headers={"X-Own": "1"})
    assert (response.status_code, response.text) == (201, "hello")
    assert response.headers.get_list("x-a") == ["1", "2"]
    assert app.body == b"body"
    assert (app.scope["method"], app.scope["path"]) == ("POST", "/a b")
    assert app.scope["raw_path"] == b"/a%20b"
    assert app.scope["query_string"] == b"x=1&y"
    assert (app.scope["root_path"], app.scope["client"]) == ("/root", ("10.0.0.1", 1))
    assert app.scope["state"] == {"db": 1}
    assert (b"x-own", b"1") in app.scope["headers"]


@pytest.mark.parametrize(
    ("url", "scheme", "server"),
    [
        ("http://a/", "http", ("a", 80)),
        ("https://a/", "https", ("a", 443)),
        ("https://a:8443/", "https", ("a", 8443)),
    ],
)
async def test_the_url_says_scheme_and_server(url, scheme, server):
    app = Seen()
    async with Http(app, state=lambda: None) as client:
        await client.get(url)
    assert (app.scope["scheme"], app.scope["server"]) == (scheme, server)
    assert app.scope["state"] == {}


async def test_what_the_app_raises_is_raised_by_the_request():
    async with Http(raises) as client:
        with pytest.raises(LookupError, match="mine"):
            await client.get("/")


async def test_or_it_is_a_500_as_under_a_server():
    async with Http(raises, raise_app_exceptions=False) as client:
        response = await client.get("/")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


async def test_what_follows_a_whole_response_is_raised_all_the_same():
    """Starlette answers 500 and then raises the exception."""
    async with Http(raises_late) as client:
        with pytest.raises(LookupError):
            await client.get("/")
    async with Http(raises_late, raise_app_exceptions=False) as client:
        assert (await client.get("/")).text == "hello"


@pytest.mark.parametrize("options", [{}, {"timeout": 0.01}])
async def test_a_request_has_the_transports_limit_or_its_own(options):
    app = Hangs()
    limit = SOON if options else 0.01
    async with Http(app, timeout=limit) as client:
        client.timeout = httpx.Timeout(None)
        with pytest.raises(httpx.ReadTimeout, match="no response to GET http://testserver/slow"):
            await client.get("/slow", **options)
    assert [message["type"] for message in app.messages] == ["http.request", "http.disconnect"]


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
@pytest.mark.parametrize("auth", [("me", "pw"), None], ids=["auth", "no auth"])
async def test_the_auth_of_a_sync_client_that_was_handed_in_is_used(library, auth):
    app = Seen()
    transport = library.MockTransport(lambda request: library.Response(200))
    with library.Client(transport=transport, auth=auth) as handed_in:
        async with TestClient(app, http=handed_in, lifespan=False) as client:
            await client.http.get("/")
    sent = [value for name, value in app.scope["headers"] if name == b"authorization"]
    assert sent == ([b"Basic bWU6cHc="] if auth else [])


async def test_only_http_is_spoken():
    async with Http(raises) as client:
        with pytest.raises(httpx.UnsupportedProtocol, match="expected http or https"):
            await client.get("ftp://testserver/")
