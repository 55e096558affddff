"""`LatencyReport`: the figures of a measurement, and the report as JSON, text and Markdown.

Built from samples; uses neither clocks nor clients.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from operator import attrgetter, itemgetter
from statistics import geometric_mean, median
from typing import Any, NamedTuple, Self

from asgi_sio_testclient.bench._comparison import (
    FEWEST_SLICES,
    Comparison,
    NotComparable,
    judged,
    margin_of,
)
from asgi_sio_testclient.bench._format import duration, number_or_none
from asgi_sio_testclient.bench._statistics import bucketed, mann_whitney, percentile, sliced
from asgi_sio_testclient.bench._subject import Subject

__all__ = [
    "Bucket",
    "LatencyReport",
    "Sample",
    "Slice",
    "Timings",
]

__tracebackhide__ = True

FORMAT = 1
SLICES = 50
"""The number of slices of the timeline. A slice is long enough for most disturbances of several
calls in a row, so that slices can count as independent; and there are enough for the test."""

FIGURES = ("min", "mean", "p50", "p90", "p99", "p999", "max")
TITLES = ("min", "mean", "p50", "p90", "p99", "p99.9", "max")


class Sample(NamedTuple):
    """One answered call.

    Attributes:
        begin: when the call was due, in seconds of any clock.
        end: when the answer arrived, in seconds of the same clock.
        handler: seconds that the app's handler ran for the call; None if the time is unknown.
        inside: the part of `handler` between begin and end: a handler may run on after its answer.
        waited: seconds from `begin` until the call was sent.
    """

    begin: float
    end: float
    handler: float | None = None
    inside: float = 0.0
    waited: float = 0.0

    @property
    def latency(self) -> float:
        """Seconds from begin to end."""
        return self.end - self.begin


@dataclass(frozen=True)
class Bucket:
    """One bar of a histogram: `count` durations from `low` to below `high` seconds."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Slice:
    """Consecutive calls of a measurement; the timeline of a report has at most 50 slices.

    Attributes:
        begin: seconds from the time at which the first call of all was due.
        count: the number of calls.
        p50: the median of their latencies, in seconds.
        max: the greatest of their latencies, in seconds.
        handler: the median time of the handler in these calls, in seconds; None if unknown.
        calibration: seconds of the calibration loop just before and after these calls, the median;
            None if the loop was not run.
    """

    begin: float
    count: int
    p50: float
    max: float
    handler: float | None
    calibration: float | None = None


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Figures of some durations, in seconds; nan without durations.

    Attributes:
        count: the number of durations.
        min, mean, max: the least, the mean and the greatest duration.
        p50, p90, p99, p999: percentiles; p999 is the 99.9th. Percentiles are nearest ranks: each is
            one of the durations.
        histogram: logarithmic buckets, 40 per decade, without the empty ones.
    """

    count: int
    min: float
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    histogram: tuple[Bucket, ...] = field(repr=False)

    @classmethod
    def of(cls, durations: Iterable[float]) -> Timings:
        """Return the figures of some durations."""
        return Timings(**_figures(durations))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, with None for nan, which JSON lacks."""
        figures = {name: number_or_none(getattr(self, name)) for name in FIGURES}
        return {
            "count": self.count,
            **figures,
            "histogram": [list(astuple(bar)) for bar in self.histogram],
        }


@dataclass(frozen=True, kw_only=True)
class LatencyReport(Timings):
    """The latencies of calls, from the time at which a call was due until its answer. Failed calls
    are counted, and are not in the figures.

    Attributes:
        errors: how many calls failed, by the name of the error's type.
        messages: the text of the first error of each type.
        throughput: answered calls per second.
        handler: the times of the app's handler, measured on the server from the start to the end of
            python-socketio's task for the event. This includes finding the handler and encoding the
            ack, about 10 to 20 us. None if the server was not detected.
        protocol: the rest of each call: framework, protocol and client.
        handler_share: the part of the handler in the time of all calls, from 0 to 1.
        waited: the times from when calls were due until they were sent; None without a rate.
        timeline: the calls in the order in which they were due, in at most 50 slices.
        yardstick: seconds of the calibration loop between the calls, the median: shows the speed of
            the machine. nan if the loop was not run.
        events: for `swarm`, the calls that scenarios made, by event, and "connect".
        notes: remarks on the figures, a line each.
        interrupted: why the measurement ended early; None if it did not.
        subject: what was measured, and on which machine.
    """

    errors: dict[str, int]
    messages: dict[str, str]
    throughput: float
    handler: Timings | None
    protocol: Timings | None
    handler_share: float | None
    waited: Timings | None
    timeline: tuple[Slice, ...] = field(repr=False)
    yardstick: float
    events: dict[str, LatencyReport] = field(repr=False)
    notes: tuple[str, ...]
    interrupted: str | None
    subject: Subject

    @classmethod
    def from_samples(
        cls,
        samples: Iterable[Sample],
        subject: Subject,
        *,
        elapsed: float,
        yardstick: Iterable[float] = (),
        calibrations: Sequence[tuple[float, float]] = (),
        errors: Mapping[str, int] | None = None,
        messages: Mapping[str, str] | None = None,
        events: Mapping[str, LatencyReport] | None = None,
        notes: Sequence[str] = (),
        interrupted: str | None = None,
    ) -> Self:
        """Return the report of some samples.

        Args:
            samples: the answered calls.
            subject: what was measured.
            elapsed: seconds of the whole measurement.
            yardstick: the seconds of each run of the calibration loop.
            calibrations: the start of each run of the calibration loop, by the samples' clock and
                in order, and its seconds.
            errors: how many calls failed, by the name of the error's type.
            messages: the text of the first error of each type.
            events: reports of single events, by name.
            notes: remarks, a line each.
            interrupted: why the measurement ended early, or None.
        """
        ordered = sorted(samples, key=attrgetter("begin"))
        known = [sample for sample in ordered if sample.handler is not None]
        total = sum(sample.latency for sample in known)
        return cls(
            **_figures(sample.latency for sample in ordered),
            errors=dict(errors or {}),
            messages=dict(messages or {}),
            throughput=len(ordered) / elapsed if elapsed > 0 else math.nan,
            handler=Timings.of(sample.handler or 0.0 for sample in known) if known else None,
            protocol=Timings.of(s.latency - s.inside for s in known) if known else None,
            handler_share=sum(sample.inside for sample in known) / total if total else None,
            waited=Timings.of(s.waited for s in ordered) if subject.rate is not None else None,
            timeline=tuple(
                _slice(part, ordered[0].begin, calibrations) for part in sliced(ordered, SLICES)
            ),
            yardstick=percentile(sorted(yardstick), 50),
            events=dict(events or {}),
            notes=tuple(notes),
            interrupted=interrupted,
            subject=subject,
        )

    def compare(self, baseline: LatencyReport) -> Comparison:
        """Compare the latencies with those of an earlier report.

        The medians of the timelines' slices are compared by the Mann-Whitney U test. Single calls
        are not independent: another process slows several calls in a row, and a test over single
        calls would count that as evidence. If the machine was slower, as the calibration loop
        shows, that part of the difference does not count.

        The verdict is "slower" or "faster" if the difference is significant (p < 0.01), and if the
        ratio without the machine's part is beyond `Comparison.margin`: 12 %, by which two runs of
        the same code may differ, and more if the slices of a run differ among themselves. Else the
        verdict is "same". The faster half of the slices counts, because other processes can only
        make a latency longer. With fewer than eight calls in one of the reports, the verdict is
        "unclear".

        Raises:
            NotComparable: `baseline` is of another app or event, or was measured with other
                settings or versions.
        """
        reasons = self.subject.differences(baseline.subject)
        if reasons:
            raise NotComparable(reasons)
        ours, theirs = ([part.p50 for part in report.timeline] for report in (self, baseline))
        enough = min(len(ours), len(theirs)) >= FEWEST_SLICES
        ratio = self.p50 / baseline.p50
        comparison = Comparison(
            verdict="unclear",
            ratio=ratio,
            machine_ratio=_machine_ratio(self, baseline, ratio),
            p_value=mann_whitney(ours, theirs)[1] if enough else math.nan,
            p50=self.p50,
            baseline_p50=baseline.p50,
            handler_ratio=_handler_ratio(self, baseline),
            notes=tuple(
                f"not as in the baseline: {line}" for line in self.subject.remarks(baseline.subject)
            ),
            margin=margin_of([_spread(report) for report in (self, baseline)] if enough else [1.0]),
        )
        return judged(comparison) if enough else comparison

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for `from_dict`, with None for nan, which JSON lacks."""
        return {
            "format": FORMAT,
            "subject": self.subject.to_dict(),
            **super().to_dict(),
            "throughput": number_or_none(self.throughput),
            "errors": self.errors,
            "messages": self.messages,
            "handler": _part_to_dict(self.handler),
            "protocol": _part_to_dict(self.protocol),
            "handler_share": self.handler_share,
            "waited": _part_to_dict(self.waited),
            "yardstick": number_or_none(self.yardstick),
            "timeline": [asdict(part) for part in self.timeline],
            "events": {name: report.to_dict() for name, report in self.events.items()},
            "notes": list(self.notes),
            "interrupted": self.interrupted,
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text, for a file that is used as a baseline later."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Return the report from a result of `to_dict`.

        Raises:
            ValueError: `values` is not of a report, or of another format.
        """
        if not isinstance(values, Mapping) or "format" not in values:
            raise ValueError("this is no report of asgi_sio_testclient.bench")
        if values["format"] != FORMAT:
            raise ValueError(
                f"this report has format {values['format']!r}, and {FORMAT} is what this version "
                f"of asgi_sio_testclient reads: measure it anew"
            )
        try:
            return cls(**_parsed(values))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"this report is damaged: {error!r}") from error

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the report from a result of `to_json`.

        Raises:
            ValueError: `text` is no JSON, not of a report, or of another format.
        """
        return cls.from_dict(json.loads(text))

    def to_markdown(self) -> str:
        """Return the report as Markdown: a heading line, a table, and the remarks."""
        lines = [
            f"**{self.subject}**",
            "",
            f"| | {' | '.join(TITLES)} |",
            f"| --- |{' ---: |' * len(TITLES)}",
            *(f"| {name} | {' | '.join(cells)} |" for name, cells in self.rows()),
            "",
            self.summary(),
        ]
        lines += [f"- {line}" for line in self.remarks()]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        rows = [("", TITLES), *self.rows()]
        width = max(len(name) for name, _ in rows)
        table = [
            f"{name:{width}} " + " ".join(f"{cell:>9}" for cell in cells) for name, cells in rows
        ]
        return "\n".join((str(self.subject), "", *table, "", self.summary(), *self.remarks()))

    def rows(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the rows of the table: a name, and the texts of the columns `TITLES`."""
        # With several pending calls, the time beside the handler includes waiting for other calls.
        alone = self.subject.concurrency == 1
        parts = {
            "latency": self,
            "handler": self.handler,
            ("framework and client" if alone else "framework, client, queue"): self.protocol,
            "waited to be sent": self.waited,
            **self.events,
        }
        return [
            (name, tuple(duration(getattr(part, figure)) for figure in FIGURES))
            for name, part in parts.items()
            if part is not None
        ]

    def summary(self) -> str:
        """Return one line: how many calls were answered, throughput, errors, the handler's
        share.
        """
        words = [f"{self.count:,} answered"]
        if self.count:
            words.append(f"{self.throughput:,.0f} per second")
        words.append(f"{sum(self.errors.values()):,} errors")
        if self.handler_share is not None:
            words.append(f"the handler's share is {self.handler_share:.1%}")
        return ", ".join(words)

    def remarks(self) -> list[str]:
        """Return a line for each type of error, for an early end, and for each note."""
        lines = [
            f"{count:,} x {name}: {self.messages.get(name, '')}".rstrip(": ")
            for name, count in self.errors.items()
        ]
        if self.interrupted is not None:
            lines.append(f"ended early: {self.interrupted}")
        return [*lines, *self.notes]


def _figures(durations: Iterable[float]) -> dict[str, Any]:
    ordered = sorted(durations)
    return {
        "count": len(ordered),
        "min": ordered[0] if ordered else math.nan,
        "mean": math.fsum(ordered) / len(ordered) if ordered else math.nan,
        "p50": percentile(ordered, 50),
        "p90": percentile(ordered, 90),
        "p99": percentile(ordered, 99),
        "p999": percentile(ordered, 99.9),
        "max": ordered[-1] if ordered else math.nan,
        "histogram": tuple(Bucket(*bar) for bar in bucketed(ordered)),
    }


def _slice(
    part: Sequence[Sample], origin: float, calibrations: Sequence[tuple[float, float]]
) -> Slice:
    latencies = sorted(sample.latency for sample in part)
    inside = sorted(sample.inside for sample in part if sample.handler is not None)
    return Slice(
        part[0].begin - origin,
        len(part),
        percentile(latencies, 50),
        latencies[-1],
        percentile(inside, 50) if inside else None,
        _calibration(part[0].begin, part[-1].begin, calibrations),
    )


def _calibration(
    begin: float, end: float, calibrations: Sequence[tuple[float, float]]
) -> float | None:
    """Return the median time of the calibration loop's runs from the last run before `begin` to the
    first run after `end`; None without runs.
    """
    first = max(bisect_right(calibrations, begin, key=itemgetter(0)) - 1, 0)
    last = bisect_left(calibrations, end, key=itemgetter(0))
    near = [took for _, took in calibrations[first : last + 1]]
    return median(near) if near else None


def _part_to_dict(part: Timings | None) -> dict[str, Any] | None:
    return None if part is None else part.to_dict()


def _parsed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_parsed_figures(values),
        "throughput": _parsed_number(values["throughput"]),
        "errors": {str(name): int(count) for name, count in values["errors"].items()},
        "messages": dict(values["messages"]),
        **{name: _parsed_part(values[name]) for name in ("handler", "protocol", "waited")},
        "handler_share": values["handler_share"],
        "yardstick": _parsed_number(values["yardstick"]),
        "timeline": tuple(Slice(**part) for part in values["timeline"]),
        "events": {
            name: LatencyReport.from_dict(report) for name, report in values["events"].items()
        },
        "notes": tuple(values["notes"]),
        "interrupted": values["interrupted"],
        "subject": Subject.from_dict(values["subject"]),
    }


def _parsed_figures(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "count": int(values["count"]),
        **{name: _parsed_number(values[name]) for name in FIGURES},
        "histogram": tuple(Bucket(*bar) for bar in values["histogram"]),
    }


def _parsed_part(values: Mapping[str, Any] | None) -> Timings | None:
    return None if values is None else Timings(**_parsed_figures(values))


def _parsed_number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _handler_ratio(report: LatencyReport, baseline: LatencyReport) -> float | None:
    if report.handler is None or baseline.handler is None:
        return None
    return report.handler.p50 / baseline.handler.p50


def _machine_ratio(report: LatencyReport, baseline: LatencyReport, ratio: float) -> float:
    """Return the factor by which the machine was slower than for the baseline, by the faster half
    of the slices if all slices have a calibration.
    """
    if _in_calibrations(report) is None or _in_calibrations(baseline) is None:
        return report.yardstick / baseline.yardstick
    return ratio / (_steady(report) / _steady(baseline))


def _steady(report: LatencyReport) -> float:
    """Return the geometric mean of the faster half of the slices' medians, each divided by the
    calibration of the same quantile.
    """
    times = sorted(part.p50 for part in report.timeline)
    calibrations = sorted(part.calibration or 0.0 for part in report.timeline)
    pairs = list(zip(times, calibrations, strict=True))
    return geometric_mean(time / loop for time, loop in pairs[: (len(pairs) + 1) // 2])


def _spread(report: LatencyReport) -> float:
    """Return the ratio of a run's slow slices (90th percentile) to its fast slices (10th)."""
    ordered = sorted(_in_calibrations(report) or [part.p50 for part in report.timeline])
    return ordered[int(len(ordered) * 0.9)] / ordered[int(len(ordered) * 0.1)]


def _in_calibrations(report: LatencyReport) -> list[float] | None:
    """Return the slices' medians in units of the calibration loop; None if a slice has none."""
    times = [part.p50 / part.calibration for part in report.timeline if part.calibration]
    return times if times and len(times) == len(report.timeline) else None
