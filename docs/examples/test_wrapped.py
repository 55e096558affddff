"""`socketio.ASGIApp` wraps a FastAPI app, whose lifespan runs, too."""

from contextlib import asynccontextmanager

import pytest
import socketio
from fastapi import FastAPI

from asgi_sio_testclient import TestClient

sio = socketio.AsyncServer(async_mode="asgi")
tasks = []


@asynccontextmanager
async def lifespan(_app):
    tasks.append("water the plants")
    yield
    tasks.clear()


fastapi_app = FastAPI(lifespan=lifespan)
app = socketio.ASGIApp(sio, fastapi_app)


@fastapi_app.get("/tasks")
async def list_tasks() -> list[str]:
    return tasks


@sio.event
async def add_task(sid, task):
    tasks.append(task)
    await sio.emit("tasks", tasks)


@pytest.fixture
async def client():
    async with TestClient(app) as client:
        await client.connect()
        yield client


async def test_what_an_event_changes_is_seen_over_http(client):
    await client.emit("add_task", "feed the cat")
    await client.await_event("tasks")

    answer = await client.http.get("/tasks")

    assert answer.json() == ["water the plants", "feed the cat"]


async def test_everybody_is_told(client):
    async with client.clone() as other:
        await other.connect()

        await client.emit("add_task", "feed the cat")

        event = await other.await_event("tasks")
        assert event.data == ["water the plants", "feed the cat"]
