"""What a report is about: which app, which event, how it was sent, with which versions, on which
machine. Two reports may be compared when that is the same.

Knows no clocks and no clients.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from asgi_sio_testclient._version import __version__

__all__ = ["Subject", "name_of", "processor", "version_of"]

__tracebackhide__ = True


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was measured.

    Attributes:
        app: its name.
        event: the event that was sent; of a swarm, the scenario.
        namespace: where.
        mode: "call", "emit" or "scenario".
        await_event: the event that was waited for after each emit, or None.
        arguments: the event's arguments, shortened; they are not compared by `compare()`, but told.
        transport: "websocket" or "polling".
        concurrency: how many were in flight at most; of a swarm, the clients; 0 for no limit.
        rate: arrivals per second; None: each call came when the one before it was over.
        versions: of the interpreter, the event loop and the packages concerned, by name.
        machine: processor, cores and system.
        date: when, as ISO 8601, in UTC.
    """

    app: str
    event: str
    namespace: str
    mode: str
    await_event: str | None
    arguments: str
    transport: str
    concurrency: int
    rate: float | None
    versions: dict[str, str]
    machine: dict[str, str]
    date: str

    @classmethod
    def here(cls, **what: Any) -> Self:
        """The subject `what`, measured here and now, in the event loop that runs."""
        return cls(
            **what,
            versions=_versions(),
            machine=_machine(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def differences(self, other: Subject) -> list[str]:
        """Why figures of the two can't be compared: a line for each reason."""
        return [
            *_differing(
                {name: getattr(self, name) for name in _COMPARED},
                {name: getattr(other, name) for name in _COMPARED},
            ),
            *_differing(self.versions, other.versions),
        ]

    def remarks(self, other: Subject) -> list[str]:
        """What also differs, and may or may not matter."""
        return [
            *_differing(self.machine, other.machine),
            *_differing({"arguments": self.arguments}, {"arguments": other.arguments}),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `to_dict` gave.

        Raises:
            KeyError: something is missing.
        """
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    def __str__(self) -> str:
        sent = f"{self.mode} {self.event!r}"
        if self.await_event is not None:
            sent += f", await {self.await_event!r}"
        how = f"{self.concurrency} at a time" if self.concurrency else "as many as come"
        if self.mode == "scenario":
            how = f"{self.concurrency} clients"
        if self.rate is not None:
            how += f", {self.rate:g} arrivals per second"
        return f"{sent} of {self.app}, namespace {self.namespace}, {self.transport}, {how}"


_COMPARED = (
    "app",
    "event",
    "namespace",
    "mode",
    "await_event",
    "transport",
    "concurrency",
    "rate",
)


def name_of(app: Any) -> str:
    """The app as uvicorn would be given it, where a module holds it; else what kind of thing it is.

    Where several modules hold it, the first by name that isn't a test's: it has to be the same name
    tomorrow, whatever was imported first.
    """
    holders = sorted(_holders(app), key=lambda name: ("test" in name, name))
    if holders:
        return holders[0]
    kind = app if hasattr(app, "__qualname__") else type(app)
    return f"{kind.__module__}.{kind.__qualname__}"


def _holders(app: Any) -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is app:
                yield f"{name}:{attribute}"


def _differing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    return [
        f"{name.replace('_', ' ')}: {ours.get(name, 'none')}, not {theirs.get(name, 'none')}"
        for name in dict.fromkeys((*ours, *theirs))
        if ours.get(name) != theirs.get(name)
    ]


def _versions() -> dict[str, str]:
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return {
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "event loop": loop if loop == "asyncio" else f"{loop} {version_of(loop)}",
        "asgi-sio-testclient": __version__,
        "python-socketio": version_of("python-socketio"),
        "python-engineio": version_of("python-engineio"),
    }


def version_of(package: str) -> str:
    """The version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _machine() -> dict[str, str]:
    return {
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def processor(cpuinfo: Path) -> str:
    """The processor's model: `platform.processor()` knows only the architecture on Linux."""
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
