"""What a user's type checker says of the public names: read by mypy and pyright, never run."""

from __future__ import annotations

from typing import Any, assert_type

import httpx

from asgi_sio_testclient import (
    ConnectionRefused,
    EventTimeout,
    HandshakeFailed,
    NotConnected,
    ReceivedEvent,
    SyncTestClient,
    TestClient,
)
from asgi_sio_testclient.bench import LatencyReport, measure


async def connecting(app: Any) -> None:
    async with TestClient(app, transports=["polling", "websocket"], timeout=1) as client:
        assert_type(client, TestClient)
        assert_type(await client.connect("/chat", auth={"user": "ada"}), TestClient)
        assert_type(client.is_connected("/chat"), bool)
        assert_type(client.get_sid("/chat"), str | None)
        assert_type(client.sid, str | None)
        assert_type(client.transport, str | None)
        assert_type(client.disconnect_reason, str | None)
        assert_type(client.http, httpx.AsyncClient)
        assert_type(client.clone(auth="other"), TestClient)
        assert_type(client.rooms(), set[str])
        assert_type(client.app_exceptions, list[BaseException])


async def receiving(client: TestClient) -> None:
    event = await client.await_event("said", match=lambda event: event.data == "hello")
    assert_type(event, ReceivedEvent)
    assert_type(event.name, str)
    assert_type(event.args, tuple[Any, ...])
    assert_type(event.data, Any)
    assert_type(await client.await_events(2, timeout=0.5), list[ReceivedEvent])
    assert_type(client.get_received(), list[ReceivedEvent])
    async for received in client.events():
        assert_type(received, ReceivedEvent)
    async with client.session("/chat") as session:
        assert_type(session, dict[str, Any])


async def handling(client: TestClient) -> None:
    @client.on("how are you?")
    async def answer(when: str) -> str:
        return f"well, {when}"

    # The decorator leaves the function as it was.
    assert_type(await answer("today"), str)


async def measuring(client: TestClient) -> None:
    report = await measure(client, "search", "tea", calls=10)
    assert_type(report, LatencyReport)
    assert_type(report.p99, float)


def plain(app: Any) -> None:
    with SyncTestClient(app) as client:
        assert_type(client.connect(), SyncTestClient)
        assert_type(client.await_event("said"), ReceivedEvent)
        assert_type(client.get_received("/chat"), list[ReceivedEvent])
        assert_type(client.http, httpx.Client)
        assert_type(client.call("say", 1), Any)


def errors(
    refused: ConnectionRefused, late: EventTimeout, failed: HandshakeFailed, gone: NotConnected
) -> None:
    assert_type(refused.refusals, dict[str, Any])
    assert_type(refused.namespace, str)
    assert_type(late.event, str | None)
    assert_type(late.received, list[ReceivedEvent])
    assert_type(failed.status, int | None)
    assert_type(gone.reason, str | None)
