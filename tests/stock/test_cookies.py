"""The cookies of the session, and those of an httpx client."""

from http.cookies import SimpleCookie

import aiohttp
import httpx
import pytest
from apps import lab
from sessions import URL, answering, header, session, stock_client

from asgi_sio_testclient.stock import ASGIClientSession

pytestmark = pytest.mark.usefixtures("nothing_left")
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


@pytest.mark.slow
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
