"""Writes the page, its plots and the same as plain text from the figures of a run."""

import json
import statistics
from pathlib import Path

from benchmarks import forms, goals, payloads, split
from benchmarks.growth import METRICS, growth_over_floor, growth_times
from benchmarks.measures import FLOOR, MEASURES, OURS

PLOTS = "_static/bench"
FIRST = Path(__file__).with_name("first.json")  # the profile of the first working version


def write(run: dict, docs: Path) -> Path:
    from benchmarks import plots  # noqa: PLC0415 - matplotlib is needed for nothing else

    folder = docs / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    plots.write(run, folder)
    page = docs / "benchmarks.md"
    page.write_text(as_page(run))
    return page


def as_text(run: dict) -> str:
    """Return the figures as text for the terminal: ratios first, then the rest."""
    out = [_machine_line(run), ""]
    for measure in MEASURES:
        found = run.get("measures", {}).get(measure.key)
        if not found:
            continue
        out.append(f"{measure.title}{_bound(measure)}")
        for key, entry in found.items():
            title = run["titles"][key]
            if "cannot" in entry:
                out.append(f"  {'-':>10} {'':>22}  {title}: {entry['cannot']}")
            else:
                out.append(f"  {_time(entry['ns']):>10} {_ratio(entry):>22}  {title}")
        out.append("")
    for who, entry in run.get("memory", {}).items():
        out.append(f"memory, {who}: {_memory(entry)}")
    if "growth" in run:
        out += ["", *_growth_lines(run)]
    if "profile" in run:
        from benchmarks.profile import as_text as profile_text  # noqa: PLC0415

        out += ["", profile_text(run["profile"])]
    return "\n".join([*out, "", goals.as_text(run)])


def as_page(run: dict) -> str:
    """Return the page. A part that failed is listed on it, with the figures of all other parts."""
    parts = [
        _INTRODUCTION.format(machine=_machine_line(run), versions=_versions(run)),
        goals.table(run),
        _missing(run),
        _REASONS,
    ]
    if run.get("measures"):
        parts += ["## Comparison with other clients\n", _peer_table(run)]
        parts += ["![Times per operation, over the floor](_static/bench/ratios.svg)\n", _NOTES]
    if "growth" in run:
        parts += ["## Growth\n", _GROWTH, _growth_table(run)]
        parts += ["![Growth over the floor's own](_static/bench/growth.svg)\n"]
    parts += _more(run)
    if "memory" in run:
        parts += ["## Memory\n", _memory_table(run)]
    if "profile" in run:
        parts += ["## Where a call's time goes\n", _PROFILE, _profile_tables(run)]
    climbs = len(next(iter(run["growth"].values()))["call"]) if "growth" in run else 0
    method = _METHOD.format(rounds=run["rounds"], climbs=climbs, collector=run["collector"])
    return "\n".join([*parts, method])


def _missing(run: dict) -> str:
    lines = [f"- {name}: {why}" for name, why in run.get("missing", {}).items()]
    return "\n".join(["Not measured in this run:", "", *lines, ""]) if lines else ""


_INTRODUCTION = """\
# Benchmarks

The cost of this client, compared with the cost of the app itself and with other ways to test the
app. `python -m benchmarks` writes this page from the figures of one run.

The **floor** is a bare driver: it passes constant strings to python-socketio's ASGI app and waits
for the app's next ASGI message. The floor does not encode, decode or check packets, and has no
timeouts, so its time is the server's own time. Every ratio is a multiple of the floor's figure in
the same round.

Measured on {machine}.

{versions}
"""

_REASONS = """\
Times on a shared machine vary by 10 % and more. So the goals of single operations are ratios of
instructions, which valgrind counts. The goals of growth, payloads and imports are ratios of
processor time. "In turn" is the same measure with one client after another.
"""

_NOTES = """\
The time per operation on this machine is in brackets.

- The clients with "packets by hand" send and compare constant strings. They do not implement
  events, acks, namespaces or attachments: a test has to implement Socket.IO itself.
- Flask-SocketIO's client is measured on a Flask app with the same handlers. The client calls the
  server's methods, so its figures include neither Engine.IO nor ASGI.
- uvicorn and the stock client (`socketio.AsyncClient`) run in one process and one event loop, which
  is the cheapest form of such a fixture. Their times include the kernel's TCP.
- "no event" is an assertion that no event arrives. This client waits until the app is at rest. The
  others wait 0.1 s, except Flask-SocketIO's client, which runs handlers inside `emit`.
"""

_GROWTH = """\
All clients are connected to one app in one process. A figure is the growth of this client's cost
from one client to that many clients, divided by the growth of the floor's cost: 1.00 means that
only the server's cost has grown.
"""

_PROFILE = """\
A sampling profiler records the stack every 0.5 ms. A sample is counted for the innermost frame that
belongs to one of the listed packages: time in the standard library is counted for the package that
called it. Samples without such a frame are counted for the event loop.
`python -m benchmarks.profile` prints the same for every operation and every line.
"""

_FIRST = """\
"At first" is commit {commit}, {date}, before any optimisation: sampled in the same way, and scaled
by the floors of the two runs (`benchmarks/first.json`)."""

_METHOD = """\
## How it is measured

- There are {rounds} rounds (growth: {climbs}). In each round every client runs its operations for
  about 20 ms, measured by `time.perf_counter_ns`, in an order that rotates. The ratio of a round is
  the client's time divided by the floor's time in that round, and the reported ratio is the median
  of all rounds. If the machine slows down, both sides of a ratio are slower.
- After every 10 rounds, each client gets a new app, a new event loop and a new connection, and
  warms up. Times do not include set-up and tear-down, except in the measures that are about them.
- The garbage collector runs before those 10 rounds and is {collector} during them (off as in
  `timeit`; `pyperf` leaves it on, and so does `python -m benchmarks --gc`).
- All clients use asyncio's own event loop.
- Memory is the difference of `tracemalloc`'s figures before and after that many more clients have
  connected to an app with one client, in a separate process.
- CI does not compare times, which vary: `python -m benchmarks.guard` counts the function calls and
  lines that common operations execute, and compares them with `benchmarks/guard.json`.

To repeat the run: `pip install --group bench -e .`, then `python -m benchmarks`. It takes a quarter
of an hour on a quiet machine, and two minutes with `--quick`. `--only call,connect` or
`--only floor,ours` measures a part. `--json FILE` saves every round, part by part, and `--resume`
continues an interrupted run.
"""


def _machine_line(run: dict) -> str:
    of = run["machine"]
    build = "" if of["optimised_build"] else ", built without profile-guided optimisation"
    return f"{of['cpu']}, {of['cores']} cores, {of['system']}, {of['python']}{build}, {of['date']}"


def _versions(run: dict) -> str:
    versions = run["machine"]["versions"]
    return ", ".join(f"{name} {version}" for name, version in versions.items()) + "."


def _bound(measure) -> str:
    return "" if measure.bound is None else f" (bound: {measure.bound:g} x floor)"


def _time(ns: list[float]) -> str:
    us = statistics.median(ns) / 1e3
    return f"{us:.0f} us" if us < 10_000 else f"{us / 1e3:.0f} ms"


def _times(median: float) -> str:
    return f"{median:.2f} x" if median < 100 else f"{median:,.0f} x"


def _ratio(entry: dict) -> str:
    if "over_floor" not in entry:
        return ""
    low, median, high = entry["over_floor"]
    return f"{_times(median)} ({low:.2f}-{high:.2f})"


def _peer_table(run: dict) -> str:
    shown = [key for key in run["titles"] if key not in run["variants"]]
    variants = run["variants"]
    measures = [measure for measure in MEASURES if measure.key in run["measures"]]
    rows = [
        "| | " + " | ".join(measure.heading for measure in measures) + " |",
        "|---" * (len(measures) + 1) + "|",
    ]
    reasons: list[str] = []
    for key in shown + variants:
        cells = [_cell(run, measure.key, key, reasons) for measure in measures]
        title = f"**{run['titles'][key]}**" if key == OURS else run["titles"][key]
        rows.append(f"| {title} | " + " | ".join(cells) + " |")
    notes = [f"{_mark(number)} {reason}" for number, reason in enumerate(reasons)]
    return "\n".join(rows) + "\n\n" + "; ".join(notes) + ".\n"


def _cell(run: dict, measure: str, key: str, reasons: list[str]) -> str:
    entry = run["measures"][measure].get(key)
    if entry is None:
        return ""
    if "cannot" in entry:
        if entry["cannot"] not in reasons:
            reasons.append(entry["cannot"])
        return f"no {_mark(reasons.index(entry['cannot']))}"
    time = _time(entry["ns"])
    if "over_floor" not in entry:
        return time
    return f"{_times(entry['over_floor'][1])} ({time})"


def _mark(number: int) -> str:
    return f"[{chr(ord('a') + number)}]"


def _memory(entry: dict) -> str:
    held = entry["bytes_per_client"] / 1024
    left = entry["bytes_left_per_client"] / 1024
    return (
        f"{held:.1f} KiB per client at {entry['clients']:,}, {left:.1f} KiB left after they close"
    )


def _memory_table(run: dict) -> str:
    rows = [
        (
            "| | per connected client | over the floor | left after the client has closed "
            "| left after the app has ended |"
        ),
        "|---|---|---|---|---|",
    ]
    floor = run["memory"][FLOOR]["bytes_per_client"]
    for who, entry in run["memory"].items():
        rows.append(
            f"| {run['titles'].get(who, who)} | {entry['bytes_per_client'] / 1024:.1f} KiB "
            f"| {entry['bytes_per_client'] / floor:.2f} x "
            f"| {entry['bytes_left_per_client'] / 1024:.1f} KiB "
            f"| {entry['bytes_left_at_end'] / 1024:.1f} KiB |"
        )
    clients = run["memory"][FLOOR]["clients"]
    return "\n".join(rows) + (
        f"\n\nAt {clients:,} clients. After the floor's clients have closed, the server still has "
        "a ping timer of 25 s per client. After this client's clones have closed, their "
        "transcripts are kept until the first client's block ends. Not measured: Flask-SocketIO's "
        "client has no connection, Starlette's client has a thread per connection, httpx-ws "
        "needs an open task group per client, and the sockets of uvicorn and the stock client use "
        "memory of the kernel.\n"
    )


def _growth_lines(run: dict) -> list[str]:
    out = [f"growth over the floor's own, at {', '.join(f'{n:,}' for n in run['sizes'])} clients"]
    for who in run["growth"]:
        for metric, title in METRICS.items():
            over = " ".join(f"{x:6.2f}" for x in growth_over_floor(run, who, metric))
            us = " ".join(f"{x:8.1f}" for x in growth_times(run, who, metric))
            out.append(f"  {who:8} {title:36} {over}   us: {us}")
    return out


def _growth_table(run: dict) -> str:
    sizes = " | ".join(f"{size:,}" for size in run["sizes"])
    rows = [f"| clients | {sizes} |", "|---" * (len(run["sizes"]) + 1) + "|"]
    for metric, title in METRICS.items():
        over = growth_over_floor(run, OURS, metric)
        times = growth_times(run, OURS, metric)
        cells = " | ".join(f"{o:.2f} ({t:.0f} us)" for o, t in zip(over, times, strict=True))
        rows.append(f"| {title} | {cells} |")
    return "\n".join(rows) + "\n"


def _profile_tables(run: dict) -> str:
    found = run["profile"]
    floor, ours = found["floor"], found["ours"]
    first = json.loads(FIRST.read_text())
    # The first profile is from another day: the ratio of the floors accounts for the machine.
    scale = floor["us"] / first["profile"]["floor"]["us"]
    then = {owner: us * scale for owner, us in first["profile"]["ours"]["owners"].items()}
    rows = [
        "| `call`, us | floor | this client at first | now | added now |",
        "|---|---|---|---|---|",
    ]
    for owner in sorted({*floor["owners"], *ours["owners"], *then}):
        a, b = floor["owners"].get(owner, 0.0), ours["owners"].get(owner, 0.0)
        rows.append(f"| {owner} | {a:.1f} | {then.get(owner, 0.0):.1f} | {b:.1f} | {b - a:+.1f} |")
    rows.append(
        f"| **all** | **{floor['us']:.1f}** | **{sum(then.values()):.1f}** | **{ours['us']:.1f}** "
        f"| **{ours['us'] - floor['us']:+.1f}** |"
    )
    rows += ["", _FIRST.format(**first)]
    rows += ["", "The slowest lines of this client:", "", "| us | where | line |", "|---|---|---|"]
    for line in found["lines"][:12]:
        code = line["text"].replace("|", "\\|")
        rows.append(f"| {line['us']:.2f} | `{line['function']}`, {line['where']} | `{code}` |")
    return "\n".join(rows) + "\n"


_SCALE = """\
Processor time per client, in microseconds, of the floor and of this client. "No event" is a
negative assertion of one client after another; "at once" is the same for all clients at once. The
floor's cost of disconnecting grows with the number of clients, because python-socketio searches all
rooms of the namespace for each client.
"""
_SCALED = (
    ("leaving", "disconnecting"),
    ("negative", "no event"),
    ("negative_at_once", "no event, at once"),
)


def _scale_table(found: dict) -> str:
    heads = [f"{title}: floor | this client | " for _, title in _SCALED]
    rows = ["| clients | " + "".join(heads), "|---" * (2 * len(_SCALED) + 1) + "|"]
    for size, floor, ours in zip(found["sizes"], found[FLOOR], found[OURS], strict=True):
        figures = [side.get(key) for key, _ in _SCALED for side in (floor, ours)]
        cells = ["no result" if each is None else f"{each * 1e6:.0f}" for each in figures]
        rows.append(f"| {size:,} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


_SPLIT = """\
The bytecodes per operation that this client executes in addition to the floor's, and the share of
each part. Valgrind can't assign instructions to Python functions, so this table counts bytecodes;
the work of functions written in C is not included. A negative figure is work that only the floor
does.
"""


def _split_table(found: dict) -> str:
    added = {operation: split.added(parts) for operation, parts in found.items()}
    rows = [
        "| | " + " | ".join(operation.replace("_", " ") for operation in found) + " |",
        "|---" * (len(found) + 1) + "|",
    ]
    for part in dict.fromkeys(part for rows_ in added.values() for part, _, _ in rows_):
        cells = [
            next((f"{n:+,.0f} ({share:.0%})" for name, n, share in of if name == part), "")
            for of in added.values()
        ]
        rows.append(f"| {part} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _more(run: dict) -> list[str]:
    """Return the sections on scale, big payloads and other forms of packets."""
    parts = []
    if "split" in run:
        parts += ["## Where the instructions go\n", _SPLIT, _split_table(run["split"])]
    if "scale" in run:
        parts += ["## Many clients\n", _SCALE, _scale_table(run["scale"])]
    if "payloads" in run:
        text = payloads.as_text(run["payloads"])
        parts += ["## Big payloads\n", f"```text\n{text}\n```\n"]
    if "forms" in run:
        titles = [title.format(clients=run["forms_clients"]) for title in forms.FORMS.values()]
        rows = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
        for who, title in forms.TITLES.items():
            cells = [
                f"{_times(run['forms'][form][who]['over_ours'][1])} "
                f"({_time(run['forms'][form][who]['ns'])})"
                for form in forms.FORMS
            ]
            rows.append(f"| {title} | " + " | ".join(cells) + " |")
        parts += ["## Other packets, and the stock client in memory\n", "\n".join(rows) + "\n"]
    return parts
