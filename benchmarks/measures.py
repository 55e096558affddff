"""The measures of the comparison, and a run: rounds of all contenders, ratios over the floor."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.hotpath import GOALS
from benchmarks.method import Cannot, Contender, Series, alternate, ratio
from benchmarks.peers import (
    CALL,
    CONNECT,
    EMIT_EVENT,
    NEGATIVE,
    POLLING_CALL,
    TEST,
    NotInstalled,
)

FLOOR = "floor"
OURS = "ours"


@dataclass(frozen=True)
class Measure:
    """A measure.

    Attributes:
        bound: this project's goal, as a multiple of the floor.
        base: the contender that is the floor of this measure.
    """

    key: str
    title: str
    heading: str
    bound: float | None = None
    base: str = FLOOR


MEASURES = (
    Measure(CALL, "`call` of an echo handler, websocket", "`call`", GOALS["call"]),
    Measure(EMIT_EVENT, "emit, then await the server's event", "emit + event", GOALS["emit_event"]),
    Measure(CONNECT, "enter, connect, exit", "connect", GOALS["connect"]),
    Measure(
        POLLING_CALL,
        "`call` over polling, over the bare polling driver",
        "polling `call`",
        GOALS["polling_call"],
        base="floor_polling",
    ),
    Measure(
        TEST, "a whole test: event loop, app, client, connect, `call`, exit", "test", GOALS["test"]
    ),
    Measure(NEGATIVE, "emit, then assert that no event arrived", "no event"),
)


def run(
    everybody: Iterable[Contender | NotInstalled],
    measures: Iterable[Measure],
    rounds: int,
    slice_ns: int,
    progress: Callable[[str], None],
) -> dict:
    """`{measure: {contender: {"ns": [...], "ratio": [low, median, high]} or {"cannot": why}}}`."""
    everybody = list(everybody)
    return {
        measure.key: _one(everybody, measure, rounds, slice_ns, progress) for measure in measures
    }


def _one(everybody, measure, rounds, slice_ns, progress) -> dict:
    sessions, found = {}, {}
    for who in everybody:
        if isinstance(who, NotInstalled):
            found[who.key] = {"cannot": f"not installed ({who.missing})"}
            continue
        session = who.sessions.get(measure.key)
        if isinstance(session, Cannot):
            found[who.key] = {"cannot": session.why}
        elif session is not None:
            sessions[who.key] = session
    taken = alternate(
        sessions, rounds, slice_ns, lambda text: progress(f"{measure.heading}: {text}")
    )
    for key, series in taken.items():
        over_floor, over_ours = _over(taken, key, measure.base), _over(taken, key, OURS)
        found[key] = {"ns": series.ns, f"over_{FLOOR}": over_floor, f"over_{OURS}": over_ours}
        found[key] = {name: value for name, value in found[key].items() if value is not None}
    return found


def _over(taken: dict[str, Series], key: str, base: str) -> list[float] | None:
    if base not in taken:
        return None
    over = ratio(taken[key].ns, taken[base].ns)
    return [over.low, over.median, over.high]
