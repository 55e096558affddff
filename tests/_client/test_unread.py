"""The unread events, indexed by name and namespace."""

import itertools

import pytest

from asgi_sio_testclient import ReceivedEvent
from asgi_sio_testclient._client.unread import Unread
from asgi_sio_testclient._protocol.names import ALL

A, B = ReceivedEvent("a", (1,)), ReceivedEvent("b", (2,))
CHAT = ReceivedEvent("a", (3,), "/chat")
KEYS = [*itertools.product(("a", "b", None), ("/", "/chat", ALL))]


def unread_of(*events):
    unread = Unread()
    for number, event in enumerate(events, 1):
        unread.add(number, event)
    return unread


def fitting(events, name, namespace):
    return [
        event
        for event in events
        if name in {None, event.name} and namespace in {ALL, event.namespace}
    ]


@pytest.mark.parametrize(("name", "namespace"), KEYS)
@pytest.mark.parametrize("repeated", [1, 9])  # few events are searched, many are indexed
def test_events_of_a_key_are_read_oldest_first(name, namespace, repeated):
    events = (A, CHAT, B) * repeated
    unread = unread_of(*events)
    read = iter(lambda: unread.oldest(name, namespace), None)
    assert [event for _, event in read] == fitting(events, name, namespace)
    left = [event for _, event in unread]
    assert left == [event for event in events if event not in fitting(events, name, namespace)]


@pytest.mark.parametrize(("name", "namespace"), KEYS)
def test_candidates_stay_unread(name, namespace):
    events = (A, CHAT, B)
    unread = unread_of(*events)
    for _ in range(2):
        found = unread.candidates(name, namespace)
        assert [event for _, event in found] == fitting(events, name, namespace)
    assert len(list(unread)) == 3


def test_an_event_that_was_read_by_another_key_is_no_candidate():
    unread = unread_of(A, A, B)
    assert len(unread.candidates("a", "/")) == 2
    assert unread.oldest(None, ALL) == (1, A)
    assert unread.candidates("a", "/") == [(2, A)]
    assert unread.oldest("a", "/") == (2, A)


def test_an_event_that_is_put_back_is_the_oldest_again():
    unread = unread_of(A, B, CHAT)
    number, event = unread.oldest(None, ALL)
    assert number not in unread
    unread.put_back(number, event)
    assert number in unread
    assert list(unread) == [(1, A), (2, B), (3, CHAT)]
    assert unread.oldest(None, ALL) == (1, A)


def test_an_event_that_is_put_back_is_found_before_a_newer_one_without_a_search_of_all():
    unread = unread_of(A, A)
    first = unread.oldest("a", "/")
    unread.put_back(*first)
    assert unread.oldest("a", "/") == first


def test_remove_replace_and_clear():
    unread = unread_of(A, B, CHAT)
    assert unread.remove(2) is B
    unread.replace([(1, A)])
    assert list(unread) == [(1, A)]
    assert unread.remove(1) is A
    unread.add(4, B)
    unread.clear()
    assert list(unread) == []
    assert unread.oldest(None, ALL) is None


def test_an_index_does_not_grow_with_what_was_read():
    unread = unread_of(A)
    unread.candidates("b", "/")
    for number in range(2, 3000):
        unread.add(number, A)
        assert unread.oldest(None, "/")[0] == number - 1
    indexes = unread._indexes.values()
    assert sum(len(numbers) for index in indexes for numbers in index.values()) < 1100
