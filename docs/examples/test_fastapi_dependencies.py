"""FastAPI: the test overrides a dependency of an endpoint that emits."""

from typing import Annotated

import pytest
import socketio
from fastapi import Depends, FastAPI, HTTPException

from asgi_sio_testclient import TestClient

sio = socketio.AsyncServer(async_mode="asgi")
fastapi_app = FastAPI()
app = socketio.ASGIApp(sio, fastapi_app)


async def current_user() -> str:
    raise HTTPException(401, "the real one asks an identity provider")


@fastapi_app.post("/orders")
async def order(item: str, user: Annotated[str, Depends(current_user)]):
    await sio.emit("ordered", {"item": item, "by": user}, room="kitchen")


@sio.event
async def connect(sid, environ, auth):
    await sio.enter_room(sid, "kitchen")


@pytest.fixture
async def kitchen():
    async with TestClient(app) as client:
        await client.connect()
        yield client


@pytest.fixture
def logged_in():
    fastapi_app.dependency_overrides[current_user] = lambda: "ada"
    yield
    fastapi_app.dependency_overrides.clear()


async def test_an_order_reaches_the_kitchen(kitchen, logged_in):
    answer = await kitchen.http.post("/orders", params={"item": "tea"})

    assert answer.status_code == 200
    event = await kitchen.await_event("ordered")
    assert event.data == {"item": "tea", "by": "ada"}


async def test_without_a_login_the_kitchen_hears_nothing(kitchen):
    answer = await kitchen.http.post("/orders", params={"item": "tea"})

    assert answer.status_code == 401
    assert kitchen.get_received() == []
