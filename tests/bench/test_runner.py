"""`measure`: which calls are counted, and which event answers which call.

No test asserts a time: the tests check relations that hold at any speed of the machine.
"""

import asyncio
import gc
import math

import pytest
from apps import WAIT
from laboratory import behind_a_pump, laboratory

from asgi_sio_testclient import NotConnected, TestClient, UsageError, bench
from asgi_sio_testclient._connection import transcript
from asgi_sio_testclient.bench import _runner as bench_runner


class TestMeasure:
    @pytest.mark.slow
    async def test_a_call(self, transports):
        app, record = laboratory()
        async with TestClient(app, transports=transports) as client:
            await client.connect()
            report = await bench.measure(client, "echo", 1, calls=30, warmup=5)
        assert record["calls"] == 35
        assert (report.count, report.errors, report.interrupted) == (30, {}, None)
        assert 0 < report.min <= report.p50 <= report.p99 <= report.p999 <= report.max
        assert report.handler.count == report.protocol.count == 30
        assert report.handler.max <= report.max
        assert 0 < report.handler_share < 1
        assert report.throughput > 0
        assert report.yardstick > 0
        assert report.notes == ()
        assert report.subject.transport == transports[-1]
        assert report.subject.arguments == "1"
        assert len(report.timeline) == 30

    @pytest.mark.slow
    async def test_the_handlers_time_is_the_handlers(self, client, lab):
        report = await bench.measure(client, "nap", 0.002, calls=20, warmup=0)
        times = lab[1]["times"]
        assert report.handler.count == len(times) == 20
        assert min(times) <= report.handler.min
        assert max(times) <= report.handler.max
        assert sum(times) <= report.handler.mean * 20 <= report.mean * 20

    @pytest.mark.slow
    async def test_with_several_each_call_has_its_own_handler(self, client, lab):
        report = await bench.measure(client, "nap", 0.001, calls=40, warmup=4, concurrency=4)
        assert lab[1]["most"] == 4
        assert report.count == report.handler.count == 40
        assert report.protocol.min > 0
        assert report.subject.concurrency == 4

    @pytest.mark.slow
    async def test_a_slower_handler_is_slower(self, client):
        quick = await bench.measure(client, "echo", calls=20)
        slow = await bench.measure(client, "nap", 0.01, calls=20, warmup=1)
        assert slow.p50 > quick.p50
        assert slow.handler.p50 > quick.handler.p50
        assert slow.handler_share > quick.handler_share

    @pytest.mark.slow
    async def test_other_events_are_none_of_its_business(self, client):
        async def others():
            for number in range(20):
                await client.call("echo", number)

        report, _ = await asyncio.gather(
            bench.measure(client, "nap", 0.001, calls=20, warmup=0), others()
        )
        assert report.count == report.handler.count == 20

    @pytest.mark.slow
    async def test_in_a_namespace(self, client):
        await client.connect("/chat")
        report = await bench.measure(client, "echo", 1, calls=10, namespace="/chat")
        assert report.count == report.handler.count == 10
        assert report.subject.namespace == "/chat"

    @pytest.mark.slow
    async def test_emit_until_the_answer(self, client):
        report = await bench.measure(
            client, "ping", calls=20, warmup=2, mode="emit", await_event="pong"
        )
        assert report.count == report.handler.count == 20
        assert str(report).startswith("emit 'ping', await 'pong' of ")
        assert client.get_received() == []

    @pytest.mark.slow
    async def test_an_answer_too_many_answers_nothing(self, client):
        """A second pong for one ping is not taken for the answer to the next ping."""
        report = await bench.measure(
            client, "ping", 2, calls=20, warmup=0, mode="emit", await_event="pong"
        )
        assert report.count == 20
        assert report.min > 0
        assert client.get_received() == []

    @pytest.mark.slow
    async def test_emit_until_all_is_quiet(self, client, lab):
        report = await bench.measure(client, "nap", 0.001, calls=10, warmup=1, mode="emit")
        assert report.count == 10
        assert len(lab[1]["times"]) == 11
        assert report.handler.min <= report.min

    @pytest.mark.slow
    async def test_warm_up_is_not_reported(self, client, lab):
        """Neither the calls nor the errors of the warm-up are reported."""
        report = await bench.measure(client, "fail_every", 5, calls=4, warmup=5)
        assert lab[1]["calls"] == 9
        assert (report.count, report.errors) == (4, {})

    @pytest.mark.slow
    async def test_no_collection_while_it_measures(self, client, lab):
        gc.unfreeze()
        frozen = gc.get_freeze_count()  # not 0 from Python 3.12 on
        assert gc.isenabled()
        await bench.measure(client, "echo", calls=10, warmup=0)
        assert lab[1]["collector"] == {False}
        assert gc.isenabled()
        assert gc.get_freeze_count() == frozen
        gc.freeze()

    @pytest.mark.slow
    async def test_a_collector_that_is_off_stays_off(self, client):
        gc.disable()
        # The objects stay frozen, as in conftest.py, so that later garbage collections are fast.
        gc.freeze()
        try:
            await bench.measure(client, "echo", calls=10, warmup=0)
            assert not gc.isenabled()
            assert gc.get_freeze_count() > 0
        finally:
            gc.enable()

    @pytest.mark.slow
    async def test_more_calls_than_the_transcript_keeps(self, lab, monkeypatch):
        monkeypatch.setattr(bench_runner, "CALLS_A_ROUND", 20)
        monkeypatch.setattr(transcript, "MAX_PACKETS", 40)
        async with TestClient(lab[0]) as client:
            await client.connect()
            report = await bench.measure(client, "echo", calls=100)
        assert report.handler.count == 100
        assert report.notes == ()

    @pytest.mark.slow
    async def test_handlers_that_were_crowded_out(self, lab, monkeypatch):
        monkeypatch.setattr(transcript, "MAX_PACKETS", 5)
        async with TestClient(lab[0]) as client:
            await client.connect()
            report = await bench.measure(client, "echo", calls=20, warmup=0)
        assert report.count == 20
        assert report.handler is None
        assert "no longer" in report.notes[0]

    @pytest.mark.slow
    async def test_a_server_that_is_not_found(self, lab):
        async with TestClient(behind_a_pump(lab[0])) as client:
            await client.connect()
            report = await bench.measure(client, "echo", calls=10)
            assert (report.count, report.handler) == (10, None)
            assert "pass server=" in report.notes[0]
            report = await bench.measure(client, "ping", calls=9, mode="emit", await_event="pong")
            assert (report.count, report.handler) == (9, None)
            with pytest.raises(UsageError, match="server="):
                await bench.measure(client, "echo", calls=10, mode="emit")

    @pytest.mark.slow
    async def test_progress(self, client):
        seen = []
        report = await bench.measure(
            client,
            "fail_every",
            3,
            calls=30,
            warmup=3,
            progress=lambda progress: seen.append((progress.done, progress.errors, progress.total)),
        )
        assert seen[0] == (0, 0, 30)
        assert seen[-1] == (30, 10, 30)
        assert report.errors == {"ZeroDivisionError": 10}

    @pytest.mark.slow
    async def test_the_warm_up_is_no_progress(self, client):
        seen = []

        def watch(progress):
            seen.append((progress.warming_up, progress.done, progress.report().count))

        await bench.measure(client, "echo", calls=30, warmup=30, progress=watch)
        assert seen[0] == (True, 0, 0)
        assert {entry for entry in seen if entry[0]} == {(True, 0, 0)}
        assert (False, 0, 0) in seen
        assert seen[-1] == (False, 30, 30)

    @pytest.mark.slow
    async def test_what_was_measured_before_it_was_cut_short(self, client, lab):
        lab[1]["hangs"] = asyncio.Event()
        kept = []
        measuring = asyncio.create_task(
            bench.measure(client, "hang", 12, calls=50, warmup=2, progress=kept.append)
        )
        async with asyncio.timeout(WAIT):
            await lab[1]["hangs"].wait()
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
        report = kept[-1].report("enough")
        assert report.count == 10
        assert report.interrupted == "enough"
        assert "ended early: enough" in str(report)
        assert gc.isenabled()


class TestErrors:
    @pytest.mark.slow
    async def test_errors_are_counted_and_not_in_the_latencies(self, client):
        report = await bench.measure(client, "fail_every", 3, calls=30, warmup=0)
        assert (report.count, report.errors) == (20, {"ZeroDivisionError": 10})
        assert report.handler.count == sum(bar.count for bar in report.histogram) == 20
        assert report.messages["ZeroDivisionError"].startswith("the handler's own words (raised by")

    @pytest.mark.slow
    async def test_a_handler_that_always_raises(self, client):
        report = await bench.measure(client, "fail", "LookupError", calls=10, warmup=2)
        assert (report.count, report.errors) == (0, {"LookupError": 10})

    @pytest.mark.slow
    async def test_the_apps_type_error_is_an_error_like_any_other(self, client):
        report = await bench.measure(client, "fail", "TypeError", calls=10, warmup=2)
        assert report.errors == {"TypeError": 10}

    @pytest.mark.slow
    async def test_app_errors_that_the_client_keeps_to_itself(self, lab):
        async with TestClient(lab[0], raise_app_exceptions=False) as client:
            await client.connect()
            report = await bench.measure(client, "fail", "LookupError", calls=5, warmup=0)
        assert report.errors == {"EventTimeout": 5}

    @pytest.mark.slow
    async def test_an_error_after_the_answer(self, client):
        report = await bench.measure(
            client, "ping", 1, "fail", calls=1, warmup=0, mode="emit", await_event="pong"
        )
        assert (report.count, report.errors) == (1, {"LookupError": 1})

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "options", [{}, {"mode": "emit"}, {"mode": "emit", "await_event": "pong"}]
    )
    @pytest.mark.parametrize("warmup", [0, 1])
    async def test_an_event_that_nobody_handles(self, client, options, warmup):
        with pytest.raises(UsageError, match="nothing in the app handles 'ehco'"):
            await bench.measure(client, "ehco", warmup=warmup, timeout=0.05, **options)

    async def test_an_argument_that_cannot_be_sent(self, client):
        with pytest.raises(TypeError, match="serialise"):
            await bench.measure(client, "echo", {1, 2})

    @pytest.mark.slow
    async def test_a_lost_connection_ends_it(self, client):
        report = await bench.measure(client, "leave_at", 8, calls=100, warmup=2)
        assert report.count < 100
        assert report.errors["NotConnected"] == 1
        assert "server disconnect" in report.interrupted

    @pytest.mark.slow
    async def test_a_connection_lost_in_the_warm_up(self, client):
        report = await bench.measure(client, "leave_at", 1, calls=100, warmup=2)
        assert report.count == 0
        assert "server disconnect" in report.interrupted

    @pytest.mark.slow
    async def test_the_measure_ends_before_a_thousand_timeouts(self, client, lab):
        report = await bench.measure(client, "hang", calls=1000, warmup=0, timeout=0.01)
        assert report.errors == {"EventTimeout": 3}
        assert "3 calls timed out" in report.interrupted

    @pytest.mark.slow
    async def test_one_timeout_among_other_calls(self, client, lab):
        report = await bench.measure(client, "hang", 5, calls=6, warmup=0, timeout=0.3)
        assert (report.count, report.errors) == (5, {"EventTimeout": 1})
        assert report.handler.count == 5

    @pytest.mark.slow
    async def test_handlers_that_do_not_end(self, lab):
        async with TestClient(lab[0], timeout=0.05) as client:
            await client.connect(timeout=5)
            report = await bench.measure(
                client, "ping", 1, "hang", calls=6, warmup=0, mode="emit", await_event="pong"
            )
            assert report.count == 6
            assert report.handler is None
            assert "settle did not end" in report.interrupted
            lab[1]["over"].set()

    async def test_not_connected(self, lab):
        async with TestClient(lab[0]) as client:
            with pytest.raises(NotConnected, match="connect"):
                await bench.measure(client, "echo")
            await client.connect()
            with pytest.raises(NotConnected, match="/chat"):
                await bench.measure(client, "echo", namespace="/chat")

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"calls": 0}, "calls is 0"),
            ({"warmup": -1}, "warmup is -1"),
            ({"concurrency": 0}, "concurrency is 0"),
            ({"rate": 0}, "rate is 0"),
            ({"rate": math.inf}, "rate is inf"),
            ({"rate": math.nan}, "rate is nan"),
            ({"mode": "shout"}, "mode is 'shout'"),
            ({"await_event": "pong"}, "goes with mode='emit'"),
            ({"mode": "emit", "concurrency": 2}, "give await_event"),
            ({"mode": "emit", "rate": 10}, "give await_event"),
        ],
    )
    async def test_arguments_that_cannot_be(self, client, options, said):
        with pytest.raises(ValueError, match=said):
            await bench.measure(client, "echo", **options)

    async def test_no_client(self, lab):
        with pytest.raises(TypeError, match="expected a TestClient"):
            await bench.measure(lab[0], "echo")
