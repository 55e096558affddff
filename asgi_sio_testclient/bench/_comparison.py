"""`Comparison`: whether a report is slower than its baseline by more than noise.

`LatencyReport.compare` describes the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from asgi_sio_testclient._exceptions import TestClientError
from asgi_sio_testclient.bench._format import duration, number_or_none

__all__ = ["Comparison", "NotComparable", "judged", "margin_of"]

__tracebackhide__ = True

FEWEST_SLICES = 8
"""With fewer slices the approximation of the Mann-Whitney U test is not good enough."""

SIGNIFICANT = 0.01
MACHINE = 0.05
"""A difference of the machine above this is part of the text."""
SPREAD_SHARE = 0.25
"""The exponent with which the spread within the noisier run widens the margin. SPREAD_SHARE and
MARGIN were chosen on one series of recorded runs, and tested on another series."""
MARGIN = 0.12
"""The difference of two runs of the same code, for reasons of the process: addresses in memory, the
hash seed, the processor's clock."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The comparison of a report with a baseline.

    Attributes:
        verdict: "slower", "faster", "same", or "unclear" (too few calls).
        ratio: the median latency divided by that of the baseline.
        machine_ratio: the time of the calibration loop divided by that of the baseline: above 1 the
            machine was slower; nan if the loop was not run.
        p_value: the p-value of the Mann-Whitney U test; nan if the verdict is "unclear".
        p50: the median latency in seconds.
        baseline_p50: the median latency of the baseline in seconds.
        handler_ratio: the median time of the handler divided by that of the baseline; None if one
            of them is unknown.
        notes: other differences, such as the machine, a line each.
        margin: the least ratio of latencies for "slower" or "faster": 1.12, and more if the slices
            of one of the runs differ among themselves.
    """

    verdict: str
    ratio: float
    machine_ratio: float
    p_value: float
    p50: float
    baseline_p50: float
    handler_ratio: float | None
    notes: tuple[str, ...]
    margin: float = 1.1

    @property
    def sure_ratio(self) -> float:
        """The part of `ratio` for which the machine does not account: the ratio of the latencies,
        or the ratio of the latencies in units of the calibration loop, whichever is nearer to 1; 1
        if one of them is above 1 and the other one below.
        """
        if math.isnan(self.machine_ratio):
            return self.ratio
        low, high = sorted((self.ratio, self.ratio / self.machine_ratio))
        return low if low > 1 else min(high, 1.0)

    @property
    def _steady_ratio(self) -> float:
        """The ratio of the latencies in units of the calibration loop, which decides the verdict; 1
        if `ratio` is on the other side of 1.
        """
        if math.isnan(self.machine_ratio):
            return self.ratio
        steady = self.ratio / self.machine_ratio
        return steady if (steady > 1) == (self.ratio > 1) else 1.0

    def fails(self, above: float) -> bool:
        """Return whether the comparison fails a check: the verdict is "unclear"; or it is "slower",
        and `sure_ratio` is above `above`.
        """
        return self.verdict == "unclear" or (self.verdict == "slower" and self.sure_ratio > above)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, with None for nan, which JSON lacks."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: number_or_none(value) if isinstance(value, float) else value
            for name, value in (values | {"notes": list(self.notes)}).items()
        }

    def __str__(self) -> str:
        if self.verdict == "unclear":
            return (
                f"unclear: fewer than {FEWEST_SLICES} calls were answered here or in the baseline"
            )
        text = (
            f"{self.verdict}: p50 {duration(self.p50)}, baseline {duration(self.baseline_p50)}, "
            f"ratio {self.ratio:.2f} (p = {self.p_value:.2g}, noise up to {self.margin:.2f})"
        )
        if self.handler_ratio is not None:
            text += f", of the handler {self.handler_ratio:.2f}"
        if abs(self.machine_ratio - 1) > MACHINE:
            how = "slower" if self.machine_ratio > 1 else "faster"
            text += f"; the machine is {how} (ratio {self.machine_ratio:.2f})"
            text += f", which leaves {self.sure_ratio:.2f}"
        return text


class NotComparable(TestClientError, ValueError):
    """Raised for two reports that can't be compared: of other apps, events, settings or versions.

    Attributes:
        differences: a line for each reason.
    """

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__(differences)
        self.differences = list(differences)

    def __str__(self) -> str:
        return "the baseline is of another measurement: " + "; ".join(self.differences)


def margin_of(spreads: Sequence[float]) -> float:
    """Return the margin for two runs, by the spread of the noisier run.

    Args:
        spreads: for each run, the latency of its slow slices divided by that of its fast slices.
    """
    return float((1 + MARGIN) * max(spreads) ** SPREAD_SHARE)


def judged(comparison: Comparison) -> Comparison:
    """Return the comparison with its verdict."""
    significant = comparison.p_value < SIGNIFICANT
    if significant and comparison._steady_ratio > comparison.margin:
        return replace(comparison, verdict="slower")
    if significant and comparison._steady_ratio < 1 / comparison.margin:
        return replace(comparison, verdict="faster")
    return replace(comparison, verdict="same")
