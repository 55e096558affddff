"""The waiters: which waiter gets which event."""

import asyncio

import pytest

from asgi_sio_testclient import ReceivedEvent
from asgi_sio_testclient._client.waiters import Waiter, Waiters, matches
from asgi_sio_testclient._protocol.names import ALL

A, B = ReceivedEvent("a", (1,)), ReceivedEvent("b", (2,))
CHAT = ReceivedEvent("a", (3,), "/chat")


def waiter_for(event=None, namespace="/", match=None):
    return Waiter(event, namespace, match, asyncio.get_running_loop().create_future())


def waiting(*waiters):
    found = Waiters()
    for waiter in waiters:
        found.add(waiter)
    return found


@pytest.mark.parametrize(
    ("event", "namespace", "match", "fitting"),
    [
        (None, "/", None, [A, B]),
        ("a", "/", None, [A]),
        ("a", ALL, None, [A, CHAT]),
        (None, ALL, None, [A, B, CHAT]),
        (None, ALL, lambda event: event.data > 1, [B, CHAT]),
        (None, ALL, lambda event: event.data - 1, [B, CHAT]),
    ],
)
async def test_which_events_fit(event, namespace, match, fitting):
    waiter = waiter_for(event, namespace, match)
    assert [event for event in (A, B, CHAT) if waiter.fits(event)] == fitting


async def test_an_async_predicate_is_refused():
    async def predicate(event):
        return False

    with pytest.raises(TypeError, match="match is async"):
        matches(predicate, A)
    with pytest.raises(TypeError, match="match is async"):
        matches(lambda event: asyncio.get_running_loop().create_future(), A)


async def test_the_first_that_fits_gets_the_event():
    first, second, third = waiter_for("b"), waiter_for(None, ALL), waiter_for("a")
    waiters = waiting(first, second, third)
    assert waiters.hand_over((1, A))
    assert second.future.result() == (1, A)
    assert waiters.hand_over((2, A))
    assert third.future.result() == (2, A)
    assert not waiters.hand_over((3, A))
    assert list(waiters) == [first]


async def test_the_only_one_gets_what_fits_it():
    waiters = Waiters()
    waiters.single = only = waiter_for("a")
    assert list(waiters) == [only]
    assert not waiters.hand_over((1, B))
    assert waiters.hand_over((2, A))
    assert waiters.single is None
    assert list(waiters) == []


async def test_the_only_one_is_first_among_several():
    waiters = Waiters()
    waiters.single = first = waiter_for("a")
    second = waiter_for("a")
    waiters.add(second)
    assert waiters.single is None
    assert list(waiters) == [first, second]
    assert waiters.hand_over((1, A))
    assert first.future.done()


@pytest.mark.parametrize("removed", [0, 1, 2])
async def test_a_removed_waiter_gets_no_event(removed):
    those = [waiter_for("a") for _ in range(3)]
    waiters = waiting(*those)
    gone = those.pop(removed)
    waiters.remove(gone)
    assert list(waiters) == those
    assert [waiters.hand_over((number, A)) for number in range(3)] == [True, True, False]
    assert not gone.future.done()
    assert waiters.by_key == {}


async def test_a_predicate_that_raises_ends_its_own_wait_only():
    def predicate(event):
        raise LookupError("in the test")

    first, second = waiter_for("a", match=predicate), waiter_for("a")
    assert waiting(first, second).hand_over((1, A))
    with pytest.raises(LookupError, match="in the test"):
        first.future.result()
    assert second.future.result() == (1, A)


async def test_a_predicate_that_ends_its_own_wait_gets_nothing():
    waiters = Waiters()

    def predicate(event):
        waiters.remove(first)
        return True

    first, second = waiter_for("a", match=predicate), waiter_for("a")
    waiters.add(first)
    waiters.add(second)
    assert waiters.hand_over((1, A))
    assert not first.future.done()
    assert second.future.result() == (1, A)


async def test_the_waiters_that_end_behind_one_that_goes_on_are_removed():
    first, *others = [waiter_for("e") for _ in range(4)]
    waiters = waiting(first, *others)
    for other in others:
        waiters.remove(other)
    assert [list(same) for same in waiters.by_key.values()] == [[first]]
    waiters.remove(first)
    assert waiters.by_key == {}
