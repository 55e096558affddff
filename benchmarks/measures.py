"""What is measured, and one run of it: rounds of every contender, ratios over the floor."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

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
    """`bound` is what this project holds itself to, as a multiple of the floor."""

    key: str
    title: str
    heading: str
    bound: float | None = None


MEASURES = (
    Measure(CALL, "`call` of an echo handler, websocket", "`call`", 1.15),
    Measure(EMIT_EVENT, "emit, then await the event it sets off", "emit + event", 1.15),
    Measure(CONNECT, "enter, connect, exit", "connect", 1.45),
    Measure(POLLING_CALL, "`call` over polling, over the websocket floor", "polling `call`", 2.1),
    Measure(TEST, "a whole test: event loop, app, client, connect, `call`, exit", "test"),
    Measure(NEGATIVE, "emit, then assert that nothing came of it", "nothing came"),
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
        if who.key == FLOOR and measure.key == POLLING_CALL:
            sessions[FLOOR] = who.sessions[CALL]
    taken = alternate(
        sessions, rounds, slice_ns, lambda text: progress(f"{measure.heading}: {text}")
    )
    for key, series in taken.items():
        found[key] = {"ns": series.ns, **_over(taken, key, FLOOR), **_over(taken, key, OURS)}
    return found


def _over(taken: dict[str, Series], key: str, base: str) -> dict:
    if base not in taken:
        return {}
    over = ratio(taken[key].ns, taken[base].ns)
    return {f"over_{base}": [over.low, over.median, over.high]}
