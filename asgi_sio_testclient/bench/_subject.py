"""The subject of a report: the app, the event, how the event was sent, the versions, the machine.
Reports with the same subject can be compared.

Uses neither clocks nor clients.
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
        app: the name of the app.
        event: the name of the event; for `swarm`, the name of the scenario.
        namespace: the namespace of the event.
        mode: "call", "emit" or "scenario".
        await_event: the event that was awaited after each emit, or None.
        arguments: the event's arguments, shortened; other arguments are a remark of `compare()`.
        transport: "websocket" or "polling".
        concurrency: the most pending calls; for `swarm`, the number of clients; 0 for no limit.
        rate: calls per second; None if a call was sent when the call before had ended.
        versions: the versions of the interpreter, the event loop and the packages, by name.
        machine: processor, cores and system.
        date: the date and time in UTC, as ISO 8601.
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
        """Return a subject with the versions and the machine of this process, in the running event
        loop.

        Args:
            what: the other attributes.
        """
        return cls(
            **what,
            versions=_versions(),
            machine=_machine(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def differences(self, other: Subject) -> list[str]:
        """Return a line for each reason why reports of the two subjects can't be compared."""
        return [
            *_differing(
                {name: getattr(self, name) for name in _COMPARED},
                {name: getattr(other, name) for name in _COMPARED},
            ),
            *_differing(self.versions, other.versions),
        ]

    def remarks(self, other: Subject) -> list[str]:
        """Return a line for each other difference: of the machine, and of the arguments."""
        return [
            *_differing(self.machine, other.machine),
            *_differing({"arguments": self.arguments}, {"arguments": other.arguments}),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the subject from a result of `to_dict`.

        Raises:
            KeyError: an attribute is missing.
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
    """Return the name of an app: "module:name", as for uvicorn, if a module has the app; else the
    name of the app's type.

    If several modules have the app, the first by name counts, and modules of tests last: the name
    must not depend on the order of imports.
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
    """Return the version of an installed package."""
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
    """Return the model of the processor; on Linux from `cpuinfo`, since `platform.processor()` has
    only the architecture there.
    """
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
