"""The cookie jar over the cookies of Flask's and Werkzeug's test client."""

import http.cookiejar
import urllib.request

import flask
import httpx
import pytest
import werkzeug.test

from asgi_sio_testclient._http.werkzeug import WerkzeugClient, is_werkzeug_client


@pytest.fixture
def web():
    return flask.Flask(__name__).test_client()


@pytest.fixture
def jar(web):
    return WerkzeugClient(web).jar


def header(jar, url):
    request = urllib.request.Request(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


def names(jar):
    return sorted(cookie.name for cookie in jar)


def test_what_is_such_a_client(web):
    assert is_werkzeug_client(web)
    assert is_werkzeug_client(werkzeug.test.Client(flask.Flask(__name__)))
    assert not is_werkzeug_client(httpx.Client)
    assert not is_werkzeug_client(None)


def test_cookies_are_sent_to_their_host_and_path_only(web, jar):
    web.set_cookie("everywhere", "1")
    web.set_cookie("shop", "2", path="/shop")
    web.set_cookie("other", "3", domain="other.test")
    web.set_cookie("sub", "4", domain="shop.test", origin_only=False)
    assert header(jar, "http://localhost/") == "everywhere=1"
    assert header(jar, "http://localhost/shop/x") == "shop=2; everywhere=1"
    assert header(jar, "http://other.test/") == "other=3"
    assert header(jar, "http://www.other.test/") is None
    assert header(jar, "http://www.shop.test/") == "sub=4"
    assert len(jar) == 4


def test_what_is_set_here_is_set_there(web, jar):
    cookies = httpx.Cookies()
    cookies.jar = jar
    cookies.set("plain", "1")
    cookies.set("scoped", "2", domain=".shop.test", path="/cart")
    assert web.get_cookie("plain").value == "1"
    scoped = web.get_cookie("scoped", domain="shop.test", path="/cart")
    assert (scoped.value, scoped.origin_only) == ("2", False)
    assert header(jar, "http://www.shop.test/cart") == "scoped=2"


def test_what_is_removed_here_is_removed_there(web, jar):
    for name in ("one", "two", "three"):
        web.set_cookie(name, "x")
    web.set_cookie("elsewhere", "x", path="/shop")
    jar.clear("localhost.local", "/", "one")
    assert names(jar) == ["elsewhere", "three", "two"]
    with pytest.raises(KeyError, match="one"):
        jar.clear("localhost.local", "/", "one")
    jar.clear("localhost.local", "/shop")
    assert names(jar) == ["three", "two"]
    jar.clear()
    assert len(jar) == 0
    assert web.get_cookie("two") is None


def test_a_response_that_ends_a_cookie_ends_it(web, jar):
    web.set_cookie("session", "x")
    response = httpx.Response(
        200,
        headers=[("set-cookie", "session=; Max-Age=0; Path=/"), ("set-cookie", "new=1; Path=/")],
        request=httpx.Request("GET", "http://localhost/"),
    )
    cookies = httpx.Cookies()
    cookies.jar = jar
    cookies.extract_cookies(response)
    assert names(jar) == ["new"]


def test_a_client_without_cookies_gets_a_jar_of_its_own():
    web = flask.Flask(__name__).test_client(use_cookies=False)
    jar = WerkzeugClient(web).jar
    assert type(jar) is http.cookiejar.CookieJar
