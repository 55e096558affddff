"""The work of the inbox per event does not grow with the unread events; the tests count lines."""

import asyncio
import sys

import pytest

from asgi_sio_testclient import ReceivedEvent
from asgi_sio_testclient._client.inbox import Inbox, Waiter
from asgi_sio_testclient._client.unread import Unread
from asgi_sio_testclient._protocol.names import ALL

FEW, MANY = 100, 400


def steps(function):
    """Return the number of lines of Python and of calls that a function executes."""
    counted = 0

    def traced(_frame, event, _argument):
        nonlocal counted
        counted += event == "line"
        return traced

    def profiled(_frame, event, _argument):
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(traced)
    sys.setprofile(profiled)
    try:
        function()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return counted


def events(count):
    return [ReceivedEvent(f"event{number}", (number,)) for number in range(count)]


def filled(count):
    inbox = Inbox()
    for event in events(count):
        inbox.put(event)
    return inbox


def waiter(event, namespace="/"):
    return Waiter(event, namespace, None, asyncio.get_running_loop().create_future())


def read_in_order(count):
    inbox = filled(count)
    return steps(lambda: [inbox.take(None, "/", None) for _ in range(count)])


def read_by_name_from_the_end(count):
    inbox, wanted = filled(count), events(count)
    return steps(lambda: [inbox.take(event.name, "/", None) for event in reversed(wanted)])


def read_in_every_namespace(count):
    inbox, wanted = filled(count), events(count)
    return steps(lambda: [inbox.take(event.name, ALL, None) for event in wanted])


def put_back(count):
    inbox = filled(count)
    taken = [inbox.take(None, ALL, None) for _ in range(count)]

    def back_and_again():
        for numbered in reversed(taken):
            inbox.put_back(numbered)
        assert [inbox.take(None, ALL, None) for _ in range(count)] == taken

    counted = steps(back_and_again)
    assert not inbox.peek(ALL)
    return counted


def wait_for_many_names(count):
    inbox, coming = Inbox(), events(count)
    waiters = [waiter(event.name) for event in coming]

    def wait_and_put():
        for one in waiters:
            inbox.add_waiter(one)
        for event in reversed(coming):
            inbox.put(event)
        for one in waiters:
            inbox.remove(one)

    counted = steps(wait_and_put)
    assert all(one.future.result()[1].name == one.event for one in waiters)
    return counted


def wait_for_what_never_comes(count):
    inbox = Inbox()
    inbox.add_waiter(waiter("never"))
    waiters = [waiter("never") for _ in range(count)]

    def wait_and_leave():
        for one in waiters:
            inbox.add_waiter(one)
            inbox.remove(one)

    return steps(wait_and_leave)


@pytest.mark.parametrize(
    "measure",
    [
        read_in_order,
        read_by_name_from_the_end,
        read_in_every_namespace,
        put_back,
        wait_for_many_names,
        wait_for_what_never_comes,
    ],
)
async def test_four_times_as_many_cost_four_times_as_much(measure):
    assert measure(MANY) / measure(FEW) == pytest.approx(MANY / FEW, rel=0.2)


def test_an_index_removes_events_that_were_read_by_other_keys():
    unread = Unread()
    for number, event in enumerate(events(20)):
        unread.add(number, event)
    assert unread.oldest("event19", "/")[0] == 19
    for number in range(20, 5_000):
        unread.add(number, ReceivedEvent("later", (number,)))
        assert unread.oldest("later", "/")[0] == number
        assert len(unread.events) == 19
    assert len(unread.candidates(None, "/")) == 19
    sizes = [len(numbers) for index in unread._indexes.values() for numbers in index.values()]
    assert sum(sizes) < 2_000


async def test_waiters_of_one_event_are_served_in_the_order_in_which_they_came():
    inbox = Inbox()
    wanted = [("a", "/"), (None, "/"), ("a", ALL), ("a", "/"), (None, ALL), ("a", "/")]
    waiters = [waiter(name, namespace) for name, namespace in wanted]
    for one in waiters:
        inbox.add_waiter(one)
    inbox.remove(waiters[3])
    for number in range(5):
        inbox.put(ReceivedEvent("a", (number,)))
    got = [one.future.result()[1].data for one in waiters if one is not waiters[3]]
    assert got == [0, 1, 2, 3, 4]
    assert not waiters[3].future.done()


async def test_a_removed_waiter_between_others_is_skipped():
    inbox = Inbox()
    first, second, third = waiters = [waiter("a"), waiter("a"), waiter("a")]
    for one in waiters:
        inbox.add_waiter(one)
    inbox.remove(second)
    inbox.remove(third)
    inbox.put(ReceivedEvent("a", ()))
    assert first.future.done()
    inbox.put(ReceivedEvent("a", ()))
    assert len(inbox.peek("/")) == 1
