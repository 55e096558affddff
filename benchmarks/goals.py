"""The goals of this project, a run's figure for each goal, and the reasons for missed goals."""

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
    """A figure of a run.

    Attributes:
        text: the figure as text.
        met: whether the figure meets the goal.
    """

    text: str
    met: bool


@dataclass(frozen=True)
class Goal:
    """A goal.

    Attributes:
        title: the operation.
        at_most: the largest figure that meets the goal, as text.
        find: returns the figure of a run; raises one of `ABSENT` if the run has none.
        part: the part of the run that measures the figure.
        reason: why the goal is missed, if it is.
    """

    title: str
    at_most: str
    find: Callable[[dict], Found]
    part: str
    reason: str = ""


def found_of(goal: Goal, run: dict) -> Found | None:
    """Return the run's figure for a goal, or None if it was not measured."""
    try:
        return goal.find(run)
    except ABSENT:
        return None


def verdict(goal: Goal, run: dict) -> str:
    """Return a line: met, missed with the reason, or not measured with the reason."""
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
    """Return the same ratio in time, for comparison: the goal is a ratio of instructions."""
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
    """Return the sizes that both the floor and this client have figures for, with the figures."""
    of = run["scale"]
    rows = zip(of["sizes"], of[FLOOR], of[OURS], strict=True)
    return [(size, floor, ours) for size, floor, ours in rows if floor and ours]


def _leaving(run: dict) -> Found:
    """Return the growth of the cost per client from the smallest to the largest size, divided by
    the floor's growth.
    """
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
    "many small steps, none of which is large: encoding, decoding, recording the packet, a timeout "
    "for each wait; see *Where the instructions go*"
)
_SET_UP = (
    "the objects of the client and the connection are created for each test, and hooks are added "
    "to the server and removed; see *Where the instructions go*"
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
        "each call switches from the test's thread to the event loop's thread and back",
    ),
    Goal("memory per connected client", f"{MEMORY:g} x the floor", _memory, "memory"),
    Goal(
        "disconnecting, per client: growth with the number of clients",
        f"{FLAT:g} x the floor's growth",
        _leaving,
        "scale",
        "for each client python-socketio searches all rooms, for the floor as well",
    ),
    Goal(
        "negative assertions of all clients at once",
        f"{NEGATIVE:g} x the floor",
        _negative,
        "scale",
        "each client has its own wait, with a timeout and an error text; the floor only waits "
        "until the server has handled the packet",
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
            f"import of the {key}, in addition to {over}",
            f"{once.IMPORTS[key][2]:g} ms",
            _import(key),
            "once",
            "the rest is the import of this package's own modules, and of httpx and asgiref",
        )
        for key, over in (("client", "socketio and httpx"), ("plugin", "pytest"))
    ),
    Goal(
        "the fixture `sio_client`, in addition to a `TestClient` in the test, per test",
        f"{once.FIXTURE_GOAL_MS:g} ms",
        _fixture,
        "once",
        "a test with the fixture makes about 2,800 more function calls; 85 of them are this "
        "package's, the others are made by pytest and pytest-asyncio for seven fixtures, two of "
        "them async",
    ),
)


def table(run: dict) -> str:
    """Return the page's first table: each goal, its figure, and whether it is met or why not."""
    rows = ["| goal | at most | measured | |", "|---|---|---|---|"]
    for goal in ALL:
        found = found_of(goal, run)
        figure = "" if found is None else f"**{found.text}**"
        rows.append(f"| {goal.title} | {goal.at_most} | {figure} | {verdict(goal, run)} |")
    return "\n".join(rows) + "\n"


def as_text(run: dict) -> str:
    """Return the same as plain text."""
    rows = []
    for goal in ALL:
        found = found_of(goal, run)
        figure = "-" if found is None else found.text
        rows.append(f"{goal.title} (at most {goal.at_most}): {figure}: {verdict(goal, run)}")
    return "\n".join(rows)
