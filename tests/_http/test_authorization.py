"""An httpx.Auth needs only the flow of its own client: the async one or the sync one."""

import httpx
import pytest

from asgi_sio_testclient._http.context import HTTPContext

URL = "http://testserver/socket.io/"


class AsyncOnly(httpx.Auth):
    def sync_auth_flow(self, request):
        raise RuntimeError("use an httpx.AsyncClient")

    async def async_auth_flow(self, request):
        request.headers["X-Token"] = "async"
        yield request


class SyncOnly(httpx.Auth):
    def sync_auth_flow(self, request):
        request.headers["X-Token"] = "sync"
        yield request

    async def async_auth_flow(self, request):
        raise RuntimeError("use an httpx.Client")
        yield request


async def no_app(scope, receive, send):
    """Never called."""


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_an_auth_with_one_flow(kind):
    if kind == "async":
        http = httpx.AsyncClient(transport=httpx.ASGITransport(no_app), auth=AsyncOnly())
    else:
        http = httpx.Client(transport=httpx.MockTransport(lambda _: None), auth=SyncOnly())
    http_context = HTTPContext(http, "http://testserver", None, None, "", ("testclient", 50000))
    assert await http_context.authorization(URL) == [(b"x-token", kind.encode())]
