"""Values that the server generates and the browser sends back: codes, numbers, measured values."""

import itertools
import secrets

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.har import read_har, replay, source_of_test

FIRST_RUN = {"number": 48211, "code": "QWKF", "key": "RjjuHNo-KBeU", "took": 61.322074212772016}
LATER = {"number": 70003, "code": "ZZTP", "key": "1YGJ_Xgp49vN", "took": 3.1415926535897931}
PATH = "/ws/socket.io"


def made_app(made, title="Lunch"):
    """Return an app that generates a number, codes and a measured value for each room; `title` may
    change.
    """
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def create(sid, name):
        await sio.emit("created", {"number": made["number"], "title": title}, to=sid)
        return {name: made[name] for name in ("number", "code", "key")} | {
            "of": 100,
            "third": 1 / 3,
        }

    @sio.event
    async def enter(sid, room, key):
        assert room == made["number"]
        return {"open": key == made["key"], "took": made["took"]}

    @sio.event
    async def find(sid, query):
        return {"found": query["code"] == made["code"], "limit": query["limit"]}

    return socketio.ASGIApp(sio, socketio_path=PATH)


async def recorded(folder, transports):
    path = folder / "session.har"
    options = {"socketio_path": PATH, "transports": transports, "base_url": "https://shop.test"}
    async with TestClient(made_app(FIRST_RUN), **options) as client:
        await client.connect()
        room = await client.call("create", "Lunch")
        await client.await_event("created")
        await client.call("enter", room["number"], room["key"])
        await client.call("find", {"code": room["code"], "limit": room["of"]})
        client.transcript.to_har(path, secrets=True)
    return path


@pytest.mark.parametrize("transports", [("websocket",), ("polling",), ("polling", "websocket")])
async def test_the_same_app_makes_up_other_values(tmp_path, transports):
    har = read_har(await recorded(tmp_path, transports))
    played = await replay(har, made_app(LATER))
    assert played.same, played.diff()
    namespace = {}
    exec(source_of_test(har), namespace)
    await namespace["test_session"](made_app(LATER))
    with pytest.raises(AssertionError):
        await namespace["test_session"](made_app(LATER, title="Dinner"))
    assert not (await replay(har, made_app(LATER, title="Dinner"))).same


async def test_what_was_chosen_or_computed_is_compared(tmp_path):
    source = source_of_test(read_har(await recorded(tmp_path, ("websocket",))))
    assert '"of": 100' in source
    assert f'"third": {1 / 3}' in source
    assert '"took": ANY' in source
    assert f'"number": {FIRST_RUN["number"]}' not in source


async def test_a_har_names_the_address(tmp_path):
    text = (await recorded(tmp_path, ("polling", "websocket"))).read_text(encoding="utf-8")
    assert "wss://shop.test/ws/socket.io/?EIO=4&transport=websocket" in text
    assert "https://shop.test/ws/socket.io/?EIO=4&transport=polling" in text


async def test_not_a_number(tmp_path):
    sio = socketio.AsyncServer(async_mode="asgi")
    numbers = itertools.cycle([float("inf"), -1e300])

    @sio.event
    async def figure(sid):
        return next(numbers), secrets.token_hex(8)

    app = socketio.ASGIApp(sio)
    async with TestClient(app) as client:
        await client.connect()
        await client.call("figure")
        await client.call("figure")
        client.transcript.to_har(tmp_path / "figures.har")
    assert (await replay(read_har(tmp_path / "figures.har"), app)).same
