"""``bench``: measures the latency of an event, from the shell or in CI, and compares reports.

Figures go to standard output; the output of the app, the progress bar and errors go to standard
error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from asgi_sio_testclient import TestClient, bench
from asgi_sio_testclient._cli import CommandLineError, Parser, options, target
from asgi_sio_testclient._cli.screen import Screen, screen_for
from asgi_sio_testclient.bench import _plot as plot

_DESCRIPTION = """\
Send an event to an app in memory many times, and show the latencies, without a server or a network,
with the time of the handler and of the protocol. With a URL in the place of the app, measure a live
server. Garbage is collected before and after measuring, not within; failed calls are counted, and
are in none of the figures."""

_EXAMPLES = """\
examples:
  %(prog)s main:app search '{"text": "tea"}'
  %(prog)s main:app say '"hello"' --await-event said --calls 5000 --plot say.svg
  %(prog)s main:app search '{"text": "tea"}' --rate 200 --calls 2000
  %(prog)s main:app search '{"text": "tea"}' --json baseline.json
  %(prog)s main:app search '{"text": "tea"}' --baseline baseline.json --fail-above 1.2

exit codes: 0 success; 1 calls failed, nothing handles the event, or calls are slower than the
baseline allows; 2 wrong arguments, or a baseline of another app or event; 130 Ctrl-C, after the
figures so far."""

_INTERRUPTED = 130
STDOUT = Path("-")


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command.

    Returns:
        0; 1 if calls failed, or are slower than the baseline allows; 130 after Ctrl-C. Other errors
        are raised.
    """
    parser = build_parser(prog)
    arguments = parser.parse_intermixed_args(argv)
    if arguments.fail_above is not None and arguments.baseline is None:
        parser.error("--fail-above needs --baseline: the report to compare with")
    out = sys.stdout
    # With --json -, only the report goes to standard output.
    screen = screen_for(sys.stderr if arguments.json == STDOUT else out, sys.stderr)
    command = _Bench(arguments, prog, screen, out)
    with contextlib.redirect_stdout(sys.stderr):
        client = target.build_client(arguments)
        try:
            return asyncio.run(command.run(client))
        except KeyboardInterrupt as interrupt:
            return command.cut_short(interrupt)


class _Bench:
    def __init__(
        self, arguments: argparse.Namespace, prog: str, screen: Screen, out: TextIO
    ) -> None:
        self._out = out
        self._arguments = arguments
        self._prog = prog
        self._screen = screen
        self._baseline = None if arguments.baseline is None else _read(arguments.baseline)
        self.progress: bench.Progress | None = None
        for path in (arguments.json, arguments.plot):
            if path not in {None, STDOUT} and not path.parent.is_dir():
                raise CommandLineError(f"{path}: there is no directory {path.parent}")

    async def run(self, client: TestClient) -> int:
        arguments = self._arguments
        mode = arguments.mode or ("call" if arguments.await_event is None else "emit")
        async with client:
            await target.connect(client, arguments.namespace)
            with self._screen.bar() as show:

                def report_progress(progress: bench.Progress) -> None:
                    if self.progress is None:
                        self._check_baseline(progress)
                        self.progress = progress
                    show(progress)

                try:
                    report = await bench.measure(
                        client,
                        arguments.event,
                        *arguments.data,
                        calls=arguments.calls,
                        warmup=arguments.warmup,
                        concurrency=arguments.concurrency,
                        mode=mode,
                        await_event=arguments.await_event,
                        rate=arguments.rate,
                        namespace=arguments.namespace,
                        app=arguments.app,
                        progress=report_progress,
                    )
                except ValueError as error:
                    raise CommandLineError(str(error)) from None
            # Within the block: the app's shutdown at its end may fail.
            return self.finish(report)

    def cut_short(self, interrupt: KeyboardInterrupt) -> int:
        """Show the figures so far, and return the exit code.

        Raises:
            KeyboardInterrupt: no call was measured yet.
        """
        if self.progress is None or self.progress.warming_up:
            raise interrupt
        self.finish(self.progress.report("Ctrl-C"))
        return _INTERRUPTED

    def finish(self, report: bench.LatencyReport) -> int:
        """Show the figures, write the files, and return the exit code."""
        arguments = self._arguments
        comparison = None if self._baseline is None else report.compare(self._baseline)
        self._screen.show(report, comparison)
        if arguments.json == STDOUT:
            self._out.write(report.to_json())
        elif arguments.json is not None:
            _write(arguments.json, report)
        if arguments.plot is not None and report.count:
            _draw(arguments.plot, report)
        failed = False
        if report.errors or report.interrupted is not None:
            self._complain(_what_failed(report))
            failed = True
        if comparison is not None and comparison.fails(arguments.fail_above or 1.0):
            limit = f"--fail-above {arguments.fail_above or 1.0:g}"
            self._complain(f"failed by {limit}: {comparison}")
            failed = True
        return int(failed)

    def _check_baseline(self, progress: bench.Progress) -> None:
        """Check the baseline before the first call.

        Raises:
            CommandLineError: the baseline is of another app or event, or of other settings.
        """
        if self._baseline is not None:
            ours = progress.report().subject
            differences = ours.differences(self._baseline.subject)
            if differences:
                raise CommandLineError(
                    f"{self._arguments.baseline} is no baseline for this: "
                    f"{'; '.join(differences)}. Measure a new one with --json"
                )

    def _complain(self, text: str) -> None:
        sys.stderr.write(f"{self._prog}: {text}\n")


def _what_failed(report: bench.LatencyReport) -> str:
    failed = sum(report.errors.values())
    parts = []
    if failed:
        parts.append(
            f"{failed:,} of {failed + report.count:,} calls failed, and are in none of the figures"
        )
    if report.interrupted is not None:
        parts.append(f"ended early: {report.interrupted}")
    return "; ".join(parts)


def _read(path: Path) -> bench.LatencyReport:
    try:
        return bench.LatencyReport.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandLineError(f"cannot read the baseline: {error}") from None
    except ValueError as error:
        raise CommandLineError(f"{path} is no baseline: {error}") from None


def _write(path: Path, report: bench.LatencyReport) -> None:
    try:
        path.write_text(report.to_json(), encoding="utf-8")
    except OSError as error:
        raise CommandLineError(f"cannot write the report: {error}") from None


def _draw(path: Path, report: bench.LatencyReport) -> None:
    try:
        plot.draw(report, path)
    except OSError as error:
        raise CommandLineError(f"cannot write the plot: {error}") from None


def build_parser(prog: str) -> Parser:
    """Return the parser with the options of the command."""
    parser = Parser(prog=prog, description=_DESCRIPTION, epilog=_EXAMPLES)
    options.add_event_arguments(parser)
    _add_load_options(parser)
    _add_output_options(parser)
    options.add_connection_options(parser)
    return parser


def _add_load_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    options.add_count(parser, "--calls", 1, 1000, "how many calls are measured")
    options.add_count(parser, "--warmup", 0, 100, "how many calls are sent before, unmeasured")
    option(
        "--concurrency",
        metavar="N",
        type=options.whole(1),
        default=1,
        help="how many calls may be pending at once (default: 1; with --rate: no limit)",
    )
    option(
        "--rate",
        metavar="PER_SECOND",
        type=options.above_zero,
        help="send calls at this rate, and count latency from the time at which a call was due "
        "(default: one after the other)",
    )
    option(
        "--mode",
        choices=("call", "emit"),
        help="measure until the ack (call), or until --await-event, or else until the app has "
        "settled (emit; default: call; with --await-event: emit)",
    )
    option("--await-event", metavar="EVENT", help="the event that answers an emit")


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option(
        "--json",
        metavar="FILE",
        type=Path,
        help="write the report, which can be a baseline later; - for standard output",
    )
    option(
        "--plot",
        metavar="FILE.png|svg",
        type=_picture,
        help="draw a histogram and a timeline; needs the [cli] extra",
    )
    option("--baseline", metavar="FILE", type=Path, help="a report to compare with")
    option(
        "--fail-above",
        metavar="RATIO",
        type=options.above_zero,
        help="how much slower than the baseline calls may be (default: 1, no more than noise)",
    )


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in plot.SUFFIXES:
        raise argparse.ArgumentTypeError(
            f"expected a name that ends in {' or '.join(plot.SUFFIXES)}, not {text!r}"
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise argparse.ArgumentTypeError("needs matplotlib: pip install 'asgi-sio-testclient[cli]'")
    return path
