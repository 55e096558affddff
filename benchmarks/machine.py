"""Describes the machine and the versions of a run, which every page of figures shows."""

import os
import platform
import sysconfig
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "python-socketio",
    "python-engineio",
    "asgiref",
    "httpx",
    "httpx-ws",
    "starlette",
    "Flask-SocketIO",
    "uvicorn",
    "websockets",
    "aiohttp",
)


def describe() -> dict:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "optimised_build": "--enable-optimizations"
        in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "versions": {name: _version(name) for name in PACKAGES},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
