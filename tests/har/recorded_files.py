"""The recordings of the tests, as data and as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parent / "recordings"
TRANSPORTS = ("websocket", "polling", "upgrade")
CHANGES = ("refused", "renamed", "silent", "more", "length", "stays", "crash")


def written(har: Any, folder: Path, name: str = "session.har") -> Path:
    path = folder / name
    path.write_text(json.dumps(har), encoding="utf-8")
    return path


def function_of(source: str) -> Any:
    """Return the test function of a generated module."""
    namespace: dict[str, Any] = {}
    exec(compile(source, "generated", "exec"), namespace)
    return next(value for name, value in namespace.items() if name.startswith("test_"))
