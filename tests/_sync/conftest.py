"""An app, its sync client, and the threads that a test of the portal counts."""

import threading

import pytest
import sync_apps
from apps import lab

from asgi_sio_testclient import SyncTestClient


@pytest.fixture(autouse=True)
def older_threads():
    """Leave the threads of earlier tests out, which may have clients that never end."""
    sync_apps.older.clear()
    sync_apps.older.update(threading.enumerate())


@pytest.fixture
def built():
    return lab(namespaces=("/", "/chat"))


@pytest.fixture
def client(built, transports):
    with SyncTestClient(built.app, transports=transports) as client:
        yield client.connect()
