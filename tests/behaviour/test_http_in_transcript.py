"""HTTP requests of `client.http` appear in the transcript, in order."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import socketio

from asgi_sio_testclient import EventTimeout, SyncTestClient, TestClient


def make_app(**options: Any) -> socketio.ASGIApp:
    sio = socketio.AsyncServer(async_mode="asgi", **options)

    async def api(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/broken":
            raise LookupError("no such parcel")
        if scope["path"] == "/silent":
            await receive()  # the body
            await receive()  # returns when the client has closed
            return
        await sio.emit("parcel_created", {"id": 5})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"id": 5}'})

    return socketio.ASGIApp(sio, api)


async def test_a_request_stands_before_the_event_that_it_set_off() -> None:
    async with TestClient(make_app()) as client:
        await client.connect()
        await client.http.post("/parcels", json={"label": "P1"})
        await client.await_event("parcel_created")
        labels = [entry.label for entry in client.transcript]
        request = labels.index("POST /parcels 201")
        assert labels[request + 1].startswith("EVENT 'parcel_created'")
        entry = client.transcript[request]
    assert (entry.direction, entry.transport, entry.engineio_type) == ("sent", "http", "HTTP")
    assert entry.args == ("POST", "/parcels", 201)
    assert entry.request is not None
    assert entry.request.duration is not None
    assert entry.request.response_body == b'{"id": 5}'
    assert "POST /parcels 201  [" in str(entry)


async def test_a_request_before_connect_starts_the_clock() -> None:
    async with TestClient(make_app()) as client:
        await client.http.get("/login")
        await client.connect()
    assert client.transcript[0].label == "GET /login 201"
    assert client.transcript[0].time == 0.0


async def test_values_of_the_query_are_masked() -> None:
    async with TestClient(make_app()) as client:
        await client.http.get("/login?token=s3cret")
    assert client.transcript[0].label == "GET /login?token=*** 201"
    assert "s3cret" not in repr(client.transcript[0])


async def test_what_the_app_raised_stands_in_the_place_of_a_status() -> None:
    async with TestClient(make_app()) as client:
        with pytest.raises(LookupError):
            await client.http.get("/broken")
    assert client.transcript[0].label == "GET /broken raised LookupError"


async def test_a_request_without_a_response_says_so() -> None:
    async with TestClient(make_app()) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.http.get("/silent", timeout=0.05)
    assert client.transcript[0].label == "GET /silent raised ReadTimeout"


async def test_a_request_under_way_has_no_status_yet() -> None:
    labels = []

    async def api(scope: Any, receive: Any, send: Any) -> None:
        labels.append(client.transcript[0].label)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sio = socketio.AsyncServer(async_mode="asgi")
    async with TestClient(socketio.ASGIApp(sio, api)) as client:
        await client.http.get("/")
    assert labels == ["GET / (no response)"]


async def test_a_timeout_shows_the_request_among_the_last_packets() -> None:
    async with TestClient(make_app()) as client:
        await client.connect()
        await client.http.post("/parcels")
        with pytest.raises(EventTimeout) as raised:
            await client.await_event("parcel_create", timeout=0.05)
    assert "POST /parcels 201" in str(raised.value)


async def test_attachments_are_found_across_a_request() -> None:
    async with TestClient(make_app()) as client:
        await client.connect()
        await client.emit("upload", b"one", b"two")
        await client.http.post("/parcels")
        await client.settle()
    upload = next(entry for entry in client.transcript if entry.event == "upload")
    assert upload.args == (b"one", b"two")


async def test_the_diagram_has_the_request() -> None:
    async with TestClient(make_app()) as client:
        await client.http.post("/parcels")
        assert "client1->>server: POST /parcels 201" in client.transcript.to_mermaid()


async def test_of_large_bodies_nothing_is_kept() -> None:
    async with TestClient(make_app()) as client:
        await client.http.post("/parcels", content=b"x" * 100_000)
    request = client.transcript[0].request
    assert request is not None
    assert request.body is None


async def test_old_requests_are_dropped_with_old_packets() -> None:
    async with TestClient(make_app()) as client:
        await client.http.post("/parcels")
        transcript = client.transcript
        transcript.trim_at = 1
        await client.http.post("/parcels")
        assert transcript.trim_at > 1


def test_requests_of_the_sync_client_stand_there_too() -> None:
    with SyncTestClient(make_app()) as client:
        client.connect()
        client.http.post("/parcels")
        client.await_event("parcel_created")
        assert any(entry.label == "POST /parcels 201" for entry in client.transcript)
