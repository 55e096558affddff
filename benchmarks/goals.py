"""The goals of this project: each one, what a run found of it, and why a goal is missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import once, payloads, scale
from benchmarks.hotpath import GOALS
from benchmarks.measures import FLOOR, MEASURES, OURS

SYNC = 2.0
MEMORY = 1.25
NEGATIVE = 1.5
UNREAD_S = 3.0
FLAT = 1.2  # times the floor's growth
ABSENT = (KeyError, IndexError, TypeError, ValueError)
TITLES = {measure.key: measure.title for measure in MEASURES} | {
    "broadcast": "broadcast, per recipient"
}


@dataclass(frozen=True)
class Found:
    """What a run found: the figure as text, and whether it meets the goal."""

    text: str
    met: bool


@dataclass(frozen=True)
class Goal:
    """`find` raises one of `ABSENT` where the run has no such figure."""

    title: str
    at_most: str
    find: Callable[[dict], Found]
    part: str
    reason: str = ""


def found_of(goal: Goal, run: dict) -> Found | None:
    """What the run found of it; None where that was not measured."""
    try:
        return goal.find(run)
    except ABSENT:
        return None


def verdict(goal: Goal, run: dict) -> str:
    """Met, missed and why, or not measured and why, in a line."""
    found = found_of(goal, run)
    if found is None:
        why = run.get("missing", {}).get(goal.part, "not part of this run")
        return f"not measured: {why}"
    if found.met:
        return "met"
    return f"missed: {goal.reason}" if goal.reason else "missed"


def _instructions(key: str) -> Callable[[dict], Found]:
    def find(run: dict) -> Found:
        sides = run["instructions"][key]
        over = sides[OURS] / sides[FLOOR]
        return Found(f"{over:.3f} x{_in_time(run, key)}", over <= GOALS[key] + 0.0005)

    return find


def _in_time(run: dict, key: str) -> str:
    """The same ratio in time, for comparison: the goal goes by instructions."""
    try:
        low, median, high = run["measures"][key][OURS]["over_floor"]
    except KeyError:
        return ""
    return f" (in time {median:.2f} x, quartiles {low:.2f} to {high:.2f})"


def _sync(run: dict) -> Found:
    low, median, high = run["measures"]["call"]["ours_sync"]["over_floor"]
    return Found(f"{median:.2f} x (quartiles {low:.2f} to {high:.2f})", median <= SYNC)


def _memory(run: dict) -> Found:
    over = run["memory"][OURS]["bytes_per_client"] / run["memory"][FLOOR]["bytes_per_client"]
    return Found(f"{over:.2f} x", over <= MEMORY)


def _sizes(run: dict) -> list[tuple[int, dict, dict]]:
    """The sizes that have figures of both sides, with these."""
    of = run["scale"]
    rows = zip(of["sizes"], of[FLOOR], of[OURS], strict=True)
    return [(size, floor, ours) for size, floor, ours in rows if floor and ours]


def _leaving(run: dict) -> Found:
    """Growth per client from the smallest size to the largest, over the floor's own."""
    (few, floor, ours), *_, (many, floors_many, ours_many) = _sizes(run)
    server = floors_many["leaving"] / floor["leaving"]
    mine = ours_many["leaving"] / ours["leaving"]
    over = ours_many["leaving"] / floors_many["leaving"]
    text = f"{mine:.1f} x from {few:,} to {many:,}, the floor's {server:.1f} x; {over:.2f} x of it"
    return Found(text, mine <= FLAT * server)


def _negative(run: dict) -> Found:
    size, floor, ours = _sizes(run)[-1]
    over = ours["negative_at_once"] / floor["negative_at_once"]
    one_by_one = ours["negative"] / floor["negative"]
    return Found(f"{over:.2f} x at {size:,} (in turn {one_by_one:.2f} x)", over <= NEGATIVE)


def _unread(run: dict) -> Found:
    of = run["scale"]["unread"]
    return Found(f"{of['seconds']:.1f} s for {of['events']:,}", of["seconds"] <= UNREAD_S)


def _linear(key: str) -> Callable[[dict], Found]:
    most = scale.LINEAR[key][3]

    def find(run: dict) -> Found:
        of = run["linear"][key]
        times = of["fourfold"] / of["once"]
        text = f"{of['once'] * 1e6:,.1f} us, at 4n {times:.2f} x (n = {of['n']:,})"
        return Found(text, times <= most * scale.SPREAD)

    return find


def _payload(direction: str) -> Callable[[dict], Found]:
    def find(run: dict) -> Found:
        row = [row for row in run["payloads"] if row["direction"] == direction][-1]
        in_time, in_memory = payloads.ratios(row)
        text = f"time {in_time:.2f} x, memory {in_memory:.2f} x ({row['mib']} MiB)"
        return Found(text, max(in_time, in_memory) <= payloads.GOAL)

    return find


def _import(key: str) -> Callable[[dict], Found]:
    def find(run: dict) -> Found:
        found = run["once"]["imports"][key]
        return Found(f"{found:.1f} ms", found <= once.IMPORTS[key][2])

    return find


def _fixture(run: dict) -> Found:
    found = run["once"]["fixture"]["ms"]
    return Found(f"{found:.2f} ms", found <= once.FIXTURE_GOAL_MS)


_SPREAD = (
    "spread over many small steps that make a client a client: encode, decode, record the packet, "
    "keep a bound on each wait; see where the instructions go"
)
_SET_UP = (
    "the client's and the connection's parts are made anew for each test, and the server is given "
    "hooks that are removed; see where the instructions go"
)
REASONS = {
    "call": _SPREAD,
    "emit_event": _SPREAD,
    "polling_call": _SPREAD,
    "connect": _SET_UP,
    "test": _SET_UP,
    "broadcast": "each recipient decodes the packet, records it and queues an event object",
}
ALL = (
    *(
        Goal(
            f"{TITLES[key]}, in instructions",
            f"{most:g} x the floor",
            _instructions(key),
            "instructions",
            REASONS[key],
        )
        for key, most in GOALS.items()
    ),
    Goal(
        "`call` of the sync client, in time",
        f"{SYNC:g} x the floor",
        _sync,
        "call",
        "each call crosses from the test's thread to the event loop's and back",
    ),
    Goal("memory per connected client", f"{MEMORY:g} x the floor", _memory, "memory"),
    Goal(
        "leaving, per client: growth with the connected clients",
        f"{FLAT:g} x the floor's growth",
        _leaving,
        "scale",
        "python-socketio looks for each client's rooms in all rooms, on either side",
    ),
    Goal(
        "all clients assert at once that nothing came",
        f"{NEGATIVE:g} x the floor",
        _negative,
        "scale",
        "each client has a wait of its own, with a bound and an error to tell; the floor looks "
        "no further than the packet",
    ),
    Goal("unread events, read in order", f"{UNREAD_S:g} s", _unread, "scale"),
    *(
        Goal(
            title,
            f"{most * scale.SPREAD:g} x at 4n",
            _linear(key),
            "linear",
        )
        for key, (title, _, _, most) in scale.LINEAR.items()
    ),
    *(
        Goal(
            f"big binary over polling, {direction}",
            f"{payloads.GOAL:g} x the floor",
            _payload(direction),
            "payloads",
        )
        for direction in payloads.DIRECTIONS
    ),
    *(
        Goal(
            f"import of the {key}, over {over}",
            f"{once.IMPORTS[key][2]:g} ms",
            _import(key),
            "once",
            "what remains are this package's own modules, httpx's and asgiref's",
        )
        for key, over in (("client", "socketio and httpx"), ("plugin", "pytest"))
    ),
    Goal(
        "`sio_client` over a plain client, per test",
        f"{once.FIXTURE_GOAL_MS:g} ms",
        _fixture,
        "once",
        "of some 2,800 calls of functions that a test has more, 85 are this package's: the rest is "
        "what pytest and pytest-asyncio do for seven fixtures, two of them async",
    ),
)


def table(run: dict) -> str:
    """The page's first table: every goal, what was measured, met or why not."""
    rows = ["| goal | at most | measured | |", "|---|---|---|---|"]
    for goal in ALL:
        found = found_of(goal, run)
        figure = "" if found is None else f"**{found.text}**"
        rows.append(f"| {goal.title} | {goal.at_most} | {figure} | {verdict(goal, run)} |")
    return "\n".join(rows) + "\n"


def as_text(run: dict) -> str:
    """The same for a terminal."""
    rows = []
    for goal in ALL:
        found = found_of(goal, run)
        figure = "-" if found is None else found.text
        rows.append(f"{goal.title} (at most {goal.at_most}): {figure}: {verdict(goal, run)}")
    return "\n".join(rows)
