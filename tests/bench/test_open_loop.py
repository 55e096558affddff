"""Calls that start at scheduled times."""

import asyncio
import time
import types

import pytest
from apps import WAIT

from asgi_sio_testclient import UsageError, bench
from asgi_sio_testclient.bench import _open_loop


class TestOpenLoop:
    @pytest.mark.slow
    async def test_calls_are_due_on_schedule(self, client):
        report = await bench.measure(client, "echo", calls=40, warmup=2, rate=500)
        assert report.count == report.handler.count == 40
        assert [part.begin for part in report.timeline] == pytest.approx(
            [n / 500 for n in range(40)], abs=1e-6
        )
        assert report.waited.count == 40
        assert report.waited.max <= report.max
        assert report.subject.concurrency == 0
        assert report.throughput <= 500 * 40 / 39

    @pytest.mark.slow
    async def test_the_wait_behind_a_slow_call_is_part_of_the_latency(self, client, lab):
        report = await bench.measure(client, "stall_once", 10, 0.1, calls=50, warmup=0, rate=200)
        [stall] = lab[1]["times"]
        held_up = [part for part in report.timeline if part.max >= stall / 2]
        # Calls that are due in the first half of the stall wait for all of the second half; 40 are
        # left.
        assert len(held_up) >= min(stall / 2 * 200, 40) - 1
        assert len(held_up) > 1

    @pytest.mark.slow
    async def test_arrivals_do_not_wait_for_one_another(self, client):
        report = await bench.measure(client, "together", 10, calls=10, warmup=0, rate=1000)
        assert report.count == 10

    @pytest.mark.slow
    async def test_unless_places_are_few(self, client, lab):
        report = await bench.measure(
            client, "nap", 0.005, calls=20, warmup=0, rate=1000, concurrency=2
        )
        assert lab[1]["most"] == 2
        assert report.count == 20
        assert report.waited.max > report.handler.min

    @pytest.mark.slow
    async def test_progress_goes_on_when_there_is_no_pause(self, client, monkeypatch):
        monkeypatch.setattr(_open_loop, "CALLS_A_ROUND", 10)
        seen = []
        await bench.measure(
            client,
            "echo",
            calls=50,
            warmup=0,
            rate=100_000,
            progress=lambda progress: seen.append(progress.done),
        )
        assert len(seen) >= 6
        assert seen == sorted(seen)

    @pytest.mark.slow
    async def test_progress_in_pauses(self, client):
        seen = []
        await bench.measure(
            client,
            "echo",
            calls=4,
            warmup=0,
            rate=8,
            progress=lambda progress: seen.append(progress.done),
        )
        assert len(seen) >= 2

    @pytest.mark.parametrize(("pending", "hours", "times"), [(set(), 1.5, 1), ({"a call"}, 0.5, 0)])
    async def test_housekeeping_is_done_long_before_a_call_is_due(
        self, monkeypatch, pending, hours, times
    ):
        hour = 3600 * _open_loop.SECOND
        monkeypatch.setattr(_open_loop, "HOUSEKEEPING_NS", hour)
        done = []
        # The last housekeeping was a second ago: the next one is due, but not overdue.
        before = time.perf_counter_ns() - _open_loop.SECOND
        calls = types.SimpleNamespace(
            sent=1, housekept_ns=before, housekept_at=0, housekeep=lambda: done.append(True)
        )
        open_loop = _open_loop.OpenLoop(calls, 2, 1.0, 1)
        open_loop._pending = pending
        await open_loop._housekeep(time.perf_counter_ns() + round(hours * hour))
        assert len(done) == times

    @pytest.mark.slow
    async def test_no_pause_while_a_call_is_under_way(self, client):
        """Each call takes longer than the time until the next one."""
        report = await bench.measure(client, "nap", 0.3, calls=4, warmup=0, rate=8)
        assert report.count == 4

    @pytest.mark.slow
    async def test_errors_are_counted(self, client):
        report = await bench.measure(client, "fail_every", 4, calls=20, warmup=0, rate=1000)
        assert (report.count, report.errors) == (15, {"ZeroDivisionError": 5})

    @pytest.mark.slow
    async def test_a_lost_connection_ends_it(self, client):
        report = await bench.measure(client, "leave_at", 5, calls=500, warmup=0, rate=1000)
        assert "server disconnect" in report.interrupted
        assert report.count < 500

    @pytest.mark.slow
    async def test_nobody_handles_it(self, client):
        with pytest.raises(UsageError, match="did you mean 'echo'"):
            await bench.measure(client, "ehco", calls=20, warmup=0, rate=1000)

    @pytest.mark.slow
    async def test_cut_short(self, client, lab):
        lab[1]["hangs"] = asyncio.Event()
        kept = []
        measuring = asyncio.create_task(
            bench.measure(client, "hang", 5, calls=50, warmup=0, rate=500, progress=kept.append)
        )
        async with asyncio.timeout(WAIT):
            await lab[1]["hangs"].wait()
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
        assert kept[-1].report("enough").count == 5
