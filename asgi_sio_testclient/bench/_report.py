"""`LatencyReport`: what was measured, as figures, JSON, text and Markdown.

Built from samples, whoever took them. Knows no clocks and no clients.
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
"""Of the timeline. Long enough to hold most of what hits several calls in a row, so that they can
be taken for independent of one another; many enough for the test."""

FIGURES = ("min", "mean", "p50", "p90", "p99", "p999", "max")
TITLES = ("min", "mean", "p50", "p90", "p99", "p99.9", "max")


class Sample(NamedTuple):
    """One call that was answered.

    Attributes:
        begin: when it was due, in seconds of any one clock.
        end: when its answer had arrived.
        handler: seconds that the app's handler ran for it; None where that isn't known.
        inside: those of them between begin and end: a handler may go on after its answer.
        waited: seconds after `begin` at which it was sent.
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
    """One bar of a histogram: how many took from `low` to below `high` seconds."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Slice:
    """A number of calls that followed one another; a report's timeline has up to 50.

    Attributes:
        begin: seconds after the first call was due.
        count: of calls.
        p50: of their latencies.
        max: of the same.
        handler: the median of the handler's part in them; None where that isn't known.
        calibration: seconds that the calibration loop took just before and after them, the median;
            None where it was not run.
    """

    begin: float
    count: int
    p50: float
    max: float
    handler: float | None
    calibration: float | None = None


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Figures of a number of durations, all in seconds; of none, they are nan.

    Attributes:
        count: how many there are.
        min, mean, p50, p90, p99, p999, max: as they say; p999 is the 99.9th percentile. Percentiles
            are nearest ranks: each was measured.
        histogram: 40 buckets to a decade, those that aren't empty.
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
        """The figures of these."""
        return Timings(**_figures(durations))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; None for nan, which JSON has not."""
        figures = {name: number_or_none(getattr(self, name)) for name in FIGURES}
        return {
            "count": self.count,
            **figures,
            "histogram": [list(astuple(bar)) for bar in self.histogram],
        }


@dataclass(frozen=True, kw_only=True)
class LatencyReport(Timings):
    """What calls took from being due to being answered; those that failed are counted, and are in
    none of the figures.

    Attributes:
        errors: how many failed, by the name of the error's type.
        messages: the first error of each type, as text.
        throughput: answered calls per second.
        handler: what the app's handler took, as seen on the server: from the start of
            python-socketio's task for the event until its end. That is the search for the handler,
            the handler, and the packing of its ack: some 10 to 20 us without the handler. None
            where the server wasn't found.
        protocol: the rest of each call: framework, protocol and client.
        handler_share: the handler's part of all the time that calls took, from 0 to 1.
        waited: how long after they were due calls were sent; None without a rate.
        timeline: the calls in the order in which they were due, in up to 50 blocks.
        yardstick: seconds that a fixed piece of work took between the calls, the median: how fast
            the machine was. nan where that wasn't measured.
        events: of a swarm, the calls that its scenarios made, by event, and "connect".
        notes: what a reader of the figures should know.
        interrupted: why it ended early; None: it did not.
        subject: what was measured, on what.
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
        """The report of these samples, that took `elapsed` seconds in all.

        `calibrations` has the start of each run of the calibration loop, by the samples' clock and
        in order, and the seconds that it took; `yardstick` the latter alone.
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
        """How this report's latency stands to an earlier one's.

        Compared are the medians of the timeline's blocks, by the Mann-Whitney U test. Slices rather
        than calls, since calls aren't independent of one another: what slows one down, another
        process say, slows its neighbours as well, and a test over single calls would take that for
        proof. Nor are two runs: where the machine itself was slower, as the yardstick shows, that
        much of the difference does not count.

        The verdict is "slower" or "faster" when the difference is significant (p < 0.01) and,
        without what the machine accounts for, above `Comparison.margin`: 12 %, which two runs of
        the same code may well differ by, and more where the blocks of a run differ among
        themselves; else "same". Of the blocks, the faster half counts: another process only ever
        adds to a latency. With fewer than eight calls on either side it is "unclear".

        Raises:
            NotComparable: `baseline` is of another app or event, or was measured in another way or
                with other versions.
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
        """JSON values; None for nan, which JSON has not. `from_dict` takes them back."""
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
        """`to_dict` as text, for a file that is a baseline later."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The report that `to_dict` made these of.

        Raises:
            ValueError: they aren't a report's, or one of another format.
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
        """The report that `to_json` made this of.

        Raises:
            ValueError: as `from_dict`; and where it is no JSON.
        """
        return cls.from_dict(json.loads(text))

    def to_markdown(self) -> str:
        """A heading line, a table, and what else there is to say."""
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
        """The lines of a table: a name, and the texts under `TITLES`."""
        # Others in flight are served meanwhile.
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
        """How many, how fast, the handler's part: one line."""
        words = [f"{self.count:,} answered"]
        if self.count:
            words.append(f"{self.throughput:,.0f} per second")
        words.append(f"{sum(self.errors.values()):,} errors")
        if self.handler_share is not None:
            words.append(f"the handler's share is {self.handler_share:.1%}")
        return ", ".join(words)

    def remarks(self) -> list[str]:
        """Errors by type, notes, and why it ended early: a line each."""
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
    """The median of the runs from the last one before `begin` to the first one after `end`."""
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
    """By what the machine was slower, by the faster half of the blocks where both reports know the
    calibrations of each.
    """
    if _in_calibrations(report) is None or _in_calibrations(baseline) is None:
        return report.yardstick / baseline.yardstick
    return ratio / (_steady(report) / _steady(baseline))


def _steady(report: LatencyReport) -> float:
    """The faster half of the blocks' medians in units of the calibration loop's, quantile by
    quantile: their geometric mean.
    """
    times = sorted(part.p50 for part in report.timeline)
    calibrations = sorted(part.calibration or 0.0 for part in report.timeline)
    pairs = list(zip(times, calibrations, strict=True))
    return geometric_mean(time / loop for time, loop in pairs[: (len(pairs) + 1) // 2])


def _spread(report: LatencyReport) -> float:
    """The ratio of a run's slow blocks (90th percentile) to its fast ones (10th)."""
    ordered = sorted(_in_calibrations(report) or [part.p50 for part in report.timeline])
    return ordered[int(len(ordered) * 0.9)] / ordered[int(len(ordered) * 0.1)]


def _in_calibrations(report: LatencyReport) -> list[float] | None:
    """The blocks' medians in runs of the calibration loop; None where it did not run."""
    times = [part.p50 / part.calibration for part in report.timeline if part.calibration]
    return times if times and len(times) == len(report.timeline) else None
