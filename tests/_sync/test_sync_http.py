"""The `http` of the sync client."""

import asyncio

import httpx
import pytest
import socketio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient as StarletteClient

from asgi_sio_testclient import SyncTestClient


def web_app():
    sio = socketio.AsyncServer(async_mode="asgi")
    loops = []

    @sio.event
    async def connect(sid, environ):
        loops.append(asyncio.get_running_loop())
        await sio.save_session(sid, {"cookie": environ.get("HTTP_COOKIE", "")})

    async def login(request):
        body = await request.body()
        response = PlainTextResponse(body.decode())
        response.set_cookie("user", "python")
        return response

    async def news(request):
        loops.append(asyncio.get_running_loop())
        await sio.emit("news", "from a route")
        return PlainTextResponse("told")

    async def who(request):
        headers = request.headers.get("authorization", "")
        return JSONResponse({"user": request.cookies.get("user"), "auth": headers})

    routes = [
        Route("/who", who),
        Route("/login", login, methods=["POST"]),
        Route("/news", news, methods=["POST"]),
        Mount("/ws", socketio.ASGIApp(sio, socketio_path="ws/socket.io")),
    ]
    app = Starlette(routes=routes)
    app.state.loops = loops
    return app


def test_http_is_on_the_same_app_and_loop(transports):
    app = web_app()
    with SyncTestClient(app, socketio_path="/ws/socket.io", transports=transports) as client:
        assert isinstance(client.http, httpx.Client)
        assert client.http is client.http
        assert client.http.post("/login", content=iter([b"str", b"eam"])).text == "stream"
        assert client.cookies["user"] == client.http.cookies["user"] == "python"
        client.connect()
        with client.session() as session:
            assert "user=python" in session["cookie"]
        assert client.http.post("/news").text == "told"
        assert client.await_event("news").data == "from a route"
    assert len(set(app.state.loops)) == 1


def test_headers_of_the_client_go_with_http_too():
    with SyncTestClient(web_app(), headers={"x-user": "python"}) as client:
        assert client.headers["x-user"] == "python"
        assert client.http.headers["x-user"] == "python"


def test_a_sync_client_handed_in_is_used():
    with httpx.Client(base_url="http://testserver", trust_env=False, verify=False) as http:
        http.cookies["user"] = "given"
        with SyncTestClient(web_app(), http=http, socketio_path="/ws/socket.io") as client:
            assert client.http is http
            client.connect()
            with client.session() as session:
                assert "user=given" in session["cookie"]
            other = client.clone(http=http)
            assert other.http is http
            assert client.clone().http is not http


def test_starlettes_client_has_a_loop_of_its_own_and_lends_its_cookies_only():
    app = web_app()
    http = StarletteClient(app)
    http.post("/login")
    with SyncTestClient(app, http=http, socketio_path="/ws/socket.io") as client:
        assert client.http is not http
        assert client.http.cookies["user"] == "python"
        client.connect()
        client.http.post("/news")
        assert client.await_event("news").data == "from a route"


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_an_async_client_handed_in_is_gone_through(library):
    library = pytest.importorskip(library)
    app = web_app()
    transport = library.ASGITransport(app)
    http = library.AsyncClient(
        transport=transport, base_url="http://testserver", follow_redirects=True, auth=("me", "pw")
    )
    http.cookies["user"] = "given"
    with SyncTestClient(app, http=http, socketio_path="/ws/socket.io") as client:
        assert isinstance(client.http, httpx.Client)
        assert client.http.follow_redirects
        assert client.http.get("/who").json() == {"user": "given", "auth": "Basic bWU6cHc="}
        assert client.http.get("/who", auth=("x", "y")).json()["auth"] == "Basic eDp5"
        assert client.http.post("/login", content="body").text == "body"
        assert {cookie.value for cookie in http.cookies.jar} == {"given", "python"}
        client.connect()
        assert client.http.post("/news").text == "told"
        assert client.await_event("news").data == "from a route"
