"""The report of a measurement: its figures and its formats."""

import math
import random

import pytest
from laboratory import noisy, report_of, subject

from asgi_sio_testclient import bench


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
        # The reprs are compared, because from Python 3.13 on two dataclasses with nan are not
        # equal.
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

    def test_a_report_is_frozen(self):
        with pytest.raises(AttributeError):
            report_of([1.0]).p50 = 0.5
