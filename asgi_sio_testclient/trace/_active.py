"""Which recording is active. Every client and server asks for it, so this imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgi_sio_testclient.trace._recording import Recording

__all__ = ["active", "recordings"]

__tracebackhide__ = True

recordings: list[Recording] = []
"""Those that are active, the innermost last."""


def active() -> Recording | None:
    """The innermost recording that is active; None where there is none."""
    return recordings[-1] if recordings else None
