"""Every measure of the benchmarks runs once, with few repetitions; the guard detects added work."""

import asyncio
import contextlib
import json

import pytest

from asgi_sio_testclient import TestClient

pytest.importorskip("benchmarks", reason="run with `python -m pytest` from the project's folder")

from benchmarks import guard, measures, method, peers, report, wire
from benchmarks.app import make_app
from benchmarks.floor import PollingFloor, WebSocketFloor


@pytest.fixture(scope="module")
def contenders():
    return {who.key: who for who in peers.load({"floor", "ours", "asgiref_communicator"})}


@pytest.fixture
def briefly(monkeypatch):
    monkeypatch.setattr(guard, "REPETITIONS", 20)


def test_every_peer_is_a_line_of_the_table():
    for package in ("flask_socketio", "httpx_ws", "uvicorn", "starlette"):
        pytest.importorskip(package)
    everybody = peers.load()
    keys = [who.key for who in everybody]
    assert len(keys) == len(set(keys))
    assert not [who for who in everybody if isinstance(who, peers.NotInstalled)]
    for who in everybody:
        assert who.variant or who.sessions.keys() == {m.key for m in measures.MEASURES}


def test_a_peer_that_is_not_installed_is_said_to_be(monkeypatch):
    monkeypatch.setitem(peers.MODULES, "no_such_peer", "no such peer")
    (found,) = peers.load({"no_such_peer"})
    assert found == peers.NotInstalled(
        "no_such_peer", "no such peer", "benchmarks.peers.no_such_peer"
    )
    run = measures.run([found], measures.MEASURES[:1], 9, 1, print)
    assert run == {
        "call": {"no_such_peer": {"cannot": "not installed (benchmarks.peers.no_such_peer)"}}
    }


@pytest.mark.parametrize("measure", measures.MEASURES, ids=lambda measure: measure.key)
@pytest.mark.parametrize("who", ["floor", "floor_polling", "ours"])
def test_a_measure_can_be_repeated(contenders, who, measure):
    opened = contenders[who].sessions.get(measure.key)
    if opened is None or isinstance(opened, method.Cannot):
        pytest.skip("no figure here")
    with opened() as repeat:
        assert repeat(2) > 0
        assert repeat(1) > 0


def test_a_ratio_is_the_median_of_the_rounds(contenders):
    assert method.ratio([2, 9, 4], [1, 3, 4]).median == 2
    assert method.ratio([3], [2]) == method.Ratio(1.5, 1.5, 1.5)


def test_everybody_has_a_slice_in_every_round():
    order = []

    def session(name):
        @contextlib.contextmanager
        def opened():
            yield lambda n: order.append(name) or n * 1_000_000

        return opened

    series = method.alternate({name: session(name) for name in "ab"}, 12, 1_000)
    assert [len(of.ns) for of in series.values()] == [12, 12]
    assert series["a"].median == 1_000_000
    assert order[2:6] == ["a", "b", "b", "a"]


def test_an_operation_that_fails_is_not_a_figure():
    @contextlib.asynccontextmanager
    async def opened():
        async def broken():
            raise ValueError("the peer broke")

        yield broken

    with pytest.raises(ValueError, match="the peer broke"), method.on_a_loop(opened)() as repeat:
        repeat(1)


def test_the_report_says_who_cannot(contenders):
    run = {
        "machine": {
            "cpu": "a processor",
            "cores": 2,
            "system": "a system",
            "python": "CPython",
            "optimised_build": True,
            "date": "2026-01-01",
            "versions": {},
        },
        "titles": {"floor": "the floor", "ours": "ours"},
        "measures": {
            "call": {
                "floor": {"ns": [1000.0], "over_floor": [1, 1, 1]},
                "ours": {"cannot": "not today"},
            }
        },
    }
    text = report.as_text(run)
    assert "a processor, 2 cores" in text
    assert "ours: not today" in text
    assert "1.00 x (1.00-1.00)  the floor" in text


@pytest.mark.slow
@pytest.mark.usefixtures("briefly")
def test_the_guard_counts_the_same_twice():
    assert guard.measure("call") == guard.measure("call")


@pytest.mark.slow
@pytest.mark.usefixtures("briefly")
def test_the_guard_notices_a_slower_hot_path(monkeypatch):
    before = guard.measure("call")
    original = TestClient.call

    async def slowed(self, *args, **kwargs):
        for _ in range(20):
            pass
        return await original(self, *args, **kwargs)

    monkeypatch.setattr(TestClient, "call", slowed)
    above, _ = guard.compare({"call": before}, {"call": guard.measure("call")})
    assert any("lines" in sentence for sentence in above)


def test_the_guard_lets_pass_what_is_within_its_tolerance():
    recorded = {"call": {"calls": 100.0, "turns": 0}}
    assert guard.compare(recorded, {"call": {"calls": 102.9, "turns": 0.4}}) == ([], [])
    above, below = guard.compare(recorded, {"call": {"calls": 103.1, "turns": -1}})
    assert above == ["call: calls added to the floor's: 103.1, recorded 100"]
    assert below == ["call: turns added to the floor's: -1, recorded 0"]


def test_the_guard_fails_on_what_was_never_recorded():
    above, _ = guard.compare({}, {"call": {"calls": 1}})
    assert above == ["call: calls: 1, and nothing is recorded"]


def test_every_operation_is_recorded():
    for version, operations in json.loads(guard.RECORD.read_text()).items():
        assert operations.keys() == set(guard.OPERATIONS), version
        for figures in operations.values():
            assert figures.keys() == set(guard.FIGURES)


def test_the_bare_driver_gets_the_real_answers():
    async def run():
        for driver, decoded in ((WebSocketFloor, str), (PollingFloor, bytes.decode)):
            client = driver(make_app())
            await client.connect()
            assert decoded(await client.call()) == wire.CALL_ACK
            assert decoded(await client.emit_and_event()) == wire.ANSWER
            await client.close()

    asyncio.run(run())
