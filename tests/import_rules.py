"""The import rule of each folder of the package, and of each module at its root.

A unit is a folder or a module at the root. A unit may import the units that its rule names, and no
others. `test_architecture` checks the rules, and docs/draw_layers.py draws the picture of the
layers from them.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERYWHERE = frozenset({"_protocol.names"})
"""Modules that every module may import; they import nothing of the package."""

FACTS = frozenset({"_error_texts", "_events", "_exceptions", "_test_endings", "_version"})
CLOCKS_AND_LOOPS = frozenset(
    {"anyio", "asyncio", "concurrent", "sched", "threading", "time", "trio"}
)
INPUT_AND_OUTPUT = frozenset({"aiohttp", "httpx", "http", "select", "socket", "urllib"})
SOCKET_IO = frozenset({"engineio", "socketio"})
BELOW_CONNECTION = frozenset(
    {"_waiting", "trace", "asgi", "_protocol", "_http", "_server", "faults"}
)
BELOW_CLIENT = BELOW_CONNECTION | {"_connection"}
BELOW_TOOLS = BELOW_CLIENT | FACTS | {"__init__", "remote"}


@dataclass(frozen=True)
class Rule:
    """The import rule of one unit.

    Attributes:
        says: what is in the unit, and the rule in a sentence.
        imports: the units of this package that may be imported.
        never: top-level packages that must not be imported.
        title: the title of the unit in the picture of the layers.
        row: the row of the picture, from the bottom; None for a unit that the picture leaves out.
        standard_library_only: whether no package may be imported but the standard library's.
    """

    says: str
    imports: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    title: str = ""
    row: int | None = None
    standard_library_only: bool = False


RULES: dict[str, Rule] = {
    "_version": Rule("The version: imports nothing.", standard_library_only=True),
    "_events": Rule(
        "`ReceivedEvent`: imports the standard library only.", standard_library_only=True
    ),
    "_error_texts": Rule(
        "The texts of errors: imports `_advice`.",
        frozenset({"_advice"}),
        standard_library_only=True,
    ),
    "_test_endings": Rule(
        "Which exceptions end a test: imports the standard library only.",
        standard_library_only=True,
    ),
    "_exceptions": Rule(
        "The tree of errors: imports `_events`, `_error_texts` and python-socketio's exceptions.",
        frozenset({"_error_texts", "_events"}),
        title="events, errors",
        row=0,
    ),
    "_waiting": Rule(
        "Deadlines, idleness, and whether the app is at rest: imports the standard library only.",
        title="waits, idleness",
        row=0,
        standard_library_only=True,
    ),
    "trace": Rule(
        "Traces as data, and their writers: imports the standard library only, so that "
        "the transcript and every tool may import it.",
        title="traces",
        row=0,
        standard_library_only=True,
    ),
    "faults": Rule(
        "The faults of a network, decided by a seed: imports the standard library only.",
        title="a bad network",
        row=0,
    ),
    "pubsub": Rule(
        "A broker in memory: imports what `_server` may import.",
        frozenset({"_waiting", "_exceptions"}),
    ),
    "asgi": Rule(
        "Calls of an app with one ASGI scope each: imports `_waiting` and the errors, "
        "never engineio or socketio.",
        FACTS | {"_waiting"},
        SOCKET_IO,
        title="ASGI scopes",
        row=1,
    ),
    "_protocol": Rule(
        "Encodes and decodes packets: imports packet classes and the errors; no asyncio, "
        "no clock, no httpx.",
        FACTS,
        CLOCKS_AND_LOOPS | INPUT_AND_OUTPUT,
        title="protocol: no I/O, no clock",
        row=1,
    ),
    "_http": Rule(
        "Requests, cookies and URLs: imports httpx and `asgi`, never engineio or socketio.",
        FACTS | {"asgi"},
        SOCKET_IO,
        title="HTTP requests",
        row=2,
    ),
    "_server": Rule(
        "Hooks on python-socketio's servers: imports `_waiting`, `trace` and the errors; "
        "the only folder that uses private parts of a server.",
        FACTS | {"_waiting", "trace"},
        title="the server's instrumentation",
        row=1,
    ),
    "remote": Rule(
        "A remote server as an ASGI app: imports `asgi` and aiohttp, and no client.",
        FACTS | {"asgi"},
        SOCKET_IO | {"httpx"},
        title="a server elsewhere",
        row=2,
    ),
    "_connection": Rule(
        "One Engine.IO connection, and the running app: imports the six folders below and"
        " `faults`; uses a client through Protocols, and never imports `_client`.",
        FACTS | BELOW_CONNECTION,
        title="one connection, the running app",
        row=3,
    ),
    "_client": Rule(
        "`TestClient`: imports `_connection`, what is below it, and `remote`; no tool.",
        FACTS | BELOW_CLIENT | {"remote"},
        title="client: events, waits, settle",
        row=4,
    ),
    "_sync": Rule(
        "`SyncTestClient`: imports `_client` and anyio; no protocol.",
        FACTS | BELOW_CLIENT - {"_protocol"} | {"_client"},
        SOCKET_IO,
        title="the client without await",
        row=5,
    ),
    "__init__": Rule(
        "The public names: imports the clients, events and errors.", FACTS | {"_client", "_sync"}
    ),
    "bench": Rule(
        "A tool that measures latencies: uses a client as a test does.",
        BELOW_TOOLS | {"_client"},
        title="bench",
        row=6,
    ),
    "conformance": Rule(
        "A tool, the official protocol test suites: imports `asgi`, and no protocol.",
        BELOW_TOOLS,
        title="conformance",
        row=6,
    ),
    "stock": Rule(
        "A tool, python-socketio's stock client in memory: imports `_connection` and what"
        " is below it.",
        BELOW_TOOLS,
        title="stock",
        row=6,
    ),
    "fuzz": Rule(
        "A tool that sends generated payloads: uses a client as a test does, and what "
        "`_server` reports.",
        BELOW_TOOLS,
        title="fuzzing",
        row=7,
    ),
    "coverage": Rule(
        "A tool that counts events: uses what `_server` and the clients report.",
        BELOW_TOOLS,
        title="event coverage",
        row=7,
    ),
    "schedules": Rule(
        "A tool that explores schedules in its own event loop: uses the server through `_server`.",
        BELOW_TOOLS,
        title="schedules",
        row=6,
    ),
    "pytest_plugin": Rule(
        "A tool, the fixtures and options for pytest: imports public names only.",
        frozenset({"__init__", "trace"}),
        title="pytest plugin",
        row=6,
    ),
    "locust": Rule(
        "A tool, users for Locust: uses a client as a test does.",
        BELOW_TOOLS | {"_client"},
        title="load",
        row=7,
    ),
    "har": Rule(
        "A tool that makes tests from a browser's recordings, and replays recordings.",
        BELOW_TOOLS | {"trace"},
        title="recordings",
        row=7,
    ),
    "pytest_traces": Rule(
        "A tool that writes the traces of a pytest session: imports `_connection` and `trace`.",
        frozenset({"_connection", "trace"}),
    ),
    "_advice": Rule(
        "Finds the documentation's entry for an error: imports the standard library only.",
        standard_library_only=True,
    ),
    "pytest_reports": Rule(
        "A tool that changes pytest's reports of failures: imports the errors and `_waiting`.",
        frozenset({"_advice", "_exceptions", "_waiting"}),
    ),
    "_cli": Rule(
        "The command line: imports public names only; only `__main__` imports it.",
        FACTS | {"__init__", "bench", "conformance", "fuzz", "har"},
        title="command line",
        row=8,
    ),
    "__main__": Rule("``python -m asgi_sio_testclient``: imports `_cli`.", frozenset({"_cli"})),
}

TOOLS = (
    "bench",
    "conformance",
    "coverage",
    "fuzz",
    "stock",
    "schedules",
    "pytest_plugin",
    "pytest_traces",
    "pytest_reports",
    "har",
    "locust",
)
"""The tools: no tool imports another one, and no unit below imports a tool."""
