"""Memory does not grow over many calls and connects: a short run of `benchmarks.soak`."""

import asyncio
import gc

import pytest

from asgi_sio_testclient import TestClient

pytest.importorskip("benchmarks", reason="run with `python -m pytest` from the project's folder")

from benchmarks import soak
from benchmarks.app import make_app

CALLS = 2_000
CONNECTS = 100


@pytest.fixture(scope="module", autouse=True)
def nothing_of_other_tests():
    """Exclude the objects of other tests from the garbage collections of these tests."""
    gc.collect()
    gc.freeze()


@pytest.mark.proof
@pytest.mark.parametrize(
    ("phase", "count"), [(soak.calls, CALLS), (soak.connects, CONNECTS)], ids=["calls", "connects"]
)
async def test_objects_tasks_and_timers_are_as_many_as_before(phase, count):
    app, done = make_app(), []
    await phase(app, soak.SAMPLES * 2, done.append)
    before, ways = soak.live_objects(), soak.under_way()
    await phase(app, count, done.append)
    assert done[-1] == count
    assert soak.live_objects() - before == {}
    assert soak.under_way() == ways


async def test_what_stays_is_seen():
    before, ways = soak.live_objects(), soak.under_way()
    async with TestClient(make_app()) as client:
        await client.connect()
        kept, later = soak.live_objects() - before, soak.under_way()
        assert kept["EngineSession"] == kept["TestClient"] == 1
        assert later[0] > ways[0]
        timer = asyncio.get_running_loop().call_later(60, print)
        assert soak.under_way() == (later[0], later[1] + 1)
        timer.cancel()
        lines = soak._more("calls", before, soak.live_objects(), ways, later)
        assert "calls: 1 more of EngineSession" in lines
        assert f"calls: {later[0] - ways[0]} more tasks" in lines


def test_the_slope_is_that_of_the_second_half():
    filling = [(number, 1_000.0 * number) for number in range(20)]
    flat = [(number, 20_000.0) for number in range(20, 40)]
    rising = [(number, 20_000.0 + 48 * number) for number in range(20, 40)]
    assert soak.slope([*filling, *flat]) == 0
    assert soak.slope([*filling, *rising]) == pytest.approx(48)


@pytest.mark.slow
@pytest.mark.parametrize(("rise", "code"), [(0, 0), (17, 1)])
def test_the_exit_code_says_whether_it_grows(monkeypatch, capsys, rise, code):
    monkeypatch.setattr(soak, "SAMPLES", 8)
    monkeypatch.setattr(soak, "slope", lambda samples: rise)
    assert soak.main(["--calls", "16", "--connects", "16"]) == code
    printed = capsys.readouterr().out
    assert ("grows: connects: 17.00 bytes each, more than 16" in printed) == bool(code)


def test_too_few_to_sample(capsys):
    with pytest.raises(SystemExit):
        soak.main(["--calls", "79"])
    assert "at least 80 of each" in capsys.readouterr().err
