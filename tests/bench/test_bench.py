"""`asgi_sio_testclient.bench`: what it counts, what belongs to what, and what it says.

No test asserts a time: statistics are tested on samples made for it, and measuring by relations
that hold however slow the machine is.
"""

import asyncio
import gc
import json
import math
import random
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import pytest
import socketio
from apps import WAIT
from socketio.exceptions import ConnectionRefusedError as Refused

from asgi_sio_testclient import (
    ConnectionRefused,
    LeakWarning,
    NotConnected,
    TestClient,
    UsageError,
    bench,
)
from asgi_sio_testclient._connection import transcript
from asgi_sio_testclient.bench import _open_loop, _runner as bench_runner, _subject as subjects
from asgi_sio_testclient.bench._format import duration
from asgi_sio_testclient.bench._statistics import bucketed, mann_whitney, percentile, sliced

SUBJECT = {
    "app": "main:app",
    "event": "search",
    "namespace": "/",
    "mode": "call",
    "await_event": None,
    "arguments": '{"text": "tea"}',
    "transport": "websocket",
    "concurrency": 1,
    "rate": None,
    "versions": {"Python": "CPython 3.11.7", "python-socketio": "5.18.1"},
    "machine": {"processor": "a slow one", "cores": "2"},
    "date": "2026-01-02T03:04:05+00:00",
}

WHAT = {
    name: value for name, value in SUBJECT.items() if name not in ("versions", "machine", "date")
}


def subject(**changes):
    return bench.Subject(**SUBJECT | changes)


def report_of(latencies, *, of=None, handlers=None, **options):
    """A report of calls one after the other that took these seconds."""
    samples, begin = [], 0.0
    for number, latency in enumerate(latencies):
        handler = None if handlers is None else handlers[number]
        samples.append(bench.Sample(begin, begin + latency, handler, handler or 0.0))
        begin += latency
    return bench.LatencyReport.from_samples(
        samples, of or subject(), **{"elapsed": begin, "yardstick": [0.001]} | options
    )


def noisy(count, middle, seed=1):
    """Latencies as they are: most near the middle, some far above."""
    dice = random.Random(seed)
    return [
        middle * (1 + dice.expovariate(20)) * (10 if dice.random() < 0.01 else 1)
        for _ in range(count)
    ]


def recorded_report(medians, calibrations):
    """A report of slices with these medians and calibrations, in microseconds."""
    timeline = tuple(
        bench.Slice(n, 20, median / 1e6, median / 1e6, None, calibration / 1e6)
        for n, (median, calibration) in enumerate(zip(medians, calibrations, strict=True))
    )
    return replace(
        report_of([median / 1e6 for median in medians]),
        timeline=timeline,
        yardstick=percentile(sorted(calibrations), 50) / 1e6,
    )


def slowed(report, times):
    """The report of calls that took `times` as long on the same machine."""
    timeline = tuple(replace(part, p50=part.p50 * times) for part in report.timeline)
    return replace(report, timeline=timeline, p50=report.p50 * times)


class TestArithmetic:
    @pytest.mark.parametrize(
        ("share", "expected"),
        [(0, 1), (50, 500), (90, 900), (99.9, 999), (99.95, 1000), (100, 1000)],
    )
    def test_a_percentile_is_the_nearest_rank(self, share, expected):
        assert percentile(range(1, 1001), share) == expected

    def test_a_percentile_of_one_and_of_none(self):
        assert percentile([7], 50) == percentile([7], 99.9) == 7
        assert math.isnan(percentile([], 50))

    # What scipy.stats.mannwhitneyu(one, other, method="asymptotic") 1.16 gives.
    @pytest.mark.parametrize(
        ("one", "other", "u", "p"),
        [
            (
                [1.1, 2.2, 3.3, 4.4, 5.5, 6.6, 7.7, 8.8, 9.9],
                [2.0, 3.3, 4.4, 4.4, 6.1, 7.0, 9.9, 10.5, 11.2, 12.8],
                33.0,
                0.34647335758932307,
            ),
            ([1, 1, 2, 2, 3, 3, 3, 3, 4], [3, 3, 4, 4, 4, 4, 4, 5], 8.5, 0.006510702256782925),
        ],
    )
    def test_mann_whitney_as_scipy_has_it(self, one, other, u, p):
        assert mann_whitney(one, other) == (u, pytest.approx(p, rel=1e-9))
        assert mann_whitney(other, one) == (len(one) * len(other) - u, pytest.approx(p, rel=1e-9))

    def test_mann_whitney_of_nothing_but_equals(self):
        assert mann_whitney([5.0] * 9, [5.0] * 8) == (36.0, 1.0)

    def test_buckets_hold_what_falls_into_them(self):
        numbers = [0.0009, 0.001, 0.00105, 0.5, 17.0]
        buckets = bucketed([*numbers, 0.0])
        assert sum(count for _, _, count in buckets) == len(numbers)
        assert [low for low, _, _ in buckets] == sorted(low for low, _, _ in buckets)
        for number in numbers:
            assert any(low <= number * (1 + 1e-9) and number < high for low, high, _ in buckets)

    @pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 1234])
    def test_slices_are_even_and_lose_nothing(self, count):
        slices = list(sliced(range(count), 50))
        assert [item for part in slices for item in part] == list(range(count))
        assert len(slices) == min(count, 50)
        assert max(map(len, slices), default=0) - min(map(len, slices), default=0) <= 1

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (math.nan, "-"),
            (0.0, "0 us"),
            (3e-7, "0.300 us"),
            (0.0000123456, "12.3 us"),
            (0.0009994, "999 us"),
            (0.0009996, "1.00 ms"),
            (0.005, "5.00 ms"),
            (0.1, "100 ms"),
            (1.5, "1.50 s"),
            (12345.0, "12345 s"),
        ],
    )
    def test_durations_for_people(self, seconds, text):
        assert duration(seconds) == text


class TestReport:
    def test_its_figures(self):
        report = report_of([0.001 * n for n in range(1000, 0, -1)])
        assert report.count == 1000
        assert [report.min, report.p50, report.p90, report.p99, report.p999, report.max] == (
            pytest.approx([0.001, 0.5, 0.9, 0.99, 0.999, 1.0])
        )
        assert report.mean == pytest.approx(0.5005)
        assert report.throughput == pytest.approx(1000 / 500.5)
        assert sum(bar.count for bar in report.histogram) == 1000
        assert (report.handler, report.protocol, report.handler_share) == (None, None, None)
        assert report.waited is None

    def test_the_handler_and_the_rest(self):
        report = report_of([0.004, 0.006, 0.010], handlers=[0.003, 0.003, 0.009])
        assert report.handler.max == 0.009
        assert report.protocol.max == pytest.approx(0.003)
        assert report.protocol.min == pytest.approx(0.001)
        assert report.handler_share == pytest.approx(15 / 20)

    def test_a_handler_that_goes_on_after_its_answer(self):
        sample = bench.Sample(0.0, 0.002, handler=1.0, inside=0.0005)
        report = bench.LatencyReport.from_samples([sample], subject(), elapsed=0.002)
        assert report.handler.max == 1.0
        assert report.protocol.max == pytest.approx(0.0015)
        assert report.handler_share == pytest.approx(0.25)

    def test_the_timeline_goes_by_when_calls_were_due(self):
        samples = [bench.Sample(float(n), n + 0.001 * (n + 1)) for n in range(100)]
        random.Random(3).shuffle(samples)
        report = bench.LatencyReport.from_samples(samples, subject(), elapsed=100)
        assert [part.begin for part in report.timeline] == [2.0 * n for n in range(50)]
        assert {part.count for part in report.timeline} == {2}
        assert report.timeline[0].max == pytest.approx(0.002)
        assert report.timeline[0].handler is None

    def test_waiting_is_part_of_an_open_loop_only(self):
        sample = bench.Sample(0.0, 0.005, waited=0.004)
        report = bench.LatencyReport.from_samples([sample], subject(rate=10.0), elapsed=1)
        assert report.waited.max == 0.004
        assert "waited to be sent" in str(report)
        assert "10 arrivals per second" in str(report)

    def test_of_nothing(self):
        report = report_of([], errors={"ValueError": 3}, messages={"ValueError": "no"}, elapsed=0)
        assert report.count == 0
        assert math.isnan(report.p50)
        assert math.isnan(report.throughput)
        assert report.to_dict()["p50"] is None
        assert "3 x ValueError: no" in str(report)
        assert "0 answered, 3 errors" in str(report)

    @pytest.mark.parametrize(
        "report",
        [
            report_of(noisy(200, 0.001), handlers=[0.0005] * 200, notes=["a note"]),
            report_of([], errors={"E": 1}, elapsed=0, yardstick=[], interrupted="Ctrl-C"),
            report_of([0.1], of=subject(rate=5.0), events={"echo": report_of([0.05])}),
        ],
        ids=["whole", "empty", "nested"],
    )
    def test_through_json_and_back(self, report):
        # By their text: nan equals itself in a dataclass up to Python 3.12 only.
        assert repr(bench.LatencyReport.from_json(report.to_json())) == repr(report)
        assert repr(bench.LatencyReport.from_dict(report.to_dict())) == repr(report)
        assert "NaN" not in report.to_json()

    @pytest.mark.parametrize("values", [[], {}, {"count": 1}, "text", None])
    def test_what_is_no_report(self, values):
        with pytest.raises(ValueError, match="no report of asgi_sio_testclient"):
            bench.LatencyReport.from_dict(values)

    def test_a_report_of_another_format(self):
        with pytest.raises(ValueError, match="format 99"):
            bench.LatencyReport.from_dict(report_of([1.0]).to_dict() | {"format": 99})

    @pytest.mark.parametrize(
        "damage", [{"subject": {}}, {"p50": "fast"}, {"timeline": 3}, {"errors": []}]
    )
    def test_a_damaged_report(self, damage):
        with pytest.raises(ValueError, match="damaged"):
            bench.LatencyReport.from_dict(report_of([1.0]).to_dict() | damage)

    def test_markdown(self):
        report = report_of([0.001] * 10, handlers=[0.0004] * 10, errors={"E": 2}, notes=["mind"])
        lines = report.to_markdown().splitlines()
        assert lines[0] == f"**{report.subject}**"
        assert "| latency | 1.00 ms | 1.00 ms |" in lines[4]
        assert "| handler | 400 us |" in lines[5]
        assert "| framework and client | 600 us |" in lines[6]
        assert lines[-2:] == ["- 2 x E", "- mind"]
        assert {line.count("|") for line in lines[2:7]} == {9}

    def test_what_else_is_under_way_is_in_the_rest(self):
        report = report_of([0.1], of=subject(concurrency=4), handlers=[0.05])
        assert "framework, client, queue" in str(report)

    def test_it_is_frozen(self):
        with pytest.raises(AttributeError):
            report_of([1.0]).p50 = 0.5


class TestComparison:
    def test_of_the_same(self):
        comparison = report_of(noisy(500, 0.001, 1)).compare(report_of(noisy(500, 0.001, 2)))
        assert comparison.verdict == "same"
        assert not comparison.fails(1.0)
        assert comparison.p_value > 0.01
        assert comparison.handler_ratio is None

    def test_of_twice_as_slow(self):
        slow, fast = (
            report_of(noisy(500, middle), handlers=[middle / 2] * 500) for middle in (0.002, 0.001)
        )
        comparison = slow.compare(fast)
        assert comparison.verdict == "slower"
        assert comparison.ratio == pytest.approx(2)
        assert comparison.handler_ratio == pytest.approx(2)
        assert comparison.p_value < 0.001
        assert comparison.fails(1.2)
        assert not comparison.fails(2.5)
        assert str(comparison).startswith("slower: p50 2.0")
        back = fast.compare(slow)
        assert back.verdict == "faster"
        assert not back.fails(1.0)

    def test_a_sure_difference_of_nothing_much(self):
        comparison = report_of([0.00103] * 500).compare(report_of([0.001] * 500))
        assert comparison.p_value < 0.01
        assert comparison.verdict == "same"

    def test_a_difference_that_comes_and_goes(self):
        """A median that is far off, in a run in which anything was."""
        dice = random.Random(5)
        wild = [0.001 * dice.uniform(0.2, 3.0) for _ in range(12)]
        comparison = report_of(wild).compare(report_of([0.001 * n for n in (1, 2) * 6]))
        assert comparison.verdict == "same"
        assert comparison.p_value > 0.01

    def test_neighbours_are_no_witnesses_for_one_another(self):
        """One bad phase: each of its thousand calls was slow, and it is still one phase."""
        calm = [0.001] * 2000
        hit = [0.001] * 1900 + [0.005] * 100
        comparison = report_of(hit).compare(report_of(calm))
        assert comparison.verdict == "same"

    @pytest.mark.parametrize(
        ("ratio", "machine", "sure", "verdict"),
        [
            (1.5, 1.0, 1.5, "slower"),
            (1.5, 1.2, 1.25, "slower"),
            (1.5, 1.45, 1.5 / 1.45, "same"),
            (1.5, 2.0, 1.0, "same"),
            (1.5, 0.5, 1.5, "slower"),
            (0.5, 1.0, 0.5, "faster"),
            (0.5, 0.6, 0.5 / 0.6, "faster"),
            (0.5, 0.4, 1.0, "same"),
            (1.5, math.nan, 1.5, "slower"),
        ],
    )
    def test_the_machines_part_does_not_count(self, ratio, machine, sure, verdict):
        now = report_of([0.001 * ratio] * 100, yardstick=[0.002 * machine])
        comparison = now.compare(report_of([0.001] * 100, yardstick=[0.002]))
        assert comparison.sure_ratio == pytest.approx(sure)
        assert comparison.verdict == verdict
        assert ("the machine is" in str(comparison)) == (abs(machine - 1) > 0.05)

    @pytest.mark.parametrize("count", [0, 1, 7])
    def test_of_too_few(self, count):
        many, few = report_of([0.001] * 100), report_of([0.005] * count)
        for comparison in (many.compare(few), few.compare(many)):
            assert comparison.verdict == "unclear"
            assert comparison.fails(10.0)
            assert "fewer than 8" in str(comparison)
            assert comparison.to_dict()["p_value"] is None

    def test_eight_are_enough(self):
        assert report_of([0.002] * 8).compare(report_of([0.001] * 8)).verdict == "slower"

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"app": "other:app"}, "app: main:app, not other:app"),
            ({"event": "find"}, "event: search, not find"),
            ({"namespace": "/x"}, "namespace"),
            ({"mode": "emit", "await_event": "found"}, "await event: None, not found"),
            ({"transport": "polling"}, "transport"),
            ({"rate": 5.0}, "rate"),
            ({"concurrency": 2}, "concurrency"),
            (
                {"versions": {"Python": "CPython 3.11.7", "python-socketio": "5.12"}},
                "python-socketio: 5.18.1, not 5.12",
            ),
            ({"versions": {"Python": "CPython 3.11.7"}}, "python-socketio: 5.18.1, not none"),
        ],
    )
    def test_a_foreign_baseline(self, change, said):
        with pytest.raises(bench.NotComparable, match="not of the same thing") as caught:
            report_of([1.0]).compare(report_of([1.0], of=subject(**change)))
        assert said in str(caught.value)
        assert any(said in line for line in caught.value.differences)

    def test_what_may_matter_is_told(self):
        baseline = report_of([1.0] * 9, of=subject(arguments="1", machine={"cores": "64"}))
        notes = report_of([1.0] * 9).compare(baseline).notes
        assert 'not as in the baseline: arguments: {"text": "tea"}, not 1' in notes
        assert "not as in the baseline: cores: 2, not 64" in notes

    @staticmethod
    def recorded():
        """Forty runs of one event on a machine that other processes kept busy, as reports."""
        series = json.loads(Path(__file__).with_name("bench_series.json").read_text())
        return [recorded_report(*run) for run in series]

    @pytest.mark.slow
    def test_the_same_code_twice_beside_a_busy_machine(self):
        runs = self.recorded()
        pairs = [(one, other) for one in runs for other in runs if one is not other]
        slower = sum(one.compare(other).verdict == "slower" for one, other in pairs)
        assert slower <= len(pairs) / 100

    @pytest.mark.slow
    def test_runs_recorded_beside_more_processes_than_processors(self):
        text = Path(__file__).with_name("bench_series_later.json").read_text()
        series = {
            name: [recorded_report(*run) for run in runs] for name, runs in json.loads(text).items()
        }
        same, half = series["same"], series["half slower"]
        pairs = [(one, other) for one in same for other in same if one is not other]
        slower = sum(one.compare(other).verdict == "slower" for one, other in pairs)
        assert slower <= len(pairs) / 100
        pairs = [(one, other) for one in half for other in same]
        slower = sum(one.compare(other).verdict == "slower" for one, other in pairs)
        assert slower >= 0.85 * len(pairs)

    def test_a_fifth_slower_on_a_quiet_machine(self):
        dice = random.Random(3)
        base = [100 * dice.uniform(0.97, 1.03) for _ in range(50)]
        now = [120 * dice.uniform(0.97, 1.03) for _ in range(50)]
        calibrations = [50 * dice.uniform(0.98, 1.02) for _ in range(50)]
        report, baseline = (recorded_report(run, calibrations) for run in (now, base))
        assert report.compare(baseline).verdict == "slower"
        assert baseline.compare(report).verdict == "faster"
        assert report.compare(baseline).fails(1.1)

    def test_much_slower_is_seen_beside_a_busy_machine(self):
        runs = self.recorded()
        pairs = [(one, other) for one, other in zip(runs[1:], runs, strict=False)]
        doubled = [slowed(one, 2.0).compare(other).verdict for one, other in pairs]
        assert doubled.count("slower") > 0.9 * len(pairs)

    def test_slices_know_how_fast_the_machine_was(self):
        samples = [bench.Sample(n, n + 0.5) for n in range(100)]
        calibrations = [(n - 0.1, 1.0 if n < 50 else 2.0) for n in range(0, 101, 2)]
        report = bench.LatencyReport.from_samples(
            samples, subject(), elapsed=100.0, calibrations=calibrations
        )
        assert [report.timeline[n].calibration for n in (0, 10, 30, 49)] == [1.0, 1.0, 2.0, 2.0]

    def test_as_json(self):
        comparison = report_of([0.002] * 9).compare(report_of([0.001] * 9))
        values = json.loads(json.dumps(comparison.to_dict()))
        assert values["verdict"] == "slower"
        assert values["notes"] == []


def laboratory():
    """An app whose handlers keep a record of themselves, and that record."""
    sio = socketio.AsyncServer(async_mode="asgi")
    record = {"calls": 0, "running": 0, "most": 0, "times": [], "collector": set()}
    record["over"] = asyncio.Event()  # lets handlers that hang go
    add_what_answers(sio, record)
    add_what_sends(sio, record)
    add_what_fails(sio, record)
    return socketio.ASGIApp(sio), record


def add_what_answers(sio, record):
    @sio.event
    async def echo(sid, *args):
        record["calls"] += 1
        record["collector"].add(gc.isenabled())
        return args

    @sio.event
    async def nap(sid, seconds):
        record["running"] += 1
        record["most"] = max(record["most"], record["running"])
        begin = time.perf_counter()
        await asyncio.sleep(seconds)
        record["times"].append(time.perf_counter() - begin)
        record["running"] -= 1

    @sio.event
    async def stall_once(sid, at, seconds):
        record["calls"] += 1
        if record["calls"] == at:
            begin = time.perf_counter()
            time.sleep(seconds)  # noqa: ASYNC251 (it is what is being measured)
            record["times"].append(time.perf_counter() - begin)


def add_what_sends(sio, record):
    @sio.event
    async def together(sid, number):
        """Nobody gets an answer before `number` wait for one."""
        record["running"] += 1
        everybody = record.setdefault("everybody", asyncio.Event())
        if record["running"] == number:
            everybody.set()
        await everybody.wait()

    @sio.event
    async def ping(sid, times=1, then=""):
        for number in range(times):
            await sio.emit("pong", number, to=sid)
        if then == "fail":
            for _ in range(50):  # turns of the loop: the pong has arrived long before
                await asyncio.sleep(0)
            raise LookupError("after the answer")
        if then == "hang":
            await record["over"].wait()

    @sio.on("echo", namespace="/chat")
    async def echo_in_chat(sid, *args):
        return args


def add_what_fails(sio, record):
    @sio.event
    async def fail_every(sid, nth):
        record["calls"] += 1
        if record["calls"] % nth == 0:
            raise ZeroDivisionError("the handler's own words")

    @sio.event
    async def fail(sid, kind):
        raise {"TypeError": TypeError, "LookupError": LookupError}[kind]("no")

    @sio.event
    async def leave_at(sid, nth):
        record["calls"] += 1
        if record["calls"] == nth:
            await sio.disconnect(sid)

    @sio.event
    async def hang(sid, after=0):
        record["calls"] += 1
        if record["calls"] > after:
            if "hangs" in record:
                record["hangs"].set()
            async with asyncio.timeout(WAIT):
                await record["over"].wait()


@pytest.fixture
def lab():
    return laboratory()


@pytest.fixture
async def client(lab):
    async with TestClient(lab[0]) as client:
        await client.connect()
        yield client
        lab[1]["over"].set()


class TestMeasure:
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

    async def test_the_handlers_time_is_the_handlers(self, client, lab):
        report = await bench.measure(client, "nap", 0.002, calls=20, warmup=0)
        times = lab[1]["times"]
        assert report.handler.count == len(times) == 20
        assert min(times) <= report.handler.min
        assert max(times) <= report.handler.max
        assert sum(times) <= report.handler.mean * 20 <= report.mean * 20

    async def test_with_several_each_call_has_its_own_handler(self, client, lab):
        report = await bench.measure(client, "nap", 0.001, calls=40, warmup=4, concurrency=4)
        assert lab[1]["most"] == 4
        assert report.count == report.handler.count == 40
        assert report.protocol.min > 0
        assert report.subject.concurrency == 4

    async def test_a_slower_handler_is_slower(self, client):
        quick = await bench.measure(client, "echo", calls=20)
        slow = await bench.measure(client, "nap", 0.01, calls=20, warmup=1)
        assert slow.p50 > quick.p50
        assert slow.handler.p50 > quick.handler.p50
        assert slow.handler_share > quick.handler_share

    async def test_other_events_are_none_of_its_business(self, client):
        async def others():
            for number in range(20):
                await client.call("echo", number)

        report, _ = await asyncio.gather(
            bench.measure(client, "nap", 0.001, calls=20, warmup=0), others()
        )
        assert report.count == report.handler.count == 20

    async def test_in_a_namespace(self, client):
        await client.connect("/chat")
        report = await bench.measure(client, "echo", 1, calls=10, namespace="/chat")
        assert report.count == report.handler.count == 10
        assert report.subject.namespace == "/chat"

    async def test_emit_until_the_answer(self, client):
        report = await bench.measure(
            client, "ping", calls=20, warmup=2, mode="emit", await_event="pong"
        )
        assert report.count == report.handler.count == 20
        assert str(report).startswith("emit 'ping', await 'pong' of ")
        assert client.get_received() == []

    async def test_an_answer_too_many_answers_nothing(self, client):
        """Else every second pong would be taken for the answer to a ping that is not sent yet."""
        report = await bench.measure(
            client, "ping", 2, calls=20, warmup=0, mode="emit", await_event="pong"
        )
        assert report.count == 20
        assert report.min > 0
        assert client.get_received() == []

    async def test_emit_until_all_is_quiet(self, client, lab):
        report = await bench.measure(client, "nap", 0.001, calls=10, warmup=1, mode="emit")
        assert report.count == 10
        assert len(lab[1]["times"]) == 11
        assert report.handler.min <= report.min

    async def test_warm_up_is_not_reported(self, client, lab):
        """Errors and all."""
        report = await bench.measure(client, "fail_every", 5, calls=4, warmup=5)
        assert lab[1]["calls"] == 9
        assert (report.count, report.errors) == (4, {})

    async def test_no_collection_while_it_measures(self, client, lab):
        gc.unfreeze()
        frozen = gc.get_freeze_count()  # not 0 from Python 3.12 on
        assert gc.isenabled()
        await bench.measure(client, "echo", calls=10, warmup=0)
        assert lab[1]["collector"] == {False}
        assert gc.isenabled()
        assert gc.get_freeze_count() == frozen
        gc.freeze()

    async def test_a_collector_that_is_off_stays_off(self, client):
        gc.disable()
        # For good, as in conftest.py: thawed, it is in the way of each collection to come.
        gc.freeze()
        try:
            await bench.measure(client, "echo", calls=10, warmup=0)
            assert not gc.isenabled()
            assert gc.get_freeze_count() > 0
        finally:
            gc.enable()

    async def test_more_calls_than_the_transcript_keeps(self, lab, monkeypatch):
        monkeypatch.setattr(bench_runner, "CALLS_A_ROUND", 20)
        monkeypatch.setattr(transcript, "MAX_PACKETS", 40)
        async with TestClient(lab[0]) as client:
            await client.connect()
            report = await bench.measure(client, "echo", calls=100)
        assert report.handler.count == 100
        assert report.notes == ()

    async def test_handlers_that_were_crowded_out(self, lab, monkeypatch):
        monkeypatch.setattr(transcript, "MAX_PACKETS", 5)
        async with TestClient(lab[0]) as client:
            await client.connect()
            report = await bench.measure(client, "echo", calls=20, warmup=0)
        assert report.count == 20
        assert report.handler is None
        assert "crowded" in report.notes[0]

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

    async def test_the_warm_up_is_no_progress(self, client):
        seen = []

        def watch(progress):
            seen.append((progress.warming_up, progress.done, progress.report().count))

        await bench.measure(client, "echo", calls=30, warmup=30, progress=watch)
        assert seen[0] == (True, 0, 0)
        assert {entry for entry in seen if entry[0]} == {(True, 0, 0)}
        assert (False, 0, 0) in seen
        assert seen[-1] == (False, 30, 30)

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


class TestOpenLoop:
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

    async def test_those_behind_a_slow_call_wait_on_the_clock(self, client, lab):
        report = await bench.measure(client, "stall_once", 10, 0.1, calls=50, warmup=0, rate=200)
        [stall] = lab[1]["times"]
        held_up = [part for part in report.timeline if part.max >= stall / 2]
        # What was due in the first half of the stall waits for all of the second; 40 are left then.
        assert len(held_up) >= min(stall / 2 * 200, 40) - 1
        assert len(held_up) > 1

    async def test_arrivals_do_not_wait_for_one_another(self, client):
        report = await bench.measure(client, "together", 10, calls=10, warmup=0, rate=1000)
        assert report.count == 10

    async def test_unless_places_are_few(self, client, lab):
        report = await bench.measure(
            client, "nap", 0.005, calls=20, warmup=0, rate=1000, concurrency=2
        )
        assert lab[1]["most"] == 2
        assert report.count == 20
        assert report.waited.max > report.handler.min

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
        # Housekeeping was done a second ago: due again, but not overdue.
        before = time.perf_counter_ns() - _open_loop.SECOND
        calls = types.SimpleNamespace(
            sent=1, housekept_ns=before, housekept_at=0, housekeep=lambda: done.append(True)
        )
        open_loop = _open_loop.OpenLoop(calls, 2, 1.0, 1)
        open_loop._pending = pending
        await open_loop._housekeep(time.perf_counter_ns() + round(hours * hour))
        assert len(done) == times

    async def test_no_pause_while_a_call_is_under_way(self, client):
        """Each takes longer than the time to the next one."""
        report = await bench.measure(client, "nap", 0.3, calls=4, warmup=0, rate=8)
        assert report.count == 4

    async def test_errors_are_counted(self, client):
        report = await bench.measure(client, "fail_every", 4, calls=20, warmup=0, rate=1000)
        assert (report.count, report.errors) == (15, {"ZeroDivisionError": 5})

    async def test_a_lost_connection_ends_it(self, client):
        report = await bench.measure(client, "leave_at", 5, calls=500, warmup=0, rate=1000)
        assert "server disconnect" in report.interrupted
        assert report.count < 500

    async def test_nobody_handles_it(self, client):
        with pytest.raises(UsageError, match="did you mean 'echo'"):
            await bench.measure(client, "ehco", calls=20, warmup=0, rate=1000)

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


class TestErrors:
    async def test_they_are_counted_and_never_averaged_in(self, client):
        report = await bench.measure(client, "fail_every", 3, calls=30, warmup=0)
        assert (report.count, report.errors) == (20, {"ZeroDivisionError": 10})
        assert report.handler.count == sum(bar.count for bar in report.histogram) == 20
        assert report.messages["ZeroDivisionError"].startswith("the handler's own words (raised by")

    async def test_a_handler_that_always_raises(self, client):
        report = await bench.measure(client, "fail", "LookupError", calls=10, warmup=2)
        assert (report.count, report.errors) == (0, {"LookupError": 10})

    async def test_the_apps_type_error_is_an_error_like_any_other(self, client):
        report = await bench.measure(client, "fail", "TypeError", calls=10, warmup=2)
        assert report.errors == {"TypeError": 10}

    async def test_app_errors_that_the_client_keeps_to_itself(self, lab):
        async with TestClient(lab[0], raise_app_exceptions=False) as client:
            await client.connect()
            report = await bench.measure(client, "fail", "LookupError", calls=5, warmup=0)
        assert report.errors == {"EventTimeout": 5}

    async def test_an_error_after_the_answer(self, client):
        report = await bench.measure(
            client, "ping", 1, "fail", calls=1, warmup=0, mode="emit", await_event="pong"
        )
        assert (report.count, report.errors) == (1, {"LookupError": 1})

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

    async def test_a_lost_connection_ends_it(self, client):
        report = await bench.measure(client, "leave_at", 8, calls=100, warmup=2)
        assert report.count < 100
        assert report.errors["NotConnected"] == 1
        assert "server disconnect" in report.interrupted

    async def test_a_connection_lost_in_the_warm_up(self, client):
        report = await bench.measure(client, "leave_at", 1, calls=100, warmup=2)
        assert report.count == 0
        assert "server disconnect" in report.interrupted

    async def test_nobody_waits_for_a_thousand_timeouts(self, client, lab):
        report = await bench.measure(client, "hang", calls=1000, warmup=0, timeout=0.01)
        assert report.errors == {"EventTimeout": 3}
        assert "3 calls timed out" in report.interrupted

    async def test_one_that_timed_out_among_others(self, client, lab):
        report = await bench.measure(client, "hang", 5, calls=6, warmup=0, timeout=0.3)
        assert (report.count, report.errors) == (5, {"EventTimeout": 1})
        assert report.handler.count == 5

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


class TestSwarm:
    async def test_everybody_goes_through_the_scenario(self, lab):
        async def scenario(client):
            await client.call("echo", 1)
            await client.emit("ping")
            await client.await_event("pong")
            await client.emit("echo", 2, callback=lambda *args: None)

        report = await bench.swarm(lab[0], clients=5, scenario=scenario, rounds=2, warmup=1)
        assert lab[1]["calls"] == 5 * 3 * 2
        assert (report.count, report.errors) == (10, {})
        assert report.subject.mode == "scenario"
        assert report.subject.concurrency == 5
        assert "5 clients" in str(report)
        assert "scenario" in report.subject.event
        assert list(report.events) == ["connect", "echo"]
        assert report.events["connect"].count == 5
        assert report.events["echo"].count == 20
        assert report.events["echo"].handler.count == 20
        # Every scenario waits for its first echo; for the second nobody does.
        assert report.events["echo"].min <= report.min
        assert repr(bench.LatencyReport.from_json(report.to_json())) == repr(report)

    async def test_on_a_schedule(self, lab):
        async def scenario(client):
            await client.call("echo", namespace="/chat")

        report = await bench.swarm(
            lab[0], clients=3, scenario=scenario, rounds=2, rate=200, namespaces=("/", "/chat")
        )
        assert [part.begin for part in report.timeline] == pytest.approx(
            [n / 200 for n in range(6)], abs=1e-6
        )
        assert report.waited.count == 6
        assert report.events["echo (/chat)"].count == 6

    async def test_scenarios_that_fail(self, lab):
        async def scenario(client):
            await client.call("fail_every", 2)

        report = await bench.swarm(lab[0], clients=6, scenario=scenario)
        assert (report.count, report.errors) == (3, {"ZeroDivisionError": 3})
        assert report.events["fail_every"].count == 3

    async def test_errors_that_no_scenario_waits_for(self, lab):
        async def scenario(client):
            await client.emit("fail", "LookupError")
            await client.emit("fail", "TypeError")

        report = await bench.swarm(lab[0], clients=3, scenario=scenario)
        assert report.count == 3
        assert report.errors == {"LookupError": 3, "TypeError": 3}

    async def test_handlers_that_do_not_end(self, lab):
        async def scenario(client):
            await client.emit("fail", "LookupError")
            await client.emit("hang")

        with pytest.warns(LeakWarning, match="hang"):
            report = await bench.swarm(lab[0], clients=2, scenario=scenario, timeout=0.15)
        assert report.errors == {"EventTimeout": 1, "LookupError": 2}

    async def test_some_that_are_refused(self):
        app = one_in(2)
        report = await bench.swarm(app, clients=4, scenario=lambda client: client.call("echo"))
        assert report.events["connect"].count == report.count == 2
        assert report.events["connect"].errors == {"ConnectionRefused": 2}

    async def test_all_that_are_refused(self):
        with pytest.raises(ConnectionRefused, match="full"):
            await bench.swarm(one_in(100), clients=4, scenario=lambda client: client.call("echo"))

    async def test_more_packets_than_the_transcript_keeps(self, lab, monkeypatch):
        monkeypatch.setattr(transcript, "MAX_PACKETS", 10)

        async def scenario(client):
            for number in range(20):
                await client.call("echo", number)

        report = await bench.swarm(lab[0], clients=2, scenario=scenario)
        assert report.count == 2
        assert "of 2 clients" in report.notes[0]

    async def test_a_server_that_is_not_found(self, lab):
        report = await bench.swarm(
            behind_a_pump(lab[0]), clients=2, scenario=lambda client: client.call("echo")
        )
        assert report.count == 2
        assert report.events["echo"].handler is None

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"clients": 0}, ValueError),
            ({"rounds": 0}, ValueError),
            ({"warmup": -1}, ValueError),
            ({"rate": 0}, ValueError),
            ({"scenario": None}, TypeError),
            ({"nonsense": 1}, TypeError),
        ],
    )
    async def test_arguments_that_cannot_be(self, lab, options, error):
        with pytest.raises(error, match=next(iter(options))):
            await bench.swarm(lab[0], **{"scenario": lambda client: client.call("echo")} | options)


class TestSubject:
    def test_an_app_goes_by_where_it_is_found(self, monkeypatch):
        app, _ = laboratory()
        monkeypatch.setattr(sys.modules[__name__], "an_app", app, raising=False)
        assert subjects.name_of(app) == f"{__name__}:an_app"
        # A module that is no test's goes before, wherever it was imported.
        monkeypatch.setattr(socketio, "their_app", app, raising=False)
        assert subjects.name_of(app) == "socketio:their_app"

    def test_else_by_what_it_is(self):
        app, _ = laboratory()
        assert subjects.name_of(app) == f"{type(app).__module__}.ASGIApp"

        async def function(scope, receive, send):
            """An ASGI app may be one, too."""

        assert subjects.name_of(function).endswith("<locals>.function")

    @pytest.mark.real_clock
    async def test_versions_and_machine(self):
        here = bench.Subject.here(**WHAT)
        assert here.versions["python-socketio"]
        assert here.versions["event loop"] == "asyncio"
        assert here.machine["processor"]
        assert here.differences(here) == here.remarks(here) == []
        assert bench.Subject.from_dict(here.to_dict()) == here

    def test_another_event_loop_is_another_version(self):
        uvloop = pytest.importorskip("uvloop")

        async def versions():
            return bench.Subject.here(**WHAT).versions

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(versions())["event loop"].startswith("uvloop ")

    def test_a_package_without_a_version(self):
        assert subjects.version_of("no-such-package-anywhere") == "of unknown version"

    def test_a_processor_without_a_model_name(self, tmp_path):
        (tmp_path / "cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")
        assert subjects.processor(tmp_path / "cpuinfo")
        assert subjects.processor(tmp_path / "missing")

    def test_replaced_fields_are_compared(self):
        assert subject().differences(replace(subject(), date="later")) == []


def one_in(nth):
    """An app that lets only every nth client in."""
    sio = socketio.AsyncServer(async_mode="asgi")
    seen = []

    @sio.event
    async def connect(sid, environ, auth):
        seen.append(sid)
        if len(seen) % nth:
            raise Refused("full")

    @sio.event
    async def echo(sid, *args):
        return args

    return socketio.ASGIApp(sio)


def behind_a_pump(app):
    """The app, with its messages handed over by other tasks: nothing leads back to its server."""

    async def pump(take, give):
        kind = ""
        while kind not in ("websocket.disconnect", "websocket.close"):
            message = await take()
            kind = message["type"]
            await give(message)

    async def pumped(scope, receive, send):
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        received, sent = asyncio.Queue(), asyncio.Queue()
        pumps = [
            asyncio.create_task(pump(receive, received.put)),
            asyncio.create_task(pump(sent.get, send)),
        ]
        try:
            await app(scope, received.get, sent.put)
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    return pumped
