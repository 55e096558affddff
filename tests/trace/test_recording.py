"""The recording of emits and waits, and its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from traced_shop import Shop, shopping

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.trace import recording


async def test_the_instrumentation_leaves_the_server_as_it_was() -> None:
    shop = Shop()
    with recording():
        await shopping(shop)
    assert "_trigger_event" not in vars(shop.sio)
    assert "emit" not in vars(shop.sio.manager)


async def test_a_hook_that_somebody_replaced_stays() -> None:
    shop = Shop()

    async def other(*args: Any, **options: Any) -> None:
        """An emit that other code has set."""

    with recording():
        async with TestClient(shop.app) as client:
            await client.connect()
            shop.sio.manager.emit = other
    assert shop.sio.manager.emit is other


async def test_a_cancelled_handler_is_recorded_and_cancelled() -> None:
    shop = Shop()

    async def leave_while_it_runs() -> None:
        async with TestClient(shop.app, timeout=0.1) as client:
            await client.connect()
            await client.emit("book", 1)
            await client.emit("scna", 1)
            await shop.booking.wait()

    with recording() as recorded, pytest.warns(Warning, match="Shop.book"):
        await leave_while_it_runs()
    waits = [wait for wait in recorded.waits if wait.run is not None]
    assert any(isinstance(wait.error, asyncio.CancelledError) for wait in waits)
