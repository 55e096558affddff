"""The headers, authorization and cookies of requests, and the cookies that responses set."""

import base64
import time
from http import cookiejar

import httpx
import pytest
from handshakes import handshake, headers_of, http_context
from starlette.testclient import TestClient as StarletteTestClient

from asgi_sio_testclient._http.requests import ConnectionRequests

URL = "http://testserver/socket.io/"


async def app(scope, receive, send):
    """Never called: only its httpx client is used."""


def http_client(**options):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), **options)


# -- headers


def test_headers_of_the_call_replace_those_of_the_client_which_replace_those_of_http():
    http = http_client(headers={"X-A": "http", "X-B": "http", "X-C": "http"})
    shake = handshake(http, headers={"x-c": "call"}, cookies=None)
    assert headers_of(shake.http_scope("GET"), "x-c") == ["call"]
    who = http_context(http, headers={"X-B": "client", "x-c": "client"})
    shake = ConnectionRequests(who, "socket.io", {"X-C": "call"})
    scope = shake.http_scope("GET")
    assert headers_of(scope, "x-a") == ["http"]
    assert headers_of(scope, "x-b") == ["client"]
    assert headers_of(scope, "x-c") == ["call"]


def test_a_header_may_be_given_several_times():
    shake = handshake(headers=[("X-A", "1"), ("X-A", "2")])
    assert headers_of(shake.http_scope("GET"), "x-a") == ["1", "2"]


def test_the_default_headers_can_be_replaced():
    shake = handshake(headers={"User-Agent": "mine", "Host": "other"})
    scope = shake.http_scope("GET")
    assert headers_of(scope, "user-agent") == ["mine"]
    assert headers_of(scope, "host") == ["other"]


def test_with_an_http_client_its_headers_are_the_defaults():
    http = http_client(headers={"User-Agent": "browser"})
    assert headers_of(handshake(http).http_scope("GET"), "user-agent") == ["browser"]


def test_own_headers_are_made_when_they_are_asked_for_and_are_sent():
    who = http_context()
    assert who.headers is None
    who.own_headers["X-A"] = "1"
    assert who.own_headers is who.headers
    assert (b"x-a", b"1") in who.base_headers()


# -- authorization


@pytest.mark.parametrize("kind", [httpx.AsyncClient, httpx.Client], ids=["async", "sync"])
async def test_the_auth_of_the_http_client_is_taken(kind):
    http = kind(transport=httpx.MockTransport(lambda _: httpx.Response(200)), auth=("me", "pw"))
    shake = handshake(http)
    await shake.authorize()
    expected = "Basic " + base64.b64encode(b"me:pw").decode()
    assert headers_of(shake.http_scope("GET"), "authorization") == [expected]


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


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_an_auth_with_one_flow(kind):
    if kind == "async":
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), auth=AsyncOnly())
    else:
        http = httpx.Client(transport=httpx.MockTransport(lambda _: None), auth=SyncOnly())
    assert await http_context(http).authorization(URL) == [(b"x-token", kind.encode())]


class TwoHeaders(httpx.Auth):
    def auth_flow(self, request):
        request.headers["X-Token"] = "t"
        request.headers["X-User"] = "u"
        yield request


async def test_an_auth_may_add_any_headers_and_those_given_go_before_them():
    shake = handshake(http_client(auth=TwoHeaders()), headers={"X-Token": "given"})
    await shake.authorize()
    scope = shake.http_scope("GET")
    assert headers_of(scope, "x-token") == ["given"]
    assert headers_of(scope, "x-user") == ["u"]


@pytest.mark.parametrize("http", [None, "client"])
async def test_user_and_password_in_the_base_url_are_basic_authentication(http):
    client = None if http is None else http_client()
    shake = handshake(client, base_url="http://me:p%40w@testserver")
    await shake.authorize()
    expected = "Basic " + base64.b64encode(b"me:p@w").decode()
    assert headers_of(shake.http_scope("GET"), "authorization") == [expected]


async def test_without_auth_nothing_is_added():
    for client in (None, http_client()):
        shake = handshake(client)
        await shake.authorize()
        assert headers_of(shake.http_scope("GET"), "authorization") == []


# -- cookies


def test_without_cookies_there_is_no_cookie_header():
    assert headers_of(handshake().http_scope("GET"), "cookie") == []
    assert headers_of(handshake(http_client()).websocket_scope(), "cookie") == []


@pytest.mark.parametrize(
    "cookies",
    [{"a": "1"}, [("a", "1")], httpx.Cookies({"a": "1"}), httpx.Cookies({"a": "1"}).jar],
    ids=["dict", "pairs", "Cookies", "jar"],
)
def test_cookies_that_were_given_are_sent(cookies):
    shake = handshake(cookies=cookies)
    for scope in (shake.http_scope("GET"), shake.websocket_scope()):
        assert headers_of(scope, "cookie") == ["a=1"]


def test_cookies_of_the_http_client_are_sent_with_those_given_on_top():
    http = http_client(cookies={"a": "http", "b": "http"})
    [header] = headers_of(
        handshake(http, cookies={"b": "own", "c": "own"}).http_scope("GET"), "cookie"
    )
    assert sorted(header.split("; ")) == ["a=http", "b=own", "c=own"]
    assert dict(http.cookies) == {"a": "http", "b": "http"}, "what is given stays out of its jar"


def test_cookies_given_on_top_may_all_belong_elsewhere():
    cookies = httpx.Cookies()
    cookies.set("b", "1", domain="elsewhere.org")
    http = http_client(cookies={"a": "1"})
    assert headers_of(handshake(http, cookies=cookies).http_scope("GET"), "cookie") == ["a=1"]


def test_cookies_given_on_top_of_none():
    shake = handshake(http_client(), cookies={"a": "1"})
    assert headers_of(shake.http_scope("GET"), "cookie") == ["a=1"]


def test_a_jar_that_replaces_the_http_clients_is_used():
    http = http_client(cookies={"a": "old"})
    who = http_context(http)
    http.cookies = {"a": "new"}
    assert who.cookie_header(URL) == b"a=new"
    assert who.jar is http.cookies.jar


def test_a_header_that_is_kept_follows_every_change_of_the_jar(monkeypatch):
    http = http_client()
    who, jar, other = http_context(http), http.cookies.jar, "http://testserver.local/other"
    assert who.cookie_header(URL) == b""
    http.cookies.set("a", "1", domain="testserver.local")
    assert [who.cookie_header(URL) for _ in range(2)] == [b"a=1", b"a=1"]
    http.cookies.set("a", "2", domain="testserver.local")
    assert who.cookie_header(URL) == b"a=2"
    (cookie,) = jar
    cookie.value = "3"
    assert who.cookie_header(URL) == b"a=3"
    http.cookies.set("b", "4", domain="testserver.local", path="/other")
    assert (who.cookie_header(URL), who.cookie_header(other)) == (b"a=3", b"b=4; a=3")
    http.cookies.delete("b")
    jar._policy.set_blocked_domains(["testserver.local"])
    assert who.cookie_header(URL) == b""
    jar.set_policy(cookiejar.DefaultCookiePolicy())
    assert who.cookie_header(URL) == b"a=3"
    cookie.expires = time.time() + 60
    assert [who.cookie_header(URL) for _ in range(2)] == [b"a=3", b"a=3"]
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert who.cookie_header(URL) == b""
    assert list(jar) == []


def test_a_jar_of_another_class_is_asked_each_time():
    class Counting(cookiejar.CookieJar):
        asked = 0

        def add_cookie_header(self, request):
            self.asked += 1
            super().add_cookie_header(request)

    jar = Counting()
    who = http_context(http_client(cookies=jar))
    assert [who.cookie_header(URL) for _ in range(3)] == [b""] * 3
    assert who.jar.asked == 3


def test_a_cookie_header_that_was_given_stands_alone():
    shake = handshake(http_client(cookies={"a": "1"}), headers={"Cookie": "mine=1"})
    assert headers_of(shake.http_scope("GET"), "cookie") == ["mine=1"]
    assert headers_of(shake.websocket_scope(), "cookie") == ["mine=1"]


@pytest.mark.parametrize(
    ("cookie", "sent"),
    [
        ({"domain": "testserver.local"}, True),
        ({"domain": "elsewhere.org"}, False),
        ({"path": "/socket.io"}, True),
        ({"path": "/other"}, False),
    ],
)
def test_the_jar_decides_which_cookies_go_where(cookie, sent):
    cookies = httpx.Cookies()
    cookies.set("a", "1", **cookie)
    expected = ["a=1"] if sent else []
    assert headers_of(handshake(cookies=cookies).http_scope("GET"), "cookie") == expected
    http = http_client(cookies=cookies)
    assert headers_of(handshake(http).http_scope("GET"), "cookie") == expected


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_secure_cookie_goes_over_https_only(scheme):
    who = http_context(base_url=f"{scheme}://testserver")
    url = f"{scheme}://testserver/socket.io/"
    who.store_cookies("https://testserver/", [b"a=1; Secure; Path=/"])
    assert who.cookie_header(url) == (b"a=1" if scheme == "https" else b"")


def test_what_a_response_sets_is_sent_from_then_on():
    shake = handshake()
    shake.store_cookies([(b"content-type", b"x"), (b"set-cookie", b"io=abc; Path=/"),
                         (b"set-cookie", b"b=2")])  # fmt: skip
    [header] = headers_of(shake.http_scope("GET"), "cookie")
    assert sorted(header.split("; ")) == ["b=2", "io=abc"]
    shake.store_cookies([(b"set-cookie", b"io=; Max-Age=0; Path=/"), (b"set-cookie", b"b=3")])
    assert headers_of(shake.http_scope("GET"), "cookie") == ["b=3"]


def test_a_response_that_sets_nothing_changes_nothing():
    shake = handshake(cookies={"a": "1"})
    shake.store_cookies([(b"content-type", b"text/plain")])
    assert headers_of(shake.http_scope("GET"), "cookie") == ["a=1"]


def test_what_a_response_sets_lands_in_the_http_clients_jar():
    http = http_client()
    handshake(http).store_cookies([(b"set-cookie", b"io=abc; Path=/")])
    assert http.cookies["io"] == "abc"


def test_a_cookie_that_was_given_is_replaced_by_the_one_that_the_app_sets():
    shake = handshake(cookies={"session": "given"})
    shake.store_cookies([(b"set-cookie", b"session=login; Path=/")])
    assert headers_of(shake.http_scope("GET"), "cookie") == ["session=login"]


def test_starlettes_test_client_is_an_http_client():
    http = StarletteTestClient(app, cookies={"a": "1"}, headers={"X-A": "1"})
    scope = handshake(http).http_scope("GET")
    assert headers_of(scope, "cookie") == ["a=1"]
    assert headers_of(scope, "x-a") == ["1"]
    assert headers_of(scope, "user-agent") == ["testclient"]
