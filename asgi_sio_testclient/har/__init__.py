"""Tests from a browser's recordings, and replays of recordings against an app.

`read_har` reads the HAR files of Chrome, Firefox and Playwright. `source_of_test` writes a test
from a recording. `replay` sends the recorded packets and requests to an app, and compares the
answers.
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
    """Return the source of a module with one test, which repeats the recording and asserts the
    recorded answers.

    Args:
        recorded: the recording; see `read_har`.
        app: ``MODULE:APP``. If this is "", the test takes the app from the fixture ``sio_app``.
        with_secrets: whether recorded passwords, tokens and cookies are written into the source; if
            not, the test takes them from environment variables.
        ignore: names of events that the test does not await.
    """
    plan = Plan(script_of(recorded), with_secrets=with_secrets, ignored=frozenset(ignore))
    return source_of(plan, app=app)
