"""What a test does with the covered app."""

import pytest

from asgi_sio_testclient import ConnectionRefused, TestClient


def rows(covered):
    return {
        f"{row.namespace} {row.event}": (row.ran, row.acked, row.raised, row.refused)
        for row in covered.handlers
    }


async def use(world):
    async with TestClient(world.app, raise_app_exceptions=False) as client:
        await client.connect("/", "/chat", "/any", "/strict")
        assert await client.call("say", "hello") == 5
        await client.await_event("said")
        for event, args in (("say", [""]), ("takes_one", []), ("nobody", [])):
            await client.emit(event, *args)
        await client.settle()
        assert await client.call("plain", 1, 2) == 2
        assert await client.call("calls_helper", 3) == 3
        assert await client.call("first", 4) == 4
        assert await client.call("calls_shared", 4) == 4
        assert await client.call("guarded", "guest") == "denied"
        assert await client.call("never_awaited") == "closed"
        assert await client.call("foo", namespace="/any") == "foo"
        assert await client.call("join", "tea", namespace="/chat") == "tea"
        assert await client.call("open", namespace="/strict") == "opened"
        assert await client.call("secret", namespace="/strict") == "denied"
        for auth in ("refuse", "false"):
            with pytest.raises(ConnectionRefused):
                await client.clone().connect(auth=auth)
        await client.emit("kick")
        await client.settle()
