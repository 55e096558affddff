"""Writes the files of traces."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["Path_", "write"]

__tracebackhide__ = True

Path_ = str | os.PathLike[str]


def write(path: Path_, text: str) -> Path:
    """Write a file in UTF-8, with its folders, and return its path."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file
