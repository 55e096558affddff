"""The first line of an error names host, port and cause, and is raised before the client's own
timeout.
"""

import asyncio
import base64
import contextlib
import errno
import hashlib
import re
import socket
import ssl

import aiohttp
import httpx
import pytest
from live import CERTIFICATE, Node, answering, serve
from yarl import URL

from asgi_sio_testclient import HandshakeFailed, NotConnected, TestClient, TestClientError
from asgi_sio_testclient.asgi import websocket_scope
from asgi_sio_testclient.remote import RemoteServer, _failures

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
SOON = 0.5  # seconds, the timeout for a server that sends nothing
PATIENCE = 60  # seconds; a bound against a hang
OPENING = b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":9}'
CONNECTED = b'40{"sid":"y"}'
HTML = b"<html>\r\n<head>\r\n"

pytestmark = pytest.mark.filterwarnings("ignore:loop is closed:ResourceWarning")


@pytest.fixture(params=["websocket", "polling"])
def transports(request):
    return request.param


async def failure(url, transports, timeout=30.0, **options):
    """Return the text of the error that connect raises, and of the one that a request raises."""
    server = RemoteServer(url, **options)
    async with TestClient(server, transports=transports, timeout=timeout) as client:
        with pytest.raises(HandshakeFailed) as caught:
            await client.connect(query={"token": "s3cret"})
        assert client.app_exceptions == []
    text = str(caught.value)
    assert "\n" not in text
    assert "s3cret" not in text
    assert "&t=" not in text
    return text


async def request_failure(url, **options):
    async with TestClient(RemoteServer(url, **options), timeout=30) as client:
        with pytest.raises(httpx.TransportError) as caught:
            await client.http.get("/")
    return caught.value


async def test_a_closed_port(transports, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    said = f"connection refused: nothing listens at 127.0.0.1:{unused_tcp_port}"
    assert said in await failure(url, transports)
    error = await request_failure(url)
    assert (type(error), str(error)) == (httpx.ConnectError, said)


async def test_a_host_without_address(transports):
    text = await failure("http://no-such-host.invalid", transports)
    assert "no such host: 'no-such-host.invalid' (port 80): " in text


async def test_a_host_that_has_no_valid_name(transports):
    for host in ("a..b", "a" * 64 + ".invalid"):
        text = await failure(f"http://{host}:81", transports)
        assert f"no such host: '{host}' (port 81): no valid host name" in text
        assert type(await request_failure(f"http://{host}:81")) is httpx.ConnectError


@pytest.mark.slow
async def test_a_port_that_says_nothing(transports):
    async with answering(None) as port:
        text = await failure(f"http://127.0.0.1:{port}", transports, timeout=SOON)
    said = f"no answer: 127.0.0.1:{port} took the connection and sent no response within 0.4 s; is"
    assert f"{said} the path '/socket.io/' right?" in text


@pytest.mark.slow
async def test_a_connection_that_is_never_made(transports):
    # A server that does not answer TLS's handshake makes no connection.
    async with answering(None) as port:
        url = f"https://127.0.0.1:{port}"
        text = await failure(url, transports, connect_timeout=SOON)
        assert f"no connection: 127.0.0.1:{port} did not take one within 0.5 s" in text
        error = await request_failure(url, connect_timeout=SOON)
    assert type(error) is httpx.ConnectError


async def test_another_protocol(transports):
    async with answering(b"-ERR unknown command\r\n") as port:
        text = await failure(f"http://127.0.0.1:{port}", transports)
        assert f"no HTTP: 127.0.0.1:{port} answered '-ERR" in text
        assert type(await request_failure(f"http://127.0.0.1:{port}")) is httpx.ReadError


async def test_a_connection_that_is_closed_at_once(transports):
    async with answering(b"") as port:
        text = await failure(f"http://127.0.0.1:{port}", transports)
        said = f"no answer: 127.0.0.1:{port} ended the connection; does it expect TLS (https), or"
        assert f"{said} is the path '/socket.io/' wrong?" in text
        error = await request_failure(f"http://127.0.0.1:{port}")
    assert str(error) == f"connection lost: 127.0.0.1:{port} ended it without a response"


async def test_a_response_that_ends_in_the_middle():
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n0{") as port:
        text = await failure(f"http://127.0.0.1:{port}", "polling")
    assert f"connection lost: 127.0.0.1:{port} ended it in the middle of a response" in text


async def test_a_certificate_that_is_not_trusted(transports):
    async with answering(b"", tls=True) as port:
        text = await failure(f"https://localhost:{port}", transports)
    assert f"certificate refused: localhost:{port}: self-signed certificate" in text


async def test_tls_where_there_is_none(transports):
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        text = await failure(f"https://127.0.0.1:{port}", transports)
    assert f"no TLS: 127.0.0.1:{port} answered without it; is the URL's scheme http?" in text


OLD = {"maximum_version": ssl.TLSVersion.TLSv1_2}
NEW = {"minimum_version": ssl.TLSVersion.TLSv1_3}


async def test_a_tls_connection_that_is_closed_at_once(transports):
    async with answering(b"", tls=True) as port:
        text = await failure(f"https://localhost:{port}", transports, verify=CERTIFICATE)
    assert (
        f"no answer: localhost:{port} ended the connection; is the path '/socket.io/' wrong?"
        in text
    )


@pytest.mark.parametrize(("ours", "theirs"), [(OLD, NEW), (NEW, OLD)])
async def test_a_version_of_tls_that_is_not_spoken(transports, ours, theirs):
    client = ssl.create_default_context(cafile=CERTIFICATE)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE)
    for context, versions in ((client, ours), (server, theirs)):
        for name, version in versions.items():
            setattr(context, name, version)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # ignore the server's errors
    async with await asyncio.start_server(print, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        text = await failure(f"https://localhost:{port}", transports, verify=client)
    assert f"TLS failed: localhost:{port}" in text


async def test_a_certificate_of_the_client_that_the_server_asks_for(transports):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=CERTIFICATE)
    context.load_cert_chain(CERTIFICATE)
    context.verify_mode = ssl.CERT_REQUIRED

    def serve(listening):  # with TLS 1.3 the handshake succeeds on the client's side
        for _ in range(2):  # a GET is repeated
            peer, _ = listening.accept()
            tls = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
            with pytest.raises(ssl.SSLError):
                tls.do_handshake()
            with socket.socket(fileno=tls.detach()) as plain:
                plain.settimeout(PATIENCE)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65_536):  # a close before that could prevent the alert
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        port = listening.getsockname()[1]
        serving = asyncio.create_task(asyncio.to_thread(serve, listening))
        text = await failure(f"https://localhost:{port}", transports, verify=CERTIFICATE)
        await serving
    assert f"TLS failed: localhost:{port}: tlsv13 alert certificate required" in text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            aiohttp.ClientConnectorSSLError(None, ssl.SSLError(1, "[SSL: NO_CIPHERS] none")),
            "TLS failed: h:1: [ssl: no ciphers] none",
        ),
        (
            aiohttp.ClientConnectorCertificateError(None, ValueError("no match")),
            "certificate refused: h:1: no match (verify= takes a CA file",
        ),
        (
            aiohttp.ClientConnectorError(None, OSError(errno.EHOSTUNREACH, "Connect call failed")),
            "no connection: h:1: No route to host",
        ),
        (
            aiohttp.ClientConnectorError(None, OSError("Multiple exceptions: one, two")),
            "no connection: h:1: Multiple exceptions: one, two",
        ),
        (
            aiohttp.ClientResponseError(None, (), message="Invalid header\n  X"),
            "no HTTP: h:1 answered Invalid header",
        ),
        (
            aiohttp.ClientResponseError(None, (), message=f"b'{'x' * 99}'"),
            f"no HTTP: h:1 answered '{'x' * 59}...",
        ),
    ],
)
def test_words_for_what_no_server_here_does(error, said):
    assert str(_failures.failure(error, URL("https://h:1"), None, 1.0)).startswith(said)


def test_an_address_of_ipv6_is_in_brackets():
    assert _failures.where(URL("http://[::1]:80/x")) == "[::1]:80"


async def test_a_websocket_that_is_none():
    answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"
    async with answering(answer) as port:
        text = await failure(f"http://127.0.0.1:{port}", "websocket")
    assert f"no websocket: 127.0.0.1:{port} answered with status 101: Invalid upgrade" in text


@pytest.mark.slow
async def test_a_wrong_path(server_url, transports):
    async with TestClient(server_url, transports=transports, socketio_path="wrong") as client:
        with pytest.raises(HandshakeFailed) as caught:
            await client.connect(timeout=1)
    text = str(caught.value)
    assert server_url.partition("://")[2] in text
    # uvicorn answers 500 if the app sends an HTTP response to a websocket; Node.js does not answer.
    assert re.search(r"is (socketio_path='wrong'|the path '/wrong/') right\?", text)


@pytest.mark.slow
async def test_a_redirection_of_a_handshake(transports):
    async def app(scope, receive, send):
        start = {"status": 302, "headers": [(b"location", b"/elsewhere?token=s3cret")]}
        kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
        await send({"type": f"{kind}.start", **start})
        await send({"type": f"{kind}.body", "body": b""})

    with serve(app) as url:
        assert "redirected to /elsewhere?token=***" in await failure(url, transports)


async def test_a_redirection_with_a_password(transports):
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://u:s3cret@h/?token=s3cret\r\n\r\n"
    async with answering(answer) as port:
        text = await failure(f"http://127.0.0.1:{port}", transports)
    assert "redirected to https://***@h/?token=*** (" in text


@pytest.mark.slow
@pytest.mark.parametrize("transports", ["websocket", "polling", ("polling", "websocket")])
async def test_a_server_that_dies(transports):
    with Node() as node:
        at = node.url.partition("://")[2]
        async with TestClient(node.url, transports=transports) as client:
            await client.connect()
            await client.call("echo")
            node.kill()
            with pytest.raises(NotConnected) as caught:
                await client.await_event("never", timeout=60)
            first = str(caught.value).splitlines()[0]
            assert at in first
            assert "app" not in first
            with pytest.raises(
                HandshakeFailed, match=f"connection refused: nothing listens at {at}"
            ):
                await client.connect()


def accepted(head):
    """Return the response that accepts a websocket."""
    key = re.search(rb"(?i)sec-websocket-key: (\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    return SWITCHED + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


async def accept_websocket(reader, writer):
    writer.write(accepted(await reader.readuntil(b"\r\n\r\n")))


def response(body, status=b"200 OK"):
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


@contextlib.asynccontextmanager
async def talking(*packets, then=None):
    """Serve `packets`, one for each GET or all over a websocket, and then `then` or nothing; yield
    the address. POSTs are answered.
    """
    left, over = list(packets), asyncio.Event()

    async def serve_one(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    async def talk(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"websocket" in head:
                writer.write(accepted(head))
                for packet in packets:
                    writer.write(bytes([0x81, len(packet)]) + packet)
                writer.write(then or b"")
                await reader.read()
                return
            if head.startswith(b"POST"):
                await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
                writer.write(response(b"ok"))
            elif left or then is not None:
                writer.write(response(left.pop(0)) if left else then)
            else:
                await over.wait()
                return

    async with await asyncio.start_server(serve_one, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        over.set()


async def first_line(at, transports, use):
    async with TestClient(f"http://{at}", transports=transports, timeout=SOON) as client:
        with pytest.raises(TestClientError) as caught:
            await use(client)
        text = str(caught.value).splitlines()[0]
        await client.abort()
    assert "app" not in text
    return text


async def connect(client):
    await client.connect()


async def connect_and_call(client):
    await client.connect()
    await client.call("e")


@pytest.mark.slow
async def test_a_server_that_never_answers_connect(transports):
    async with talking(OPENING) as at:
        text = await first_line(at, transports, connect)
    assert text == f"no answer to CONNECT of namespace '/' from {at} within 0.5 s"


@pytest.mark.slow
async def test_a_websocket_on_which_nothing_comes():
    async with talking() as at:
        text = await first_line(at, "websocket", connect)
    assert text == (
        "the server accepted the websocket and sent nothing: "
        f"no Engine.IO handshake from {at} within 0.5 s"
    )


@pytest.mark.slow
async def test_a_call_that_is_never_answered(transports):
    async with talking(OPENING, CONNECTED) as at:
        text = await first_line(at, transports, connect_and_call)
    assert text == f"the server did not answer: no ack for 'e' from {at} within 0.5 s"


async def test_another_protocol_over_a_websocket():
    async with talking(b"hello") as at:
        text = await first_line(at, "websocket", connect)
    assert text == f"malformed Engine.IO packet from {at}: 'hello'"


async def test_a_gateway_that_answers_in_the_place_of_the_server():
    for status, body, said in (
        (b"502 Bad Gateway", HTML, "502 from {}: <html>: the connection ended"),
        (b"503 Unavailable", b"", "503 from {}: the connection ended"),
    ):
        async with talking(OPENING, then=response(body, status)) as at:
            text = await first_line(at, "polling", connect)
        assert text.startswith(said.format(at))


async def test_a_websocket_that_the_server_closes():
    async with talking(OPENING, then=b"\x88\x05\x03\xf0bad") as at:
        text = await first_line(at, "websocket", connect)
    assert text.startswith(f"the server closed the websocket with code 1008: bad ({at})")


async def test_a_frame_that_breaks_the_protocol():
    async def serve_one(reader, writer):
        await accept_websocket(reader, writer)
        writer.write(b"\xff\xff\xff\xff")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve_one, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        text = await failure(f"http://127.0.0.1:{port}", "websocket")
    assert f"no valid websocket frame: 127.0.0.1:{port} sent one" in text


async def test_a_message_to_a_server_that_is_gone_leaves_the_cause_to_the_other_direction():
    async def serve_one(reader, writer):
        await accept_websocket(reader, writer)
        writer.write(b"\x81\x02hi")
        await writer.drain()
        writer.transport.abort()

    messages, arrived, go_on = asyncio.Queue(), asyncio.Event(), asyncio.Event()
    messages.put_nowait({"type": "websocket.connect"})

    async def send(message):
        if message["type"] == "websocket.send":
            arrived.set()
            await go_on.wait()

    async with await asyncio.start_server(serve_one, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        server = RemoteServer(f"http://127.0.0.1:{port}")
        call = asyncio.create_task(server(websocket_scope("/"), messages.get, send))
        await arrived.wait()
        (pool,) = server._pools.values()
        (protocol,) = pool.connector._acquired
        async with asyncio.timeout(60):
            while protocol.is_connected():  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0)
            messages.put_nowait({"type": "websocket.receive", "text": "lost"})
            while not messages.empty():  # noqa: ASYNC110
                await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(ConnectionError, match=f"^connection lost: 127.0.0.1:{port} ended it"):
            await asyncio.wait_for(call, 60)
