"""The format of numbers in texts and in JSON."""

import math

import pytest

from asgi_sio_testclient.bench._format import duration, number_or_none


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
def test_durations_for_people(seconds, text):
    assert duration(seconds) == text


def test_nan_is_no_number_of_json():
    assert number_or_none(math.nan) is None
    assert number_or_none(0.0) == 0.0
