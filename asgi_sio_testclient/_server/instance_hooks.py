"""Hooks on attributes of instances, and their removal."""

from __future__ import annotations

from typing import Any

__all__ = ["InstanceHooks"]

__tracebackhide__ = True

_ABSENT = object()


class InstanceHooks:
    """Replaces attributes of instances and entries of dictionaries; `restore` puts the originals
    back.
    """

    __slots__ = ("_hooks",)

    def __init__(self) -> None:
        self._hooks: list[tuple[dict[str, Any], str, Any, Any]] = []

    def put(self, owner: Any, name: str, hook: Any) -> None:
        """Replace an attribute of an instance."""
        self.put_in(owner.__dict__, name, hook)

    def put_in(self, values: dict[str, Any], name: str, hook: Any) -> None:
        """Replace an entry of a dictionary."""
        self._hooks.append((values, name, hook, values.get(name, _ABSENT)))
        values[name] = hook

    def restore(self) -> None:
        """Put the originals back; a hook that other code has replaced since then stays."""
        for values, name, hook, before in reversed(self._hooks):
            if values.get(name) is not hook:
                continue
            if before is _ABSENT:
                del values[name]
            else:
                values[name] = before
        self._hooks = []
