"""The upgrade: what is sent meanwhile, and what happens if it fails."""

import asyncio

import pytest
from scripted import NEVER, OPEN, Polled, client_of, soon

from asgi_sio_testclient import ConnectTimeout


def upgraded(script):
    return Polled(OPEN, websocket=script)


async def test_frames_that_are_sent_during_an_upgrade_wait_for_its_end():
    probed, go_on = asyncio.Event(), asyncio.Event()
    received = []

    async def script(wire):
        await wire.accept()
        assert await wire.receive() == "2probe"
        probed.set()
        await go_on.wait()
        app.answers.put_nowait("6")
        await wire.send("3probe")
        received.append(await wire.receive())
        received.append(await wire.receive())
        assert await wire.receive() == "40"
        await wire.send('40{"sid":"x"}')
        await wire.until_the_end()

    app = upgraded(script)
    async with client_of(app, "polling", "websocket") as client:
        connecting = asyncio.ensure_future(client.connect())
        await soon(probed.wait())
        client.raw.send_text("6held")
        assert client.transport == "polling"
        go_on.set()
        await soon(connecting)
        assert client.transport == "websocket"
    assert received == ["5", "6held"]


async def accepts_and_closes(wire):
    await wire.accept()
    assert await wire.receive() == "2probe"
    await wire.close()


async def accepts_and_returns(wire):
    await wire.accept()


@pytest.mark.parametrize("script", [None, accepts_and_closes, accepts_and_returns])
async def test_an_upgrade_that_fails_leaves_the_session_on_polling(script):
    app = Polled(OPEN, '40{"sid":"x"}', websocket=script)
    async with client_of(app, "polling", "websocket") as client:
        await soon(client.connect())
        assert client.transport == "polling"
        assert await soon(app.posted.get()) == "40"


async def test_a_probe_that_is_never_answered_is_named_by_the_timeout():
    async def script(wire):
        await wire.accept()
        await wire.until_the_end()

    async with client_of(upgraded(script), "polling", "websocket") as client:
        with pytest.raises(ConnectTimeout, match="the upgrade's probe was not answered"):
            await client.connect(timeout=NEVER)


async def test_frames_that_were_held_are_posted_after_an_upgrade_that_fails():
    probed, go_on = asyncio.Event(), asyncio.Event()

    async def script(wire):
        await wire.accept()
        assert await wire.receive() == "2probe"
        probed.set()
        await go_on.wait()
        await wire.close()

    app = upgraded(script)
    async with client_of(app, "polling", "websocket") as client:
        connecting = asyncio.ensure_future(client.connect())
        await soon(probed.wait())
        client.raw.send_text("6held")
        go_on.set()
        assert await soon(app.posted.get()) == "6held"
        assert await soon(app.posted.get()) == "40"
        app.answers.put_nowait('40{"sid":"x"}')
        await soon(connecting)
        assert client.transport == "polling"


async def test_a_post_from_before_the_upgrade_that_is_not_answered_is_named():
    posted, go_on = asyncio.Event(), asyncio.Event()

    async def script(wire):
        await wire.accept()
        assert await wire.receive() == "2probe"
        polled.answers.put_nowait("6")
        await wire.send("3probe")
        await wire.until_the_end()

    async def app(scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "POST":
            posted.set()
            await go_on.wait()
        await polled(scope, receive, send)

    polled = Polled(websocket=script)
    async with client_of(app, "polling", "websocket") as client:
        connecting = asyncio.ensure_future(client.connect(timeout=NEVER))
        await asyncio.sleep(0)
        client.raw.send_text("6early")
        await soon(posted.wait())
        polled.answers.put_nowait(OPEN)
        with pytest.raises(ConnectTimeout, match="a POST that was under way before the upgrade"):
            await connecting
        go_on.set()
