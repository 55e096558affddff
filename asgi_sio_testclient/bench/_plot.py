"""Draws a report: a histogram of the latencies, and the latencies over time.

Needs matplotlib, of the extra "cli". Does not use pyplot, which has state for the whole process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asgi_sio_testclient.bench._format import duration
from asgi_sio_testclient.bench._report import LatencyReport, Slice, Timings

__all__ = ["SUFFIXES", "draw"]

__tracebackhide__ = True

SUFFIXES = (".png", ".svg")

_HANDLER, _REST, _MAX = "#d1651a", "#1b7f79", "#8a8f98"
_SIZE = (9.0, 6.4)
_DPI = 130
_MARKS = ("p50", "p90", "p99")
_HEADROOM = 0.4  # of the height: space for the names of the marks and the legend


def draw(report: LatencyReport, path: Path) -> None:
    """Write the picture, as PNG or SVG by the suffix of the path.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no call was answered, so there is nothing to draw.
        OSError: the file can't be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 (an optional package)

    if not report.count:
        raise ValueError("nothing was answered: there is nothing to draw")
    figure = Figure(figsize=_SIZE, layout="constrained")
    # A dollar sign begins matplotlib's mathematics.
    title = f"{report.subject}\n{report.summary()}".replace("$", r"\$")
    figure.suptitle(title, fontsize=10)
    above, below = figure.subplots(2, 1)
    _distribution(above, report)
    _timeline(below, report)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    figure.savefig(path, dpi=_DPI)


def _distribution(axes: Any, report: LatencyReport) -> None:
    from matplotlib.ticker import LogLocator  # noqa: PLC0415 (as in draw)

    _bars(axes, report, _REST, "latency")
    if report.handler is not None:
        _bars(axes, report.handler, _HANDLER, "handler alone")
    for name in _MARKS:
        value = getattr(report, name)
        axes.axvline(value, color=_MAX, linewidth=0.8, linestyle=":")
        text = f" {name} {duration(value)}"
        axes.text(
            value,
            1.0,
            text,
            rotation=90,
            va="top",
            fontsize=7,
            transform=axes.get_xaxis_transform(),
        )
    axes.margins(y=_HEADROOM)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.set_ylabel("calls")
    _name_times(axes.xaxis)


def _bars(axes: Any, timings: Timings, colour: str, label: str) -> None:
    bars = timings.histogram
    axes.bar(
        [bar.low for bar in bars],
        [bar.count for bar in bars],
        width=[bar.high - bar.low for bar in bars],
        align="edge",
        color=colour,
        alpha=0.75,
        label=label,
    )


def _timeline(axes: Any, report: LatencyReport) -> None:
    blocks = report.timeline
    times = [part.begin for part in blocks]
    p50 = [part.p50 for part in blocks]
    handler = [_handler_part(part) for part in blocks]
    if report.handler is not None:
        axes.fill_between(times, handler, color=_HANDLER, alpha=0.75, label="handler (median)")
    axes.fill_between(times, handler, p50, color=_REST, alpha=0.6, label="the rest (median)")
    axes.plot(times, [part.max for part in blocks], ".", color=_MAX, markersize=4, label="slowest")
    axes.margins(y=_HEADROOM)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds since the first call")
    _name_times(axes.yaxis)


def _handler_part(part: Slice) -> float:
    return 0.0 if part.handler is None else min(part.handler, part.p50)


def _name_times(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: PLC0415 (as in draw)

    axis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axis.set_minor_formatter(NullFormatter())
