"""The HTTP requests of long-polling: their bytes, their repetition, and unusual responses."""

import asyncio
import contextlib
import gc

import httpx
import pytest

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.asgi import HTTPExchange, http_scope
from asgi_sio_testclient.asgi._elsewhere import EXTENSION
from asgi_sio_testclient.remote import RemoteServer

PATIENCE = 60  # seconds; a bound against a hang
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A TCP server that records each request and answers with the next of `answers`; None closes
    the connection.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.heads = []
        self.connections = 0

    async def serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self):
        async with await asyncio.start_server(self.serve, "127.0.0.1", 0) as server:
            self.at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with TestClient(f"http://{self.at}", timeout=PATIENCE) as client:
                yield client


async def by_hand(app, method="GET", **scope):
    exchange = HTTPExchange(app, http_scope(method, "/", **scope))
    exchange.start()
    response = await exchange.response(PATIENCE)
    await exchange.task
    return response


async def test_what_is_sent():
    peer = Peer(OK, OK, OK)
    async with peer.running() as client:
        headers = {"X-Own": "1", "Connection": "close", "User-Agent": "u"}
        http = client.http
        http.headers.clear()
        await http.get("/a%20b?c=%20", headers=headers)
        await http.post("/", headers={"User-Agent": "u"})
        await http.post("/", content=b"ab", headers={"User-Agent": "u"})
    host = f"host: {peer.at}\r\n".encode()
    assert peer.heads == [
        b"GET /a%20b?c=%20 HTTP/1.1\r\n" + host + b"x-own: 1\r\nuser-agent: u\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + host + b"user-agent: u\r\ncontent-length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + host + b"user-agent: u\r\ncontent-length: 2\r\n\r\n",
    ]
    assert peer.connections == 1


@pytest.mark.parametrize(
    ("scope", "where"),
    [
        ({"query_string": b"a=1\r\nx-b: 2"}, "path"),
        ({"headers": [(b"x-a", b"1\r\nx-b: 2")]}, "header"),
        ({"headers": [(b"x-a\n", b"1")]}, "header"),
    ],
)
async def test_a_line_break_is_not_sent(unused_tcp_port, scope, where):
    server = RemoteServer(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(ValueError, match=rf"^a line break in (the|a) {where} of a request"):
        await by_hand(server, **scope)


async def test_a_get_is_sent_again_once_where_the_connection_ends_without_a_response():
    peer = Peer(OK, None, OK, None, None)
    async with peer.running() as client:
        await client.http.get("/")
        assert (await client.http.get("/")).text == "ok"
        assert peer.connections == 2
        with pytest.raises(httpx.ReadError, match="ended it without a response"):
            await client.http.get("/")
        assert peer.connections == 3
    assert len(peer.heads) == 5


async def test_a_post_is_never_sent_again():
    peer = Peer(OK, None)
    async with peer.running() as client:
        await client.http.post("/")
        with pytest.raises(httpx.ReadError, match="ended it without a response"):
            await client.http.post("/")
    assert len(peer.heads) == 2


async def test_interim_responses_are_passed_by():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    peer = Peer(hints + hints + OK)
    async with peer.running() as client:
        response = await client.http.get("/")
    assert (response.status_code, response.text) == (200, "ok")
    assert "link" not in response.headers


async def test_bodies_of_every_form():
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    none = b"HTTP/1.1 204 No Content\r\n\r\n"
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    peer = Peer(chunks, head, none, switched, OK)
    async with peer.running() as client:
        assert (await client.http.get("/")).text == "abc"
        assert (await client.http.head("/")).headers["content-length"] == "5"
        assert (await client.http.get("/")).status_code == 204
        assert (await client.http.get("/")).status_code == 101
        assert (await client.http.get("/")).text == "ok"
    assert peer.connections == 2


async def test_a_body_until_the_connection_ends():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with TestClient(f"http://127.0.0.1:{port}") as client:
            assert (await client.http.get("/")).text == "all of it"


@pytest.mark.slow
async def test_a_response_before_the_body_was_taken_ends_the_connection():
    over = asyncio.Event()

    async def serve(reader, writer):  # it stops reading at the limit that is set below
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await over.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024) as server:
        port = server.sockets[0].getsockname()[1]
        remote = RemoteServer(f"http://127.0.0.1:{port}")
        async with TestClient(remote, timeout=PATIENCE) as client:
            response = await client.http.post("/", content=b"x" * 50_000_000)
            assert response.status_code == 413
            (pool,) = remote._pools.values()
            assert pool.connector._conns == {}
        to_server = [
            each
            for each in gc.get_objects()
            if isinstance(each, asyncio.Transport)
            and each._sock is not None
            and each.get_extra_info("peername")[1] == port
        ]
        assert to_server == []
        over.set()


async def test_a_call_of_a_client_that_cancels_waits_for_no_disconnect():
    peer = Peer(OK)
    async with peer.running():
        received = []
        messages = [{"type": "http.request", "body": b""}]

        async def receive():
            return messages.pop()

        async def send(message):
            received.append(message)

        scope = http_scope("GET", "/")
        scope["extensions"] = {EXTENSION: {"cancels": True}}
        await RemoteServer(f"http://{peer.at}")(scope, receive, send)
    assert [message["type"] for message in received] == [
        "http.response.start",
        "http.response.body",
    ]
