"""Checks for each fault of the catalogue the first line, the time, and that nothing is left."""

import asyncio
import gc
import re

import pytest

import asgi_sio_testclient
from asgi_sio_testclient._advice import advice

from . import FAULTS
from .catalogue import SHOWN_IN_SUMMARY, read
from .page import PAGE, anchor, page

WIDTH = 80
ALIKE = 12


def on_its_clock(fault):
    """Return a parameter; a fault that blocks the event loop needs the real clock."""
    blocks = fault.name == "blocking_handler"
    return pytest.param(fault, id=fault.name, marks=pytest.mark.real_clock if blocks else ())


@pytest.mark.parametrize("fault", [on_its_clock(fault) for fault in FAULTS])
async def test_fault(fault):
    lost = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: lost.append(context))
    tasks_before = asyncio.all_tasks()

    reading = await read(fault)

    assert reading.first_line == fault.first_line
    assert fault.note in reading.notes
    assert advice(reading.first_line.partition(": ")[2]) in reading.notes
    assert reading.seconds <= fault.within
    assert asyncio.all_tasks() == tasks_before
    gc.collect()  # a task with an unretrieved exception is reported when it is collected
    assert lost == []


def test_the_first_line_begins_with_the_cause():
    for fault in FAULTS:
        _, _, text = fault.first_line.partition(": ")
        assert fault.cause in text[:SHOWN_IN_SUMMARY]
        assert fault.cause or fault.name == "wait_cancelled"  # asyncio's own error has no text


CLIENTS_OWN = {
    name
    for name in asgi_sio_testclient.__all__
    if isinstance(getattr(asgi_sio_testclient, name), type)
    and issubclass(getattr(asgi_sio_testclient, name), asgi_sio_testclient.TestClientError)
}


def test_the_report_leads_to_an_entry_of_the_same_wording():
    for fault in FAULTS:
        type_name, _, text = fault.first_line.partition(": ")
        line = advice(text)
        if not line:
            assert type_name not in CLIENTS_OWN, fault.name
            continue
        entry = line.partition("#")[2]
        assert len(f"E       {line}") <= WIDTH
        led_to = next(other for other in FAULTS if anchor(other) == entry)
        assert alike(text) == alike(led_to.first_line.partition(": ")[2]), fault.name


def alike(text):
    """Return the beginning of a line without names and numbers, which similar faults share."""
    return re.sub(r"'[^']*'|\d+|\S+:\d+", "...", text)[:ALIKE]


def test_what_has_no_entry_leads_nowhere():
    assert advice("something else") == ""


def test_enough_faults_and_each_only_once():
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.faults.page"
