"""Holds that no app can tell: what it sees and does is the same over a real socket and in memory.

The stock client over aiohttp and uvicorn is recorded here and now; nothing is stored.
"""

import asyncio
import difflib
import pprint
import sys

import pytest

from .deviations import DEVIATIONS, without_deviations
from .harness import record_stock, record_test_client, record_uvicorn
from .page import PAGE, page
from .scenarios import SCENARIOS

CASES = [(name, transports) for name, s in SCENARIOS.items() for transports in s.transports]
IDS = [f"{name}-{'+'.join(transports)}" for name, transports in CASES]

# The stock client's goodbye races with the server's tasks, and later versions of asyncio decide the
# race in another way: the table of deviations holds for the version that it was made with.
AS_RECORDED = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the table of deviations was made with Python 3.11"
)
WARNINGS = pytest.mark.filterwarnings(
    # The stock client can't be stopped while it polls, but by dropping its connection.
    "ignore:Unclosed connection:ResourceWarning",
)
pytestmark = [AS_RECORDED, WARNINGS]


@pytest.fixture(scope="module")
def real():
    """The recordings, each with the port that it was made at, by case."""
    return asyncio.run(record_uvicorn())


@pytest.fixture(scope="module")
def ours():
    """What `TestClient` was recorded with, by case."""
    return {}


def difference(real, ours):
    before, after = (pprint.pformat(each, width=150).splitlines() for each in (real, ours))
    return "\n".join(difflib.unified_diff(before, after, "uvicorn", "in memory", lineterm="", n=2))


@pytest.mark.parametrize(("name", "transports"), CASES, ids=IDS)
async def test_the_stock_client_in_memory_makes_no_difference(real, name, transports):
    port, want = real[name, transports]
    recorded = await record_stock(name, transports, port)
    assert recorded == want, difference(want, recorded)


@pytest.mark.parametrize(("name", "transports"), CASES, ids=IDS)
async def test_the_test_client_differs_where_the_table_says_so(real, ours, name, transports):
    port, recording = real[name, transports]
    ours[name, transports] = await record_test_client(name, transports, port)
    want = without_deviations(recording, transports)
    recorded = without_deviations(ours[name, transports], transports)
    assert recorded == want, difference(want, recorded)


@pytest.mark.parametrize("entry", DEVIATIONS, ids=lambda entry: entry.title)
def test_no_entry_of_the_table_is_out_of_date(real, ours, entry):
    if len(ours) < len(CASES):
        pytest.skip("needs the recordings of all scenarios")
    others = [other for other in DEVIATIONS if other is not entry]
    assert any(
        without_deviations(real[name, transports][1], transports, others)
        != without_deviations(recorded, transports, others)
        for (name, transports), recorded in ours.items()
    )


def test_there_are_scenarios_enough():
    assert len(SCENARIOS) >= 25


def test_the_page_is_made_from_the_table():
    assert PAGE.read_text() == page(), "python -m fidelity.page, in tests/"
