"""Emits to other receivers: another room, another namespace, another client."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio

import socketio

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, SHORT, Family, server

faults = Family()


def news_server() -> tuple[socketio.AsyncServer, socketio.ASGIApp]:
    sio, app = server(namespaces=["/", "/chat"])

    @sio.event
    async def publish(sid, options):
        await sio.emit("news", "rain", **options)

    return sio, app


@faults.fault(
    "The server emits the event in another namespace.",
    first_line="EventTimeout: 'news' went to namespace '/chat', and this client is connected to '/': no event 'news' in namespace '/' within 0.2 s",
    cause="went to namespace",
    within=AT_TIMEOUT,
    remedy="Connect to that namespace, or change the namespace of the emit.",
)
async def emitted_in_another_namespace():
    _, app = news_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("publish", {"namespace": "/chat"})
        await client.await_event("news")


@faults.fault(
    "The client enters the room after the app's emit.",
    first_line="EventTimeout: too early: 'news' went to room 'readers' before this client entered it: no event 'news' in namespace '/' within 0.2 s",
    cause="too early",
    within=AT_TIMEOUT,
    remedy="Await the ack of the event by which the client enters the room, before the app emits.",
)
async def room_entered_too_late():
    sio, app = news_server()

    @sio.event
    async def join(sid, room):
        await sio.enter_room(sid, room)

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("publish", {"room": "readers"})
        await client.emit("join", "readers")
        await client.await_event("news")


@faults.fault(
    "The client connects after the broadcast.",
    first_line="EventTimeout: too early: 'news' was emitted before this client connected: no event 'news' in namespace '/' within 0.2 s",
    cause="too early",
    within=AT_TIMEOUT,
    remedy="Connect all clients before the event that causes the broadcast.",
)
async def connected_after_the_broadcast():
    _, app = news_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("publish", {})
        await client.settle(5)
        late = client.clone()
        await late.connect(timeout=5)
        await late.await_event("news")


@faults.fault(
    "The server sends the event to another client.",
    first_line="EventTimeout: another client got 'news': it went to '<sid>', the sid of client2: no event 'news' in namespace '/' within 0.2 s",
    cause="another client",
    within=AT_TIMEOUT,
    remedy="Check the `sid` to which the handler emits.",
)
async def sent_to_another_client():
    _, app = news_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        other = client.clone()
        await other.connect(timeout=5)
        await client.emit("publish", {"to": other.sid})
        await client.await_event("news")


@faults.fault(
    "Another server emits the event.",
    first_line="EventTimeout: another server emitted 'news', not the one that this client is connected to: no event 'news' in namespace '/' within 0.2 s",
    cause="another server",
    within=AT_TIMEOUT,
    remedy="Import the server of the app in the module that emits.",
)
async def emitted_by_another_server():
    second, second_app = news_server()
    _, app = news_server()
    async with (
        TestClient(second_app) as elsewhere,
        TestClient(app, timeout=SHORT) as client,
    ):
        await elsewhere.connect()
        await client.connect(timeout=5)
        await second.emit("news", "rain")
        await client.await_event("news")


@faults.fault(
    "The app starts the task that sends the event at import.",
    first_line="EventTimeout: a task never ran, as it was begun in another event loop: weather (rooms.py:<line>); begin it in the lifespan, or anew with each client: no event 'news' in namespace '/' within 0.2 s",
    cause="a task never ran",
    within=AT_TIMEOUT,
    remedy="Start it in the lifespan: the event loop of the import does not run.",
)
async def begun_at_import():
    sio, app = news_server()

    async def weather():
        await sio.emit("news", "rain")

    loop = asyncio.new_event_loop()
    task = loop.create_task(weather())
    try:
        async with TestClient(app, timeout=SHORT) as client:
            await client.connect(timeout=5)
            await client.await_event("news")
    finally:
        task.cancel()
        task.get_coro().close()
        loop.close()
