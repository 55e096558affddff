"""The definition of a fault, and the functions that run one; all families use them."""

import asyncio
import re
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import socketio

#: Seconds on the loop's clock, see idle_clock.py. "At once": less than the client's own timeout.
KNOWN_EARLY = 4.0
#: Seconds that a scenario gives to a wait that ends by its timeout, and its bound.
SHORT = 0.2
AT_TIMEOUT = SHORT + 4.0
#: Characters of a first line, without its type, that pytest's summary shows at 80 columns.
SHOWN_IN_SUMMARY = 34
#: Seconds after which a scenario is ended that does not end by itself.
HANGS = 60.0


@dataclass(frozen=True)
class Fault:
    """One mistake, the code that makes it, and its error.

    Attributes:
        mistake: the mistake of the test or of the app.
        scenario: makes the mistake with a real app; raises the error, or returns the warning.
        first_line: the first line of the error with its type, as at the end of a traceback.
        cause: the word that names the cause, within the first 34 characters after the type, which
            pytest's summary shows at 80 columns.
        note: a text that is part of the exception's notes; "" if there is none.
        within: the most seconds from the start of the scenario to the error.
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
    """The error of a fault as text, without parts that differ between runs."""

    first_line: str
    notes: str
    seconds: float


class Family(list[Fault]):
    """The faults of one module, in their order in the source."""

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
    """Run a fault's scenario, and return its error as text."""
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
    # A warning has no notes: the further lines are part of its text.
    further = str(shown).split("\n")[1:] if isinstance(shown, Warning) else ()
    notes = "\n".join((*further, *getattr(shown, "__notes__", ())))
    return Reading(repeatable(headline(shown)), repeatable(notes), seconds)


def headline(shown: BaseException) -> str:
    """Return the first line as pytest shows it after its ``E``, without the module of the type."""
    return f"{type(shown).__name__}: {shown}".split("\n", 1)[0]


def repeatable(text: str) -> str:
    """Replace values that differ between runs: session ids, addresses, directories, times."""
    text = re.sub(r"(?<![\w-])[\w-]{16}AA[\w-]{2}(?![\w-])", "<sid>", text)
    text = re.sub(r"0x[0-9a-f]+", "0x...", text)
    text = re.sub(r"&t=[\d.]+", "", text)
    # A handler that blocks the event loop for 0.2 s takes longer on a busy machine.
    text = re.sub(r"(blocked the event loop for) \d+\.\d s", r"\1 0.2 s", text)
    text = re.sub(r"\d+ (timers took too long:.* came to) [\d.]+ s", r"<n> \1 <n> s", text)
    text = re.sub(r"(logged .*) \d+\.\d s ago", r"\1 <n> s ago", text)
    text = re.sub(r"[^\s'\"(]*/(\w+\.py)", r"\1", text)
    text = re.sub(r"(\w+\.py):\d+", r"\1:<line>", text)
    return re.sub(r"\w+\.<locals>\.", "", text)


async def warned_by(scenario: Awaitable[None]) -> Warning | None:
    """Run a scenario, and return its first warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await scenario
    return caught[0].message if caught else None
