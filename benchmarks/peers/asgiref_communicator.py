"""asgiref's ApplicationCommunicator with packets written by hand."""

import contextlib

from asgiref.testing import ApplicationCommunicator

from benchmarks import wire
from benchmarks.app import make_app
from benchmarks.method import Contender, on_a_loop, whole_tests
from benchmarks.peers import CALL, CONNECT, EMIT_EVENT, NEGATIVE, POLLING_CALL, TEST


class WebSocket:
    def __init__(self, app) -> None:
        self._communicator = ApplicationCommunicator(app, wire.websocket_scope())

    async def connect(self) -> None:
        await self._communicator.send_input({"type": "websocket.connect"})
        await self._communicator.receive_output()  # accept
        await self._communicator.receive_output()  # OPEN
        await self.exchange(wire.CONNECT)

    async def exchange(self, packet) -> str:
        await self._communicator.send_input(wire.text(packet))
        return (await self._communicator.receive_output())["text"]

    async def call(self) -> None:
        assert await self.exchange(wire.CALL) == wire.CALL_ACK

    async def emit_event(self) -> None:
        assert await self.exchange(wire.ASK) == wire.ANSWER

    async def nothing(self) -> None:
        await self._communicator.send_input(wire.text(wire.QUIET))
        assert await self._communicator.receive_nothing()

    async def close(self) -> None:
        await self._communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._communicator.wait()


class Polling:
    """Makes a communicator for each request: a communicator has one scope."""

    def __init__(self, app) -> None:
        self._app = app

    async def connect(self) -> None:
        self._sid = wire.sid_of(await self._request(wire.http_scope("GET"), ""))
        await self._exchange(wire.CONNECT)

    async def call(self) -> None:
        assert await self._exchange(wire.CALL) == wire.CALL_ACK

    async def close(self) -> None:
        await self._request(wire.post_scope(self._sid, wire.CLOSE), wire.CLOSE)

    async def _exchange(self, packet) -> str:
        await self._request(wire.post_scope(self._sid, packet), packet)
        return await self._request(wire.http_scope("GET", self._sid), "")

    async def _request(self, scope, payload) -> str:
        communicator = ApplicationCommunicator(self._app, scope)
        await communicator.send_input(wire.body(payload))
        await communicator.receive_output()
        answer = await communicator.receive_output()
        await communicator.wait()
        return answer["body"].decode()


def _within(driver, operation):
    @contextlib.asynccontextmanager
    async def opened():
        client = driver(make_app())
        await client.connect()
        yield getattr(client, operation)
        await client.close()

    return on_a_loop(opened)


@contextlib.asynccontextmanager
async def _connect():
    app = make_app()

    async def cycle():
        client = WebSocket(app)
        await client.connect()
        await client.close()

    yield cycle


async def _one_test():
    client = WebSocket(make_app())
    await client.connect()
    await client.call()
    await client.close()


def contenders():
    return [
        Contender(
            "asgiref",
            "asgiref ApplicationCommunicator, packets by hand",
            {
                CALL: _within(WebSocket, "call"),
                EMIT_EVENT: _within(WebSocket, "emit_event"),
                POLLING_CALL: _within(Polling, "call"),
                CONNECT: on_a_loop(_connect),
                TEST: whole_tests(_one_test),
                NEGATIVE: _within(WebSocket, "nothing"),
            },
        )
    ]
