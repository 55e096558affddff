"""From an http client, a URL, cookies and headers to the scopes of a connection, and back."""

import base64
import gzip
import time
import zlib
from http import cookiejar

import httpx
import pytest
from starlette.testclient import TestClient as StarletteTestClient

from asgi_sio_testclient._http.context import DEFAULT_HEADERS, HTTPContext
from asgi_sio_testclient._http.requests import ConnectionRequests, decoded_body
from asgi_sio_testclient._http.urls import parse_base_url
from asgi_sio_testclient.asgi import Response

BASE_URL = "http://testserver"
URL = "http://testserver/socket.io/"
CLIENT = ("testclient", 50000)


async def app(scope, receive, send):
    """Never called: only asked who its clients are."""


def http_client(**options):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), **options)


def http_context(
    http=None, base_url=BASE_URL, headers=None, cookies=None, root_path="", client=CLIENT
):
    return HTTPContext(http, base_url, headers, cookies, root_path, client)


def handshake(*args, socketio_path="socket.io", headers=None, query=None, state=None, **options):
    return ConnectionRequests(http_context(*args, **options), socketio_path, headers, query, state)


def headers_of(scope, name):
    return [value.decode() for key, value in scope["headers"] if key.decode() == name]


# -- base URLs


@pytest.mark.parametrize(
    ("base_url", "scheme", "netloc", "path", "server"),
    [
        ("http://testserver", "http", "testserver", "", ("testserver", 80)),
        ("https://testserver", "https", "testserver", "", ("testserver", 443)),
        ("http://testserver:8000/api/", "http", "testserver:8000", "/api", ("testserver", 8000)),
        ("ws://testserver", "http", "testserver", "", ("testserver", 80)),
        ("wss://testserver", "https", "testserver", "", ("testserver", 443)),
        ("http://[::1]:9", "http", "[::1]:9", "", ("::1", 9)),
        ("http://t/a%20b?x=1", "http", "t", "/a%20b", ("t", 80)),
    ],
)
def test_a_base_url_is_taken_apart(base_url, scheme, netloc, path, server):
    origin = parse_base_url(base_url)
    assert (origin.scheme, origin.netloc, origin.path) == (scheme, netloc, path)
    assert origin.server == server
    assert origin.url == f"{scheme}://{netloc}{path}"


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("testserver", "expected something like 'http://testserver'"),
        ("ftp://testserver", "expected something like"),
        ("http://", "expected something like"),
        ("/path", "expected something like"),
        ("http://testserver:port", "Invalid port"),
    ],
)
def test_what_is_no_base_url_is_a_value_error(base_url, words):
    with pytest.raises(ValueError, match=words) as caught:
        parse_base_url(base_url)
    assert str(caught.value).startswith(f"base_url is {base_url!r}")


# -- the scopes


def test_the_scope_of_a_poll():
    scope = handshake(root_path="/root", client=None, state={"db": 1}).http_scope("GET")
    query = scope["query_string"].decode()
    assert query.startswith("transport=polling&EIO=4&t=")
    assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "GET", "http")
    assert (scope["path"], scope["raw_path"]) == ("/socket.io/", b"/socket.io/")
    assert (scope["root_path"], scope["client"]) == ("/root", None)
    assert scope["server"] == ("testserver", 80)
    assert scope["state"] == {"db": 1}
    assert scope["headers"] == [
        (b"host", b"testserver"),
        *((name.encode(), value.encode()) for name, value in DEFAULT_HEADERS.items()),
    ]


def test_a_poll_of_a_session_is_stamped_and_a_post_is_not():
    shake = handshake()
    get, post = shake.http_scope("GET", "abc"), shake.http_scope("POST", "abc")
    assert get["query_string"].startswith(b"transport=polling&EIO=4&sid=abc&t=")
    assert post["query_string"] == b"transport=polling&EIO=4&sid=abc"


def test_headers_of_one_request_come_last():
    scope = handshake().http_scope("POST", "abc", [(b"content-length", b"3")])
    assert scope["headers"][-1] == (b"content-length", b"3")


def test_the_scope_of_a_websocket():
    scope = handshake(base_url="https://testserver:8443").websocket_scope("abc")
    assert (scope["type"], scope["scheme"]) == ("websocket", "wss")
    assert scope["server"] == ("testserver", 8443)
    assert scope["query_string"].startswith(b"transport=websocket&EIO=4&sid=abc&t=")
    assert headers_of(scope, "host") == ["testserver:8443"]
    assert headers_of(scope, "connection") == ["Upgrade"]
    assert headers_of(scope, "upgrade") == ["websocket"]
    assert headers_of(scope, "sec-websocket-version") == ["13"]
    [key] = headers_of(scope, "sec-websocket-key")
    assert len(base64.b64decode(key)) == 16


def test_each_websocket_has_a_key_of_its_own():
    shake = handshake()
    keys = {headers_of(shake.websocket_scope(), "sec-websocket-key")[0] for _ in range(3)}
    assert len(keys) == 3


def test_what_a_websocket_sets_itself_is_not_taken_from_the_headers():
    given = {"Connection": "close", "Upgrade": "h2c", "Sec-WebSocket-Key": "x", "X-A": "1"}
    scope = handshake(headers=given).websocket_scope()
    assert headers_of(scope, "connection") == ["Upgrade"]
    assert headers_of(scope, "upgrade") == ["websocket"]
    assert headers_of(scope, "sec-websocket-key") != ["x"]
    assert headers_of(scope, "x-a") == ["1"]
    assert headers_of(handshake(headers=given).http_scope("GET"), "connection") == ["close"]


@pytest.mark.parametrize(
    ("base_url", "socketio_path", "raw_path"),
    [
        (BASE_URL, "socket.io", b"/socket.io/"),
        (BASE_URL, "/ws/socket.io/", b"/ws/socket.io/"),
        (BASE_URL, "", b"/"),
        (BASE_URL, "/", b"/"),
        (f"{BASE_URL}/api", "socket.io", b"/api/socket.io/"),
        (BASE_URL, "caf\u00e9 au lait", b"/caf%C3%A9%20au%20lait/"),
        (BASE_URL, "a%20b", b"/a%20b/"),
    ],
)
def test_where_the_server_is_mounted(base_url, socketio_path, raw_path):
    shake = handshake(base_url=base_url, socketio_path=socketio_path)
    assert shake.http_scope("GET")["raw_path"] == raw_path
    assert shake.websocket_scope()["raw_path"] == raw_path
    assert shake.url == f"{BASE_URL}{raw_path.decode()}"


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (None, ""),
        ("", ""),
        ({}, ""),
        ({"a": 1, "b": "x y"}, "a=1&b=x+y&"),
        ({"a": [1, 2]}, "a=1&a=2&"),
        ("?token=abc", "token=abc&"),
        ("a=1&b=caf\u00e9", "a=1&b=caf%C3%A9&"),
        ("a=%20", "a=%20&"),
    ],
)
def test_the_users_query_comes_first(query, first):
    scope = handshake(query=query).http_scope("POST")
    assert scope["query_string"].decode() == f"{first}transport=polling&EIO=4"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (None, ""),
        ("a=1", "a=***&"),
        ({"token": "s3cret", "room": ""}, "token=***&room=&"),
        ("t0k3n", "***&"),
        ("a=1&t=2&b=3=4", "a=***&t=***&b=***&"),
        ("EIO=3&transport=polling", "EIO=3&transport=polling&"),
    ],
)
def test_the_url_of_a_request_is_told_without_its_stamp_and_the_users_values(query, told):
    shake = handshake(query=query)
    scope = shake.websocket_scope("abc")
    assert shake.request_url(scope) == (
        f"ws://testserver/socket.io/?{told}transport=websocket&EIO=4&sid=abc"
    )


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


# -- bodies


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((), b"hello"),
        (((b"content-encoding", b"gzip"),), gzip.compress(b"hello")),
        (((b"content-encoding", b"deflate"),), zlib.compress(b"hello")),
    ],
    ids=["plain", "gzip", "deflate"],
)
def test_a_body_is_decoded_as_its_header_says(headers, body):
    assert decoded_body(Response(200, headers, body)) == b"hello"


def test_a_body_that_is_not_what_its_header_says_is_a_decoding_error():
    with pytest.raises(httpx.DecodingError):
        decoded_body(Response(200, ((b"content-encoding", b"gzip"),), b"no gzip"))
