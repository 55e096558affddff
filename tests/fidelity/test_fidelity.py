"""The app receives and sends the same messages over a real socket and in memory.

The stock client with aiohttp and uvicorn is recorded during the tests; no recordings are stored.
"""

import asyncio
import contextlib
import copy
import difflib
import pprint
import sys

import pytest

from .deviations import CLOSED, DEVIATIONS, NOOP_SENT, without_deviations
from .harness import ATTEMPTS_IN_TIME, TOO_LATE, record_stock, record_test_client, record_uvicorn
from .page import PAGE, page
from .scenarios import SCENARIOS

CASES = [(name, transports) for name, s in SCENARIOS.items() for transports in s.transports]
IN_EVERY_RUN = {"connects_and_disconnects"}  # the other scenarios are proofs


def cases(who):
    """Parametrize a test with the cases that a user can play."""
    return pytest.mark.parametrize(
        ("name", "transports"),
        [
            pytest.param(
                name,
                transports,
                id=f"{name}-{'+'.join(transports)}",
                marks=() if name in IN_EVERY_RUN else pytest.mark.proof,
            )
            for name, transports in CASES
            if who in SCENARIOS[name].in_memory
        ],
    )


# The stock client's DISCONNECT races with the server's tasks, and the result depends on the version
# of asyncio: the table of deviations holds for the version that it was made with.
AS_RECORDED = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the table of deviations was made with Python 3.11"
)
WARNINGS = pytest.mark.filterwarnings(
    # The stock client can be stopped during a poll only by dropping its connection.
    "ignore:Unclosed connection:ResourceWarning",
)
pytestmark = [AS_RECORDED, WARNINGS]


def played(item):
    """Return the case that a test plays, or None."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return (params["name"], params["transports"]) if "name" in params else None


@pytest.fixture(scope="module")
def real(request):
    """The recordings over a real socket of the cases of this run, by case, each with its port."""
    here = (item for item in request.session.items if item.path == request.path)
    wanted = {played(item) for item in here}
    return record_uvicorn([case for case in CASES if case in wanted])


@pytest.fixture(scope="module")
def ours():
    """The recordings of `TestClient`, by case."""
    return {}


def difference(real, ours):
    before, after = (pprint.pformat(each, width=150).splitlines() for each in (real, ours))
    return "\n".join(difflib.unified_diff(before, after, "uvicorn", "in memory", lineterm="", n=2))


async def compare(real, name, transports, play, comparable):
    """Compare a recording of `play` with the real one, and return it. If the scenario depends on a
    timer, a difference has to be found in repeated recordings, because the machine may have been
    too busy.
    """
    for attempts_left in reversed(range(ATTEMPTS_IN_TIME if SCENARIOS[name].timed else 1)):
        port, recording = real[name, transports]
        with contextlib.suppress(*TOO_LATE if attempts_left else ()):
            played = await play(name, transports, port)
            want, got = comparable(recording, transports), comparable(played, transports)
            if got == want or not attempts_left:
                break
        real |= await asyncio.to_thread(record_uvicorn, [(name, transports)])
    assert got == want, difference(want, got)
    return played


@pytest.mark.slow
@cases("stock")
async def test_the_stock_client_in_memory_makes_no_difference(real, name, transports):
    await compare(real, name, transports, record_stock, lambda recording, _: recording)


@cases("ours")
async def test_the_test_client_differs_where_the_table_says_so(real, ours, name, transports):
    ours[name, transports] = await compare(
        real, name, transports, record_test_client, without_deviations
    )


@pytest.mark.proof
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


def disconnect_twice(recording):
    messages = recording["websockets"][0]["messages"]
    messages.insert(messages.index(CLOSED), messages[messages.index(CLOSED) - 1])


def disconnect_without_a_handlers_call(recording):
    *_, namespace, _ = recording["app"][-1]
    recording["app"][-1] = ("disconnect", namespace, "transport close")


def disconnect_before_the_last_packets(recording):
    messages = recording["websockets"][0]["messages"]
    messages.insert(messages.index(CLOSED), ("sends", {"type": "websocket.send", "text": "2"}))


def second_noop(recording):
    messages = recording["websockets"][0]["messages"]
    messages.insert(messages.index(NOOP_SENT) + 1, NOOP_SENT)


def other_get(recording):
    *_, get = [r for key, r in recording["http"].items() if key.startswith("GET") and "sid=" in key]
    get["scopes"][0]["scheme"] = "https"


@pytest.mark.parametrize(
    ("change", "transports"),
    [
        (disconnect_twice, ("websocket",)),
        (disconnect_without_a_handlers_call, ("websocket",)),
        (disconnect_before_the_last_packets, ("websocket",)),
        (second_noop, ("polling", "websocket")),
        (other_get, ("polling", "websocket")),
    ],
)
def test_no_entry_of_the_table_hides_more_than_it_says(real, ours, change, transports):
    case = "connects_and_disconnects", transports
    if case not in ours:
        pytest.skip("needs the recordings of all scenarios")
    changed = copy.deepcopy(ours[case])
    change(changed)
    want = without_deviations(real[case][1], transports)
    assert without_deviations(changed, transports) != want


def test_there_are_scenarios_enough():
    assert len(SCENARIOS) >= 25


def test_the_page_is_made_from_the_table():
    assert PAGE.read_text() == page(), "python -m tests.fidelity.page"
