"""The inbox: unread events, and the waits for events."""

import asyncio

import pytest
from hypothesis import given, strategies as st

from asgi_sio_testclient import ReceivedEvent
from asgi_sio_testclient._client.inbox import Inbox, Waiter
from asgi_sio_testclient._protocol.names import ALL

A, B = ReceivedEvent("a", (1,)), ReceivedEvent("b", (2,))
CHAT = ReceivedEvent("a", (3,), "/chat")


def filled(*events):
    inbox = Inbox()
    for event in events:
        inbox.put(event)
    return inbox


def waiting(inbox, event=None, namespace="/", match=None):
    waiter = Waiter(event, namespace, match, asyncio.get_running_loop().create_future())
    inbox.add_waiter(waiter)
    return waiter


def handed(waiter):
    return waiter.future.result()[1] if waiter.future.done() else None


def taken(inbox, event=None, namespace="/", match=None):
    numbered = inbox.take(event, namespace, match)
    return None if numbered is None else numbered[1]


# -- reading


@pytest.mark.parametrize(
    ("event", "namespace", "match", "found"),
    [
        (None, "/", None, A),
        ("a", "/", None, A),
        ("b", "/", None, B),
        ("c", "/", None, None),
        (None, "/chat", None, CHAT),
        ("a", ALL, None, A),
        (None, ALL, lambda event: event.data == 3, CHAT),
        (None, "/", lambda event: event.data > 1, B),
        ("a", "/", lambda event: 0, None),
        ("a", "/other", None, None),
    ],
)
def test_the_oldest_that_fits_is_taken(event, namespace, match, found):
    inbox = filled(A, B, CHAT, ReceivedEvent("a", (4,)))
    assert taken(inbox, event, namespace, match) == found
    unread = inbox.peek(ALL)
    assert found not in unread
    assert len(unread) == (4 if found is None else 3)


def test_an_empty_inbox_gives_nothing():
    assert Inbox().take(None, ALL, None) is None
    assert Inbox().drain(ALL) == []


def test_what_a_predicate_raises_is_raised_and_the_event_stays():
    inbox = filled(A)
    with pytest.raises(ZeroDivisionError):
        inbox.take(None, "/", lambda event: 1 / 0)
    assert inbox.peek("/") == [A]


def test_draining_reads_one_namespace_or_all():
    inbox = filled(A, CHAT, B)
    assert inbox.drain("/chat") == [CHAT]
    assert inbox.peek(ALL) == [A, B]
    assert inbox.drain(ALL) == [A, B]
    assert inbox.peek(ALL) == []


def test_peeking_leaves_events_unread():
    inbox = filled(A, CHAT)
    assert inbox.peek("/") == [A]
    assert inbox.matching("a", ALL, None) == [A, CHAT]
    assert inbox.matching("a", "/", lambda event: event.data == 3) == []
    assert inbox.peek(ALL) == [A, CHAT]


# -- waiting


async def test_an_event_goes_to_the_first_waiter_that_it_fits():
    inbox = Inbox()
    for_b, first, second = waiting(inbox, "b"), waiting(inbox, "a"), waiting(inbox, "a")
    inbox.put(A)
    assert (handed(for_b), handed(first), handed(second)) == (None, A, None)
    inbox.put(A)
    assert handed(second) == A
    assert inbox.peek(ALL) == []
    inbox.put(A)
    assert inbox.peek(ALL) == [A]
    assert not for_b.future.done()


async def test_a_waiter_that_has_left_or_is_done_gets_nothing():
    inbox = Inbox()
    gone, cancelled = waiting(inbox), waiting(inbox)
    inbox.remove(gone)
    inbox.remove(gone)
    cancelled.future.cancel()
    inbox.put(A)
    assert not gone.future.done()
    assert inbox.peek(ALL) == [A]


async def test_what_a_waiters_predicate_raises_is_its_own_and_the_next_one_gets_the_event():
    inbox = Inbox()
    broken = waiting(inbox, match=lambda event: 1 / 0)
    whole = waiting(inbox)
    inbox.put(A)
    assert isinstance(broken.future.exception(), ZeroDivisionError)
    assert handed(whole) == A


async def test_an_event_that_was_handed_over_and_not_taken_goes_back_to_its_place():
    inbox = Inbox()
    waiter = waiting(inbox, "a")
    for event in (B, A, CHAT):
        inbox.put(event)
    inbox.put_back(waiter.future.result())
    assert inbox.peek(ALL) == [B, A, CHAT]


async def test_an_event_that_goes_back_may_go_to_somebody_else():
    inbox = Inbox()
    first, second = waiting(inbox), waiting(inbox)
    inbox.put(A)
    inbox.put_back(first.future.result())
    assert handed(second) == A
    assert inbox.peek(ALL) == []


@pytest.mark.slow
@given(st.lists(st.booleans(), max_size=12), st.randoms(use_true_random=False))
def test_events_keep_their_order_whatever_was_taken_and_put_back(takes, random):
    events = [ReceivedEvent("e", (number,)) for number in range(len(takes))]
    inbox = filled(*events)
    out = [
        inbox.take("e", "/", lambda event, number=number: event.data == number)
        for number, take in enumerate(takes)
        if take
    ]
    random.shuffle(out)
    for numbered in out:
        inbox.put_back(numbered)
    assert inbox.peek("/") == events


# -- failing


async def test_the_end_of_a_namespace_fails_those_who_wait_for_it():
    inbox = Inbox()
    root, chat, every = waiting(inbox), waiting(inbox, namespace="/chat"), waiting(inbox, None, ALL)
    inbox.fail("/chat", lambda waiter: LookupError(waiter.namespace))
    assert chat.future.exception().args == ("/chat",)
    assert not root.future.done()
    assert not every.future.done()
    inbox.fail(ALL, lambda waiter: LookupError(waiter.namespace))
    assert root.future.exception().args == ("/",)
    assert every.future.exception().args == (ALL,)
    inbox.put(A)
    assert inbox.peek(ALL) == [A]


async def test_an_error_is_raised_in_the_one_who_has_waited_longest():
    inbox = Inbox()
    cancelled, first, second = waiting(inbox), waiting(inbox), waiting(inbox)
    cancelled.future.cancel()
    error = LookupError()
    assert inbox.raise_in_first(error)
    assert first.future.exception() is error
    inbox.put(A)
    assert handed(second) == A
    assert not inbox.raise_in_first(error)


async def test_a_predicate_that_is_interrupted():
    """The exception is raised where the event arrives, so that it ends the process and not only the
    test.
    """

    def interrupt(event):
        raise KeyboardInterrupt

    inbox = Inbox()
    waiter = waiting(inbox, match=interrupt)
    with pytest.raises(KeyboardInterrupt):
        inbox.put(A)
    assert not waiter.future.done()


def test_events_that_were_read_by_another_key_are_passed_over():
    inbox = filled(*(ReceivedEvent(name, (n,)) for n in range(50) for name in "ab"))
    assert taken(inbox, "a").data == 0
    assert [taken(inbox).data for _ in range(5)] == [0, 1, 1, 2, 2]
    assert taken(inbox, "a").data == 3
    assert taken(inbox, "b").data == 3
