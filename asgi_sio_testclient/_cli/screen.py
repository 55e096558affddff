"""What ``bench`` shows in a terminal: a bar while it measures, the figures at the end.

With rich, of the extra "cli", in colour and with rules; without it the same as plain text.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TextIO

from asgi_sio_testclient.bench import Bucket, Comparison, LatencyReport, Progress
from asgi_sio_testclient.bench._format import duration
from asgi_sio_testclient.bench._report import TITLES

__all__ = ["PlainScreen", "RichScreen", "Screen", "histogram_lines", "screen_for"]

_EXTRA = "asgi-sio-testclient[cli]"
_BAR_WIDTH = 40
_HISTOGRAM_WIDTH = 40
_HISTOGRAM_LINES = 12
_VERDICT_STYLES = {"slower": "bold red", "faster": "bold green", "unclear": "bold yellow"}

Watch = Callable[[Progress], None]


def screen_for(out: TextIO, err: TextIO) -> Screen:
    """A screen with rich where that is installed."""
    try:
        import rich  # noqa: F401, PLC0415 (an optional package)
    except ImportError:
        return PlainScreen(out, err)
    return RichScreen(out, err)


class Screen(ABC):
    """What both have in common."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self.out = out
        self.err = err

    def bar(self) -> AbstractContextManager[Watch]:
        """Shows how far it is, on stderr, where that is a terminal."""
        return self._bar() if self.err.isatty() else _no_bar()

    @abstractmethod
    def _bar(self) -> AbstractContextManager[Watch]: ...

    @abstractmethod
    def show(self, report: LatencyReport, comparison: Comparison | None) -> None:
        """The figures."""


class PlainScreen(Screen):
    """Text."""

    @contextmanager
    def _bar(self) -> Iterator[Watch]:
        def watch(progress: Progress) -> None:
            filled = "#" * (_BAR_WIDTH * progress.done // progress.total)
            self.err.write(
                f"\r[{filled:{_BAR_WIDTH}}] {progress.done:,} of {progress.total:,} calls"
            )
            self.err.flush()

        try:
            yield watch
        finally:
            self.err.write("\n")

    def show(self, report: LatencyReport, comparison: Comparison | None) -> None:
        """As `Screen.show`; says what is missing."""
        lines = [str(report), "", *histogram_lines(report.histogram, "#")]
        if comparison is not None:
            lines += ["", str(comparison), *comparison.notes]
        self.out.write("\n".join(lines) + "\n")
        self.err.write(
            f"(plain text: pip install '{_EXTRA}' adds colour, a progress bar with the time left, "
            f"and --plot)\n"
        )


class RichScreen(Screen):
    """Colour."""

    @contextmanager
    def _bar(self) -> Iterator[Watch]:
        from rich import progress as bars  # noqa: PLC0415 (an optional package)
        from rich.console import Console  # noqa: PLC0415

        # Drawn when we are told to, between calls: a thread that draws would take turns with them.
        bar = bars.Progress(
            *bars.Progress.get_default_columns(),
            bars.MofNCompleteColumn(),
            console=Console(file=self.err),
            auto_refresh=False,
            transient=True,
        )

        def watch(progress: Progress) -> None:
            bar.update(task, completed=progress.done, total=progress.total, refresh=True)

        with bar:
            task = bar.add_task("measuring", total=None)
            yield watch

    def show(self, report: LatencyReport, comparison: Comparison | None) -> None:
        """As `Screen.show`."""
        from rich.console import Console  # noqa: PLC0415 (an optional package)
        from rich.text import Text  # noqa: PLC0415

        # Piped into a file, a table should not be folded to the 80 columns of no terminal.
        console = Console(file=self.out, width=None if self.out.isatty() else 120)
        console.print(Text(str(report.subject), "bold"))
        console.print(self._table(report))
        console.print(Text(report.summary()))
        for line in report.remarks():
            console.print(Text(line, "yellow"))
        for line in histogram_lines(report.histogram, "\N{FULL BLOCK}"):
            console.print(Text(line, "cyan"), no_wrap=True)
        if comparison is not None:
            style = _VERDICT_STYLES.get(comparison.verdict, "bold")
            console.print(Text(str(comparison), style))
            for line in comparison.notes:
                console.print(Text(line, "yellow"))

    @staticmethod
    def _table(report: LatencyReport) -> Any:
        from rich.table import Table  # noqa: PLC0415 (an optional package)

        table = Table()
        table.add_column()
        for title in TITLES:
            table.add_column(title, justify="right", no_wrap=True)
        for name, cells in report.rows():
            table.add_row(name, *cells)
        return table


@contextmanager
def _no_bar() -> Iterator[Watch]:
    yield lambda _: None


def histogram_lines(histogram: tuple[Bucket, ...], block: str) -> list[str]:
    """Bars, shortest time first, some buckets to a line."""
    if not histogram:
        return []
    rows = _merged(histogram)
    most = max(count for _, count in rows)
    return [
        f"{f'from {duration(low)}':>13} {count:>8,} "
        + block * math.ceil(_HISTOGRAM_WIDTH * count / most)
        for low, count in rows
    ]


def _merged(histogram: tuple[Bucket, ...]) -> list[tuple[float, int]]:
    """Lower bounds and counts of at most twelve lines, empty ones in between among them."""
    ratio = histogram[0].high / histogram[0].low
    places = [round(math.log(bar.low / histogram[0].low, ratio)) for bar in histogram]
    together = -(-(places[-1] + 1) // _HISTOGRAM_LINES)
    counts = [0] * (places[-1] // together + 1)
    for place, bar in zip(places, histogram, strict=True):
        counts[place // together] += bar.count
    return [
        (histogram[0].low * ratio ** (line * together), count) for line, count in enumerate(counts)
    ]
