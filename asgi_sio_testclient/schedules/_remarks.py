"""What an exploration could not see, in words."""

from __future__ import annotations

import dis
import inspect
from typing import Any

from asgi_sio_testclient.schedules._run import Outcome
from asgi_sio_testclient.schedules._story import Story

__all__ = ["remarks_on"]

__tracebackhide__ = True

_AWAIT = dis.opmap["GET_AWAITABLE"]


def remarks_on(plain: Outcome, story: Story) -> list[str]:
    """What to say about a plain run."""
    found = {_code(handler): handler for handler in story.handlers}
    blind = [
        str(getattr(handler, "__name__", handler))
        for code, handler in found.items()
        if code not in plain.codes and _awaits(code)
    ]
    remarks = []
    if blind:
        many = "handler" if len(blind) == 1 else "handlers"
        remarks.append(
            f"no place to hold in {len(blind)} {many} ({', '.join(blind)}): your fakes never "
            "suspend, or they are in files that io= does not name. Let a fake `await "
            "asyncio.sleep(0)` where the real thing goes to the network"
        )
    if plain.threads:
        remarks.append(
            f"threads answer into the loop by themselves ({', '.join(plain.threads)}): their order "
            "is not explored"
        )
    return remarks


def _code(handler: Any) -> Any:
    function = inspect.unwrap(handler)
    return getattr(getattr(function, "__func__", function), "__code__", None)


def _awaits(code: Any) -> bool:
    """Whether a handler awaits something."""
    if code is None or not code.co_flags & inspect.CO_COROUTINE:
        return False
    return _AWAIT in code.co_code[::2]
