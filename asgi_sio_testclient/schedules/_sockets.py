"""Real sockets: the virtual clock can't wait for what is outside of the process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import PurePath
from types import FrameType
from typing import Any

from socketio.async_pubsub_manager import AsyncPubSubManager

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.schedules._frames import Owner

__all__ = ["refuse"]

__tracebackhide__ = True

_MANAGER = (
    "take AsyncInMemoryManager of asgi_sio_testclient.pubsub in this test, or an AsyncManager"
)
_OTHER = "take a stand-in in this test, or name the module that opens the socket in io="


def refuse(name: str) -> Any:
    """A method of the loop that opens a socket, as one that is refused."""
    real = getattr(asyncio.SelectorEventLoop, name)

    async def method(loop: Any, *args: Any, **options: Any) -> Any:
        frames = _callers()
        if not any(loop.recorder.outside.has(frame) for frame in frames if loop.recorder.outside):
            loop.fatal = _refusal(loop, name, frames)
            raise loop.fatal
        return await real(loop, *args, **options)

    method.__name__ = name
    return method


def _callers() -> list[FrameType]:
    """Innermost first."""
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code is not asyncio.Handle._run.__code__:
        frames.append(frame)
        frame = frame.f_back
    return frames


def _refusal(loop: Any, name: str, frames: list[FrameType]) -> UsageError:
    for frame in frames:
        owner = frame.f_locals.get("self")
        if isinstance(owner, AsyncPubSubManager):
            return UsageError(
                f"a real socket: {type(owner).__name__} speaks to its broker over the network, and "
                f"schedules are explored in virtual time: {_MANAGER}"
            )
    own = [frame for frame in frames if loop.recorder.frames.owner(frame.f_code) is Owner.APP]
    frame = own[0] if own else frames[0]
    where = f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"
    return UsageError(
        f"a real socket: {where} leads to {name}(), and schedules are explored in virtual time: "
        f"{_OTHER}"
    )
