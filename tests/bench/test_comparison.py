"""Comparisons of two reports: which differences are significant."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from laboratory import noisy, report_of, subject

from asgi_sio_testclient import bench
from asgi_sio_testclient.bench._statistics import percentile


def recorded_report(medians, calibrations):
    """Return a report of blocks with these medians and calibrations, in microseconds."""
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
    """Return a report of calls that took `times` as long on the same machine."""
    timeline = tuple(replace(part, p50=part.p50 * times) for part in report.timeline)
    return replace(report, timeline=timeline, p50=report.p50 * times)


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
        """A median that is far from the baseline's, in runs whose blocks vary as much."""
        dice = random.Random(5)
        wild = [0.001 * dice.uniform(0.2, 3.0) for _ in range(12)]
        comparison = report_of(wild).compare(report_of([0.001 * n for n in (1, 2) * 6]))
        assert comparison.verdict == "same"
        assert comparison.p_value > 0.01

    def test_neighbours_are_no_witnesses_for_one_another(self):
        """A hundred slow calls within one short phase count as one observation."""
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
        with pytest.raises(bench.NotComparable, match="of another measurement") as caught:
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
        """Return forty runs of the same code on a busy machine, as reports."""
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

    @pytest.mark.slow
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
