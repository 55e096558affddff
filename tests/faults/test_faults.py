"""Holds the catalogue: each fault's first line, its bound, and that nothing is left of it."""

import asyncio
import gc

import pytest

from . import FAULTS
from .catalogue import SHOWN_IN_SUMMARY, read
from .page import PAGE, page


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
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


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_first_line_begins_with_the_cause(fault):
    _, _, text = fault.first_line.partition(": ")
    assert fault.cause in text[:SHOWN_IN_SUMMARY]
    assert fault.cause or fault.name == "wait_cancelled"  # asyncio's own, without a word


def test_enough_faults_and_each_only_once():
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.faults.page"
