"""A test of the portal counts its own threads only."""

import threading

import pytest
import sync_apps


@pytest.fixture(autouse=True)
def older_threads():
    """Leave the threads of earlier tests out, which may have clients that never end."""
    sync_apps.older.clear()
    sync_apps.older.update(threading.enumerate())
