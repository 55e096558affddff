"""Runs a scenario once under a schedule."""

import time
import uuid

from asgi_sio_testclient.schedules._frames import Frames
from asgi_sio_testclient.schedules._run import run
from asgi_sio_testclient.schedules._schedule import Schedule


def outcome_of(scenario, holds=None, **options):
    return run(scenario, Schedule(holds or {}), frames=Frames(), **options)


def mine():
    return time.time(), uuid.uuid4()
