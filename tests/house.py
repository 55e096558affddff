"""The import rule of each folder: test_architecture holds it, docs/draw_layers draws it.

A folder, or a module at the root, may import the rooms that its rule names and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERYWHERE = frozenset({"_protocol.names"})
"""Modules that every module may import: they import nothing of the package."""

FACTS = frozenset({"_events", "_exceptions", "_version"})
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
class Room:
    """One folder of the package, or one module at its root.

    Attributes:
        says: the rule in a sentence.
        imports: rooms of this package that may be imported.
        never: top-level packages that must not be imported.
        title: what the picture of the architecture calls the room.
        row: the row of the picture, from the bottom; None for a room that the picture leaves out.
    """

    says: str
    imports: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    title: str = ""
    row: int | None = None
    standard_library_only: bool = False


ROOMS: dict[str, Room] = {
    "_version": Room("Imports nothing.", standard_library_only=True),
    "_events": Room(
        "What a test receives: imports the standard library only.", standard_library_only=True
    ),
    "_exceptions": Room(
        "The tree of errors: imports `_events`, `_advice` and python-socketio's exceptions.",
        frozenset({"_advice", "_events"}),
        title="events, errors",
        row=0,
    ),
    "_waiting": Room(
        "Imports the standard library only.",
        title="waits, idleness",
        row=0,
        standard_library_only=True,
    ),
    "trace": Room(
        "Traces as data, and their writers: imports the standard library only, so that the"
        " transcript and every tool may use it.",
        title="traces",
        row=0,
        standard_library_only=True,
    ),
    "faults": Room("Imports the standard library only.", title="a bad network", row=0),
    "pubsub": Room("Imports what `_server` may import.", frozenset({"_waiting", "_exceptions"})),
    "asgi": Room(
        "One ASGI scope each: imports `_waiting` and the errors, never engineio or socketio.",
        FACTS | {"_waiting"},
        SOCKET_IO,
        title="ASGI scopes",
        row=1,
    ),
    "_protocol": Room(
        "Imports packet classes and the errors; no asyncio, no clock, no httpx.",
        FACTS,
        CLOCKS_AND_LOOPS | INPUT_AND_OUTPUT,
        title="protocol: no I/O, no clock",
        row=1,
    ),
    "_http": Room(
        "Imports httpx and `asgi`, never engineio or socketio.",
        FACTS | {"asgi"},
        SOCKET_IO,
        title="HTTP requests",
        row=2,
    ),
    "_server": Room(
        "Imports `_waiting`, `trace` and the errors; the only folder that uses private parts of a"
        " server.",
        FACTS | {"_waiting", "trace"},
        title="the server's instrumentation",
        row=1,
    ),
    "remote": Room(
        "A server elsewhere as an ASGI app: imports `asgi` and aiohttp, and no client.",
        FACTS | {"asgi"},
        SOCKET_IO | {"httpx"},
        title="a server elsewhere",
        row=2,
    ),
    "_connection": Room(
        "Imports the six folders below and `faults`; uses a client through Protocols, and never"
        " imports `_client`.",
        FACTS | BELOW_CONNECTION,
        title="one connection, the running app",
        row=3,
    ),
    "_client": Room(
        "Imports `_connection` and what is below it; no tool.",
        FACTS | BELOW_CLIENT | {"remote"},
        title="client: events, waits, settle",
        row=4,
    ),
    "_sync": Room(
        "Imports `_client` and anyio; no protocol.",
        FACTS | BELOW_CLIENT - {"_protocol"} | {"_client"},
        SOCKET_IO,
        title="the client without await",
        row=5,
    ),
    "__init__": Room(
        "The public face: imports the clients, events and errors.", FACTS | {"_client", "_sync"}
    ),
    "bench": Room(
        "A tool: uses a client as a test does.",
        BELOW_TOOLS | {"_client"},
        title="bench",
        row=6,
    ),
    "conformance": Room("A tool: imports `asgi` only.", BELOW_TOOLS, title="conformance", row=6),
    "stock": Room(
        "A tool: the stock client in memory, on the connection's rooms.",
        BELOW_TOOLS,
        title="stock",
        row=6,
    ),
    "fuzz": Room(
        "A tool: uses a client as a test does, and what `_server` reports.",
        BELOW_TOOLS,
        title="fuzzing",
        row=7,
    ),
    "coverage": Room(
        "A tool: counts what `_server` and the clients report.",
        BELOW_TOOLS,
        title="event coverage",
        row=7,
    ),
    "schedules": Room(
        "A tool: explores schedules in an event loop of its own; the server through `_server`.",
        BELOW_TOOLS,
        title="schedules",
        row=6,
    ),
    "pytest_plugin": Room(
        "A tool: imports public names only.",
        frozenset({"__init__", "trace"}),
        title="pytest plugin",
        row=6,
    ),
    "locust": Room(
        "A tool: users of Locust, each with a client as a test has it.",
        BELOW_TOOLS | {"_client"},
        title="load",
        row=7,
    ),
    "har": Room(
        "A tool: makes tests of a browser's recordings, and replays them.",
        BELOW_TOOLS | {"trace"},
        title="recordings",
        row=7,
    ),
    "pytest_traces": Room(
        "A tool: writes the traces of a pytest session, from the transcripts of `_connection`.",
        frozenset({"_connection", "trace"}),
    ),
    "_advice": Room(
        "Where the documentation tells more of an error: imports the standard library only.",
        standard_library_only=True,
    ),
    "pytest_reports": Room(
        "A tool: the errors and frames of failures, for pytest's reports.",
        frozenset({"_advice", "_exceptions", "_waiting"}),
    ),
    "_cli": Room(
        "Imports public names only; nothing but `__main__` imports it.",
        FACTS | {"__init__", "bench", "conformance", "fuzz", "har"},
        title="command line",
        row=8,
    ),
    "__main__": Room("Imports `_cli`.", frozenset({"_cli"})),
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
"""No tool imports another, and nothing below imports a tool."""
