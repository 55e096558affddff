"""The output of ``bench`` in a terminal: a progress bar, then the figures.

With rich, of the extra "cli", in colour; without rich, as plain text.
"""

from __future__ import annotations

import math
import os
import shutil
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
_HISTOGRAM_LABELS = 23
"""The columns before the bars."""
_NO_TERMINAL = 120
"""The columns for a file or a pipe: so many that no line is wrapped."""
_HISTOGRAM_LINES = 12
_VERDICT_STYLES = {"slower": "bold red", "faster": "bold green", "unclear": "bold yellow"}

ShowProgress = Callable[[Progress], None]


def screen_for(out: TextIO, err: TextIO) -> Screen:
    """Return a screen with rich if rich is installed, else a plain one."""
    try:
        import rich  # noqa: F401, PLC0415 (an optional package)
    except ImportError:
        return PlainScreen(out, err)
    return RichScreen(out, err)


class Screen(ABC):
    """Shows the progress and the figures of a measurement."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self.out = out
        self.err = err

    def bar(self) -> AbstractContextManager[ShowProgress]:
        """Return a context manager that yields a function for the progress. The progress is shown
        on stderr, if that is a terminal.
        """
        return self._bar() if self.err.isatty() else _no_bar()

    @abstractmethod
    def _bar(self) -> AbstractContextManager[ShowProgress]: ...

    @abstractmethod
    def show(self, report: LatencyReport, comparison: Comparison | None) -> None:
        """Show the figures of a report, and a comparison, if there is one."""


class PlainScreen(Screen):
    """A screen of plain text."""

    @contextmanager
    def _bar(self) -> Iterator[ShowProgress]:
        columns = shutil.get_terminal_size().columns
        longest = 0

        def show(progress: Progress) -> None:
            nonlocal longest
            line = "warming up" if progress.warming_up else plain_bar(progress, columns)
            longest = max(longest, len(line))
            self.err.write(f"\r{line:{longest}}")
            self.err.flush()

        try:
            yield show
        finally:
            self.err.write("\n")

    def show(self, report: LatencyReport, comparison: Comparison | None) -> None:
        """See `Screen.show`; add a line about the missing extra."""
        columns = shutil.get_terminal_size().columns if self.out.isatty() else _NO_TERMINAL
        text = str(report)
        if max(map(len, text.splitlines()[2:])) > columns:
            text = "\n".join(
                (str(report.subject), "", *list_lines(report), report.summary(), *report.remarks())
            )
        lines = [text, "", *histogram_lines(report.histogram, "#", columns)]
        if comparison is not None:
            lines += ["", str(comparison), *comparison.notes]
        self.out.write("\n".join(lines) + "\n")
        self.err.write(
            f"(plain text: pip install '{_EXTRA}' adds colour, a progress bar with the time left, "
            f"and --plot)\n"
        )


class RichScreen(Screen):
    """A screen with colours, by rich."""

    @contextmanager
    def _bar(self) -> Iterator[ShowProgress]:
        from rich import progress as bars  # noqa: PLC0415 (an optional package)

        # Drawn between calls: a thread that draws would run while calls are measured.
        bar = bars.Progress(
            *bars.Progress.get_default_columns(),
            bars.MofNCompleteColumn(),
            console=_console(self.err),
            auto_refresh=False,
            transient=True,
        )

        def show(progress: Progress) -> None:
            if progress.warming_up:
                bar.refresh()
            else:
                bar.update(
                    task,
                    description="measuring",
                    completed=progress.done,
                    total=progress.total,
                    refresh=True,
                )

        with bar:
            task = bar.add_task("warming up", total=None)
            yield show

    def show(self, report: LatencyReport, comparison: Comparison | None) -> None:
        """See `Screen.show`."""
        from rich.text import Text  # noqa: PLC0415 (an optional package)

        # In a file or a pipe, rich would wrap the table at 80 columns.
        console = _console(self.out, width=None if self.out.isatty() else _NO_TERMINAL)
        console.print(Text(str(report.subject), "bold"))
        table = self._table(report)
        wide = console.options.update(width=10 * _NO_TERMINAL)
        if console.measure(table, options=wide).maximum > console.width:
            for line in list_lines(report):
                console.print(Text(line))
        else:
            console.print(table)
        console.print(Text(report.summary()))
        for line in report.remarks():
            console.print(Text(line, "yellow"))
        for line in histogram_lines(report.histogram, "\N{FULL BLOCK}", console.width):
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


def _console(stream: TextIO, width: int | None = None) -> Any:
    """Return a console that raises BrokenPipeError for a closed pipe, and writes no escape
    sequences if NO_COLOR is set.
    """
    from rich.console import Console  # noqa: PLC0415 (an optional package)

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            """Raise, as without rich; rich itself would exit with 1."""
            raise BrokenPipeError

    colours = None if os.environ.get("NO_COLOR") else "auto"
    return PipeConsole(file=stream, width=width, color_system=colours)  # type: ignore[arg-type]


@contextmanager
def _no_bar() -> Iterator[ShowProgress]:
    yield lambda _: None


def plain_bar(progress: Progress, columns: int) -> str:
    """Return the progress as one line that fits into `columns`."""
    words = f"{progress.done:,} of {progress.total:,} calls"
    width = min(_BAR_WIDTH, columns - len(words) - 4)
    if width < 1:
        return words[: max(columns - 1, 0)]
    filled = "#" * (width * progress.done // progress.total)
    return f"[{filled:{width}}] {words}"


def list_lines(report: LatencyReport) -> list[str]:
    """Return the figures one below the other, for a terminal that is too narrow for the table."""
    lines = []
    for name, cells in report.rows():
        figures = (f"  {title:5} {cell:>8}" for title, cell in zip(TITLES, cells, strict=True))
        lines += [name, *figures, ""]
    return lines


def histogram_lines(
    histogram: tuple[Bucket, ...], block: str, columns: int = _NO_TERMINAL
) -> list[str]:
    """Return the lines of a histogram, shortest time first, each with one or more buckets.

    Args:
        histogram: the buckets.
        block: the character of a bar.
        columns: the most characters of a line.
    """
    if not histogram:
        return []
    rows = _merged(histogram)
    width = max(1, min(_HISTOGRAM_WIDTH, columns - _HISTOGRAM_LABELS))
    most = max(count for _, count in rows)
    return [
        f"{f'from {duration(low)}':>13} {count:>8,} " + block * math.ceil(width * count / most)
        for low, count in rows
    ]


def _merged(histogram: tuple[Bucket, ...]) -> list[tuple[float, int]]:
    """Return lower bound and count of at most twelve lines, with the empty lines between them."""
    ratio = histogram[0].high / histogram[0].low
    places = [round(math.log(bar.low / histogram[0].low, ratio)) for bar in histogram]
    together = -(-(places[-1] + 1) // _HISTOGRAM_LINES)
    counts = [0] * (places[-1] // together + 1)
    for place, bar in zip(places, histogram, strict=True):
        counts[place // together] += bar.count
    return [
        (histogram[0].low * ratio ** (line * together), count) for line, count in enumerate(counts)
    ]
