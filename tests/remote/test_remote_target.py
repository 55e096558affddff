"""The URLs that RemoteServer accepts, and the errors for all others."""

import ssl

import httpx
import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.remote import RemoteServer
from asgi_sio_testclient.remote._target import parse_target


@pytest.mark.parametrize(
    ("url", "origin", "host", "port"),
    [
        ("http://localhost:5000", "http://localhost:5000", "localhost", 5000),
        ("https://staging.example.com/", "https://staging.example.com", "staging.example.com", 443),
        ("ws://h", "http://h", "h", 80),
        ("WSS://h:1", "https://h:1", "h", 1),
        ("http://[::1]:8000", "http://[::1]:8000", "::1", 8000),
        (" http://u:p@h ", "http://h", "h", 80),
    ],
)
def test_urls_that_are_taken(url, origin, host, port):
    target = parse_target(url)
    assert (target.origin, target.host, target.port) == (origin, host, port)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "localhost:5000",
            "no scheme in the url 'localhost:5000': expected something like 'http://localhost:5000'",
        ),
        ("", "no scheme in the url ''"),
        ("u:s3cret@h:1", "no scheme in the url '***@h:1'"),
        ("ftp://h", "no http(s) url: 'ftp://h'"),
        ("http://", "no host in the url 'http://'"),
        ("http://h:port", "no valid url: 'http://h:port': Port could not be cast"),
        ("http://u:p@h:port", "no valid url: 'http://***@h:port': host and port can't be read"),
        (
            "http://h/chat",
            "for a namespace call connect('/chat'), for a mounted server pass socketio_path='/chat",
        ),
        ("http://h/ws/socket.io/", "pass socketio_path='/ws/socket.io'"),
        ("http://h/socket.io/", "leave it out: '/socket.io' is the default of socketio_path"),
        ("http://h?token=s3cret", "a query in the url 'http://h?token=***': pass it to connect("),
        ("http://h?s3cret", "a query in the url 'http://h?***'"),
        ("http://u:s3cret@h?a=s3cret&b&c=#s3cret", "'http://***@h?a=***&***&c=***'"),
        ("http://h#top", "a fragment in the url 'http://h#***'"),
    ],
)
def test_urls_that_are_refused(url, said):
    with pytest.raises(ValueError) as caught:
        RemoteServer(url)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_the_client_takes_a_url_and_its_base_url():
    client = TestClient("https://user:pass@staging.example.com:8443")
    assert isinstance(client._options.app, RemoteServer)
    assert str(client.http.base_url) == "https://staging.example.com:8443"
    assert "pass" not in repr(client._options)
    assert "pass" not in repr(client._options.app)


@pytest.mark.slow
def test_the_base_url_of_the_http_client_goes_before():
    http = httpx.AsyncClient(base_url="https://other")
    assert TestClient("http://h", http=http)._options.base_url == "https://other"


def test_a_base_url_that_is_given_goes_before():
    assert str(TestClient("http://h", base_url="http://other").http.base_url) == "http://other"


def test_a_server_can_not_be_given_beside_a_url():
    with pytest.raises(TypeError, match="server is given, and the app is a server elsewhere"):
        TestClient("http://h", server=socketio.AsyncServer(async_mode="asgi"))


def test_a_path_is_refused_by_the_client_too():
    with pytest.raises(ValueError, match=r"connect\('/chat'\)"):
        TestClient("http://localhost/chat")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"verify": 1}, TypeError, "verify is 1"),
        ({"verify": "/no/such/file"}, ValueError, "there is no such file"),
        ({"connect_timeout": "1"}, TypeError, "connect_timeout is '1'"),
        ({"connect_timeout": True}, TypeError, "connect_timeout is True"),
        ({"connect_timeout": 0}, ValueError, "connect_timeout is 0"),
        ({"headers": {"a": 1}}, TypeError, "headers is of type dict"),
        ({"headers": 1}, TypeError, "headers is of type int"),
    ],
)
def test_options_that_are_refused(options, error, said):
    with pytest.raises(error) as caught:
        RemoteServer("http://h", **options)
    assert said in str(caught.value)


@pytest.mark.slow
def test_verify_as_httpx_takes_it(tmp_path):
    RemoteServer("https://h", verify=ssl.create_default_context())
    RemoteServer("https://h", verify=tmp_path)
    empty = tmp_path / "ca.pem"
    empty.touch()
    with pytest.raises(ValueError, match="no certificate in it"):
        RemoteServer("https://h", verify=str(empty))


def test_without_aiohttp_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"^RemoteServer needs aiohttp: pip install"):
        RemoteServer("http://h")
