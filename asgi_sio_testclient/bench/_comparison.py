"""`Comparison`: is a report slower than its baseline, or is that noise?

`LatencyReport.compare` says how that is decided.
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
"""Below, the test's approximation doesn't hold, and nothing could be significant."""

SIGNIFICANT = 0.01
MACHINE = 0.05
"""From here on, a difference of the machine is told."""
SPREAD_SHARE = 0.25
"""The share of the spread within the noisier run that two runs of the same code may differ by. It
and MARGIN were chosen on one series of recorded runs, and tried on another."""
MARGIN = 0.12
"""What two runs of the same code differ by, for reasons that lie in the process and not in the
code: where things came to lie in memory, the seed of hashes, the processor's clock."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A report beside its baseline.

    Attributes:
        verdict: "slower", "faster", "same", or "unclear" (too few calls to tell).
        ratio: of the median latencies, the baseline's being 1.
        machine_ratio: of the yardsticks: above 1, the machine was slower than for the baseline; nan
            where that wasn't measured.
        p_value: of the Mann-Whitney U test; nan where the verdict is "unclear".
        p50: the median latency in seconds.
        baseline_p50: the baseline's.
        handler_ratio: of the handlers' median times; None where one isn't known.
        notes: what else differs, such as the machine.
        margin: by how many times the latencies must differ, at least, to be "slower" or "faster":
            1.12, and more where the blocks of either run differ among themselves.
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
        """The part of `ratio` that the machine doesn't account for: the ratio as it is, or in units
        of the yardstick, whichever is nearer to 1; and 1 where they lie on different sides of it.
        """
        if math.isnan(self.machine_ratio):
            return self.ratio
        low, high = sorted((self.ratio, self.ratio / self.machine_ratio))
        return low if low > 1 else min(high, 1.0)

    @property
    def _steady_ratio(self) -> float:
        """The ratio in units of the yardstick, which decides the verdict; 1 where the ratio as it
        is lies on the other side of 1.
        """
        if math.isnan(self.machine_ratio):
            return self.ratio
        steady = self.ratio / self.machine_ratio
        return steady if (steady > 1) == (self.ratio > 1) else 1.0

    def fails(self, above: float) -> bool:
        """Whether it is slower, beyond noise, and by more than `above` times; or can't be told."""
        return self.verdict == "unclear" or (self.verdict == "slower" and self.sure_ratio > above)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; None for nan, which JSON has not."""
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
    """Two reports that have nothing to say about each other.

    Attributes:
        differences: a line for each reason.
    """

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__(differences)
        self.differences = list(differences)

    def __str__(self) -> str:
        return "the baseline is not of the same thing: " + "; ".join(self.differences)


def margin_of(spreads: Sequence[float]) -> float:
    """The margin for two runs with these spreads, each the ratio of a run's slow blocks to its fast
    ones: the noisier run counts.
    """
    return float((1 + MARGIN) * max(spreads) ** SPREAD_SHARE)


def judged(comparison: Comparison) -> Comparison:
    """With the verdict that its figures call for."""
    significant = comparison.p_value < SIGNIFICANT
    if significant and comparison._steady_ratio > comparison.margin:
        return replace(comparison, verdict="slower")
    if significant and comparison._steady_ratio < 1 / comparison.margin:
        return replace(comparison, verdict="faster")
    return replace(comparison, verdict="same")
