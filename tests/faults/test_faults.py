"""Holds the catalogue: each fault's first line, its bound, and that nothing is left of it."""

import asyncio
import gc

import pytest

from . import FAULTS
from .catalogue import read
from .page import PAGE, page


@pytest.fixture(scope="module", autouse=True)
def collecting_is_cheap():
    """Every fault is followed by a collection: spare it all that was there before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


# Promised on the page, and not kept yet. A fault that keeps its promise must leave this list.
OWED = {
    "entered_in_another_loop",
    "wrong_path",
    "wrong_path_over_polling",
    "mount_forgotten",
    "start_page_answers",
    "redirected_to_https",
    "app_returns_without_answering",
    "app_returns_without_answering_over_polling",
    "app_hangs_in_handshake",
    "app_hangs_in_handshake_over_polling",
    "websocket_that_says_nothing",
    "path_of_mounted_app",
    "misspelt_namespace",
    "unknown_namespace",
    "catch_all_raises",
    "blocking_handler",
    "servers_call_unanswered",
    "own_handler_raises",
    "too_few_events",
    "taken_by_own_handler",
    "read_before",
    "room_never_entered",
    "awaited_after_disconnect",
    "emit_after_server_disconnect",
    "auth_unserialisable",
    "server_calls_with_unserialisable",
    "own_ack_unserialisable",
    "json_to_msgpack_server",
    "msgpack_to_json_server",
    "payload_too_large",
    "payload_too_large_over_polling",
    "call_too_large",
    "attachment_missing",
    "startup_fails_with_message",
    "startup_hangs",
    "shutdown_hangs",
    "disconnect_handler_hangs",
}


def marked(fault):
    owed = pytest.mark.xfail(reason="owed", strict=True)
    return pytest.param(fault, id=fault.name, marks=[owed] if fault.name in OWED else [])


@pytest.mark.parametrize("fault", [marked(fault) for fault in FAULTS])
async def test_fault(fault):
    lost = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: lost.append(context))
    tasks_before = asyncio.all_tasks()

    reading = await read(fault)

    assert reading.first_line == fault.first_line
    assert fault.note in reading.notes
    assert reading.seconds <= fault.within
    assert asyncio.all_tasks() == tasks_before
    gc.collect()  # a task whose exception nobody retrieves complains when it is collected
    assert lost == []


def test_enough_faults_and_each_only_once():
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.faults.page"
