"""Event coverage: which handlers of the app ran during the tests, and which events were read.

The pytest options ``--sio-coverage``, ``--sio-coverage-fail-under=N`` and
``--sio-coverage-json=FILE`` use this package; without pytest::

    from asgi_sio_testclient import coverage

    with coverage.record() as covered:
        ...  # use TestClient
    print(covered.report())
"""

from __future__ import annotations

from asgi_sio_testclient.coverage._data import Coverage, EmittedEvent, HandlerCounts
from asgi_sio_testclient.coverage._recorder import record

__all__ = ["Coverage", "EmittedEvent", "HandlerCounts", "record"]
