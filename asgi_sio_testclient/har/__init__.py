"""A browser's recording as a test, or played again against an app.

`read_har` reads the HAR files of Chrome, Firefox and Playwright, `source_of_test` writes a test
from one, and `replay` sends what was recorded and compares what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable

from asgi_sio_testclient.har._file import HARError, Recorded, read_har
from asgi_sio_testclient.har._plan import Plan
from asgi_sio_testclient.har._replay import Replay, replay
from asgi_sio_testclient.har._source import source_of
from asgi_sio_testclient.har._steps import script_of

__all__ = ["HARError", "Recorded", "Replay", "read_har", "replay", "source_of_test"]

__tracebackhide__ = True


def source_of_test(
    recorded: Recorded, *, app: str = "", with_secrets: bool = False, ignore: Iterable[str] = ()
) -> str:
    """The source of a module with one test, which does what was recorded.

    Args:
        recorded: see `read_har`.
        app: ``MODULE:APP``; without it the test takes the app from the fixture ``sio_app``.
        with_secrets: whether passwords, tokens and cookies are written as they were recorded; else
            the test takes them from environment variables.
        ignore: names of events that the test does not await.
    """
    plan = Plan(script_of(recorded), with_secrets=with_secrets, ignored=frozenset(ignore))
    return source_of(plan, app=app)
