"""Tests of a handler's cost, without a benchmark plugin and without times in assertions.

A time in an assertion fails on another machine. These tests compare instead: one handler is no
slower than another one, the handler takes longer than the protocol, no call fails under load.
"""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient, bench

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)

CATALOGUE = [f"{kind} tea no. {number}" for kind in ("green", "black") for number in range(20_000)]
BY_KIND = {kind: [tea for tea in CATALOGUE if tea.startswith(kind)] for kind in ("green", "black")}


@sio.event
async def find_by_reading_everything(sid, kind):
    return len([tea for tea in CATALOGUE if tea.startswith(kind)])


@sio.event
async def find(sid, kind):
    return len(BY_KIND[kind])


@sio.event
async def order(sid, tea):
    await asyncio.sleep(0.001)  # a database
    await sio.emit("ordered", tea, to=sid)


@pytest.fixture
async def client():
    async with TestClient(app) as client:
        await client.connect()
        yield client


async def test_the_index_pays(client):
    slow = await bench.measure(client, "find_by_reading_everything", "green", calls=50, warmup=5)
    fast = await bench.measure(client, "find", "green", calls=50, warmup=5)

    # Both are measured on the same machine, so the test compares the handlers.
    assert fast.handler.p50 < slow.handler.p50


async def test_an_order_is_waiting_for_the_database(client):
    ordering = await bench.measure(
        client, "order", "oolong", mode="emit", await_event="ordered", calls=50, warmup=5
    )
    finding = await bench.measure(client, "find", "green", calls=50, warmup=5)

    assert ordering.errors == {}
    assert ordering.handler_share > finding.handler_share


async def test_a_hundred_orders_a_second(client):
    """Calls start on a schedule: the time that a call waits for others is part of its latency."""
    report = await bench.measure(
        client, "order", "oolong", mode="emit", await_event="ordered", rate=100, calls=30, warmup=5
    )

    assert (report.count, report.errors) == (30, {})


async def test_many_clients_find_and_order():
    async def scenario(client):
        assert await client.call("find", "green") == 20_000
        await client.emit("order", "sencha")
        await client.await_event("ordered")

    report = await bench.swarm(app, clients=25, scenario=scenario, rounds=2)

    assert (report.count, report.errors) == (50, {})
    assert report.events["find"].count == 50


async def test_no_slower_than_before(client, tmp_path):
    """The baseline is of the same machine: in CI, measure the target branch and this one."""
    before = await bench.measure(client, "find_by_reading_everything", "green", calls=50, warmup=5)
    (tmp_path / "baseline.json").write_text(before.to_json())

    baseline = bench.LatencyReport.from_json((tmp_path / "baseline.json").read_text())
    comparison = before.compare(baseline)

    assert comparison.verdict == "same", str(comparison)
