"""What a fault is, how it is run, and what all families share. It knows no single fault."""

import asyncio
import re
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import socketio

#: Seconds on the loop's clock, see idle_clock.py. "At once": less than the client's own timeout.
KNOWN_EARLY = 4.0
#: Seconds that a scenario gives to a wait whose end only the clock can tell, and its bound.
SHORT = 0.2
AT_TIMEOUT = SHORT + 4.0
#: Characters behind the type that pytest's summary shows of a first line at 80 columns.
SHOWN_IN_SUMMARY = 34
#: A scenario that still runs then hangs; it is ended, so that the other faults are looked at.
HANGS = 60.0


@dataclass(frozen=True)
class Fault:
    """One mistake, the code that makes it, and what comes of it.

    Attributes:
        mistake: what the tester or the app did.
        scenario: does it against a real app; what it raises, or the warning that it returns, is
            what the tester reads.
        first_line: the first line of that, with its type, as a traceback ends with it.
        cause: the telling word, which stands in the line's first 34 characters behind the type:
            pytest's summary shows no more of it at 80 columns.
        note: what one of the exception's notes says; "" where none is promised.
        within: seconds from the start of the scenario to the first line, at most.
        remedy: what to do.
    """

    mistake: str
    scenario: Callable[[], Awaitable[Warning | None]]
    first_line: str
    cause: str
    note: str
    within: float
    remedy: str

    @property
    def name(self) -> str:
        return self.scenario.__name__


@dataclass(frozen=True)
class Reading:
    """What came of a fault: the texts, with everything removed that differs between two runs."""

    first_line: str
    notes: str
    seconds: float


class Family(list[Fault]):
    """The faults of one module, in the order in which they are written there."""

    def fault(
        self,
        mistake: str,
        *,
        first_line: str,
        cause: str,
        within: float,
        remedy: str,
        note: str = "",
    ) -> Callable[
        [Callable[[], Awaitable[Warning | None]]], Callable[[], Awaitable[Warning | None]]
    ]:
        def enter(scenario):
            self.append(Fault(mistake, scenario, first_line, cause, note, within, remedy))
            return scenario

        return enter


def server(**settings) -> tuple[socketio.AsyncServer, socketio.ASGIApp]:
    sio = socketio.AsyncServer(async_mode="asgi", **settings)
    return sio, socketio.ASGIApp(sio)


async def read(fault: Fault) -> Reading:
    """Runs a fault as a tester would and returns what the tester reads."""
    clock = asyncio.get_running_loop().time
    started = clock()
    shown: BaseException | None
    try:
        async with asyncio.timeout(HANGS):
            shown = await fault.scenario()
    except Exception as error:  # noqa: BLE001 (whatever it is, it is what the tester reads)
        shown = error
    seconds = clock() - started
    if shown is None:
        return Reading("(nothing: the fault went unnoticed)", "", seconds)
    # A warning is no error that carries notes: its text has further lines.
    further = str(shown).split("\n")[1:] if isinstance(shown, Warning) else ()
    notes = "\n".join((*further, *getattr(shown, "__notes__", ())))
    return Reading(repeatable(headline(shown)), repeatable(notes), seconds)


def headline(shown: BaseException) -> str:
    """The first line as pytest shows it behind its ``E``, without the module of the type."""
    return f"{type(shown).__name__}: {shown}".split("\n", 1)[0]


def repeatable(text: str) -> str:
    """Blanks out what differs between runs: session ids, addresses, directories, times."""
    text = re.sub(r"(?<![\w-])[\w-]{16}AA[\w-]{2}(?![\w-])", "<sid>", text)
    text = re.sub(r"0x[0-9a-f]+", "0x...", text)
    text = re.sub(r"&t=[\d.]+", "", text)
    # A handler that blocks it for 0.2 s, on a busy machine.
    text = re.sub(r"(blocked the event loop for) \d+\.\d s", r"\1 0.2 s", text)
    text = re.sub(r"\d+ (timers took too long:.* came to) [\d.]+ s", r"<n> \1 <n> s", text)
    text = re.sub(r"(logged .*) \d+\.\d s ago", r"\1 <n> s ago", text)
    text = re.sub(r"[^\s'\"(]*/(\w+\.py)", r"\1", text)
    text = re.sub(r"(\w+\.py):\d+", r"\1:<line>", text)
    return re.sub(r"\w+\.<locals>\.", "", text)


async def warned_by(scenario: Awaitable[None]) -> Warning | None:
    """Runs a scenario whose reader reads a warning, and returns the first."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await scenario
    return caught[0].message if caught else None
