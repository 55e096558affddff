"""The calibration loop, whose duration shows the speed of the machine."""

from asgi_sio_testclient.bench import _calibration


def test_the_median_of_odd_many_runs_in_seconds(monkeypatch):
    clock = iter([0, 9, 0, 1, 0, 5, 0, 7, 0, 3, 0, 2, 0, 8, 0, 4, 0, 6])
    monkeypatch.setattr(_calibration, "perf_counter_ns", lambda: next(clock))
    assert _calibration.measure() == 5e-9
    assert next(clock, None) is None
