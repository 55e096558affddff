"""A user's tests, which are read by mypy and pyright, both strict, and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, assert_type

import httpx
import pytest

from asgi_sio_testclient import (
    ConnectionRefused,
    EventTimeout,
    HandshakeFailed,
    NotConnected,
    ReceivedEvent,
    SyncTestClient,
    TestClient,
    UnexpectedEvent,
)
from asgi_sio_testclient.bench import LatencyReport, measure
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker, InMemoryManager


async def app(scope: Any, receive: Any, send: Any) -> None: ...


class OwnClient(TestClient):
    async def log_in(self) -> OwnClient:
        return await self.connect("/chat", auth={"token": "x"})


class OwnSyncClient(SyncTestClient):
    def log_in(self) -> OwnSyncClient:
        return self.connect("/chat", auth={"token": "x"})


async def entering() -> None:
    async with TestClient(app) as client:
        assert_type(client, TestClient)
        assert_type(await client.connect(), TestClient)
        assert_type(client.clone(auth="x"), TestClient)
    async with OwnClient(app, transports=("polling", "websocket")) as own:
        assert_type(own, OwnClient)
        assert_type(await own.connect("/", "/chat", query={"a": 1}, timeout=1), OwnClient)
        assert_type(own.clone(), OwnClient)
        assert_type(await own.log_in(), OwnClient)


def options() -> None:
    TestClient(app, transports=["polling", "websocket"], serializer="msgpack")
    SyncTestClient(app, transports="polling", serializer=Packet)
    TestClient(app, transports="websockets")  # type: ignore[arg-type]
    TestClient(app, transports=["pooling"])  # type: ignore[list-item]
    SyncTestClient(app, serializer="msgpak")  # type: ignore[arg-type]


class Packet:
    """A subclass of `socketio.packet.Packet`."""


async def talking(client: TestClient) -> None:
    assert_type(await client.emit("event", 1, {"a": b"b"}, namespace="/chat"), None)
    assert_type(await client.send("text", callback=print), None)
    value: int = await client.call("double", 21)
    assert_type(value, int)
    event = await client.await_event("event", match=lambda event: event.data == 1, timeout=1)
    assert_type(event, ReceivedEvent)
    assert_type(event.name, str)
    assert_type(event.args, tuple[Any, ...])
    assert_type(event.data, Any)
    assert_type(event["name"], Any)
    assert_type(await client.await_events(2), list[ReceivedEvent])
    assert_type(client.get_received("*"), list[ReceivedEvent])
    assert_type(client.events(), AsyncIterator[ReceivedEvent])
    async for each in client.events("/chat"):
        assert_type(each, ReceivedEvent)
    assert_type(await client.settle(), None)
    assert_type(await client.assert_not_received("event"), None)
    assert_type(await client.disconnect("/chat"), None)
    assert_type(await client.abort(), None)


async def looking(client: TestClient) -> None:
    assert_type(client.sid, str | None)
    assert_type(client.get_sid("/chat"), str | None)
    assert_type(client.is_connected(), bool)
    assert_type(client.transport, str | None)
    assert_type(client.disconnect_reason, str | None)
    assert_type(client.http, httpx.AsyncClient)
    assert_type(client.cookies, httpx.Cookies)
    assert_type(client.headers, httpx.Headers)
    assert_type(client.rooms(), set[str])
    assert_type(client.session(), AbstractAsyncContextManager[dict[str, Any]])
    async with client.session() as session:
        assert_type(session, dict[str, Any])
    assert_type(client.app_exceptions, list[BaseException])
    assert_type(client.raw.sid, str)
    for entry in client.transcript:
        assert_type(entry.event, str | None)


def answering(client: TestClient, sync_client: SyncTestClient) -> None:
    @client.on("question")
    def decorated(first: int, second: str = "") -> bool:
        return bool(first)

    assert_type(decorated(1), bool)

    async def registered(value: float) -> str:
        return str(value)

    same: Callable[[float], Any] = client.on("question", registered, namespace="/chat")
    assert same is registered

    @sync_client.on("*")
    def everything(event: str, *args: Any) -> None: ...

    everything("event", 1)


def without_await(given: SyncTestClient) -> None:
    with SyncTestClient(app) as client:
        assert_type(client, SyncTestClient)
        assert_type(client.connect(), SyncTestClient)
        assert_type(client.clone(), SyncTestClient)
    with OwnSyncClient(app) as own:
        assert_type(own, OwnSyncClient)
        assert_type(own.connect(), OwnSyncClient)
        assert_type(own.clone(), OwnSyncClient)
        assert_type(own.log_in(), OwnSyncClient)
    assert_type(given.emit("event"), None)
    value: int = given.call("double", 21)
    assert_type(value, int)
    assert_type(given.await_event(), ReceivedEvent)
    assert_type(given.await_events(2), list[ReceivedEvent])
    assert_type(given.events(), Iterator[ReceivedEvent])
    assert_type(given.settle(), None)
    assert_type(given.http, httpx.Client)
    assert_type(given.session(), AbstractContextManager[dict[str, Any]])
    assert_type(given.rooms(), set[str])
    assert_type(given.raw.sid, str)
    given.raw.answer_pings = False
    assert_type(given.raw.post("4").status, int)


async def failing(client: TestClient) -> None:
    try:
        await client.connect()
    except ConnectionRefused as refused:
        assert_type(refused.namespace, str)
        assert_type(refused.refusals, dict[str, Any])
    except HandshakeFailed as failed:
        assert_type(failed.status, int | None)
        assert_type(failed.url, str)
    except EventTimeout as late:
        assert_type(late.event, str | None)
        assert_type(late.received, list[ReceivedEvent])
    except UnexpectedEvent as exc:
        error: AssertionError = exc
        assert error
    except NotConnected as exc:
        assert_type(exc.reason, str | None)


async def measuring(client: TestClient) -> None:
    report = await measure(client, "search", "tea", calls=10)
    assert_type(report, LatencyReport)
    assert_type(report.p99, float)


@pytest.fixture
async def fixture() -> AsyncIterator[TestClient]:
    async with TestClient(app) as client:
        yield await client.connect()


async def nodes() -> None:
    broker = InMemoryBroker()
    assert_type(broker.pending, int)
    await AsyncInMemoryManager(broker, write_only=True).emit("event", 1)
    InMemoryManager(broker).emit("event", 1)


# Mistakes: if a type checker reports no error here, it reports an unused ignore.


async def mistakes(client: TestClient, sync_client: SyncTestClient) -> None:
    await client.emit(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.await_event(namespace=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.on("event", 1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    sync_client.wait_event()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    TestClient(app, transport="polling")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
