"""The reasons why an emit did not reach a client."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from asgi_sio_testclient._client.missed_events import Recipient, why_missed


@dataclass
class Emitted:
    event: str = "news"
    namespace: str = "/"
    rooms: tuple[Any, ...] | None = None
    skipped: tuple[Any, ...] = ()
    time: float = 10.0


MINE = Recipient(
    sids={"/": "sid-mine", "/chat": "sid-of-chat"},
    engineio_sid="engine-sid",
    former_sids={"sid-before": "", "sid-of-ada": "ada"},
    others={"sid-of-bob": "bob"},
    since=lambda: {"/": 1.0, "/chat": 1.0},
    rooms_of=lambda namespace: ["sid-mine", "kitchen", 7],
    entered=lambda namespace, room: 2.0,
)


def cause_of(emit, recipient=MINE, event="news", namespace="/"):
    missed = why_missed([emit], recipient, event, namespace)
    return None if missed is None else missed.cause


@pytest.mark.parametrize(
    ("emit", "cause"),
    [
        (
            Emitted(namespace="/admin"),
            "'news' went to namespace '/admin', and this client is connected to '/', '/chat'",
        ),
        (
            Emitted(namespace="/chat"),
            "'news' went to namespace '/chat', and not to the awaited one",
        ),
        (Emitted(skipped=("sid-mine",)), "skip_sid left this client out of 'news'"),
        (
            Emitted(skipped=("sid-mine",), rooms=("kitchen",)),
            "skip_sid left this client out of 'news', as it went to room 'kitchen'",
        ),
        (
            Emitted(rooms=("hall",)),
            "'news' went to room 'hall', and this client is not in it",
        ),
        (
            Emitted(rooms=("hall", "attic")),
            "'news' went to rooms 'hall', 'attic', and this client is not in any of them",
        ),
        (
            Emitted(rooms=("kitchn",)),
            (
                "'news' went to room 'kitchn', and this client is not in it; "
                "the client is in 'kitchen'"
            ),
        ),
        (
            Emitted(rooms=("7",)),
            "'news' went to room '7', and this client is not in it; the client is in 7",
        ),
        (
            Emitted(rooms=("engine-sid",)),
            (
                "'news' went to room 'engine-sid', and this client is not in it; "
                "that is the client's Engine.IO sid, not its sid"
            ),
        ),
        (
            Emitted(rooms=("sid-of-chat",)),
            (
                "'news' went to room 'sid-of-chat', and this client is not in it; "
                "that is the client's sid in namespace '/chat'"
            ),
        ),
        (
            Emitted(rooms=("sid-before",)),
            (
                "the recipient is gone: 'news' went to 'sid-before', "
                "this client's sid in an earlier connection"
            ),
        ),
        (
            Emitted(rooms=("sid-of-ada",)),
            "the recipient is gone: 'news' went to 'sid-of-ada', the sid of ada",
        ),
        (
            Emitted(rooms=("sid-of-bob",)),
            "another client got 'news': it went to 'sid-of-bob', the sid of bob",
        ),
        (Emitted(time=0.5), "too early: 'news' was emitted before this client connected"),
        (
            Emitted(rooms=("kitchen",), time=1.5),
            "too early: 'news' went to room 'kitchen' before this client entered it",
        ),
        (
            Emitted(rooms=("kitchen", "hall"), time=1.5),
            (
                "too early: 'news' went to rooms 'kitchen', 'hall' before this client entered "
                "any of them"
            ),
        ),
        (Emitted(), None),
        (Emitted(rooms=("kitchen",)), None),
    ],
)
def test_causes(emit, cause):
    assert cause_of(emit) == cause


def test_a_long_name_of_an_event_leaves_the_cause_in_front():
    cause = cause_of(Emitted(event="n" * 60, namespace="/admin"), event="n" * 60)
    assert cause.find("another namespace") < 34


def test_the_latest_emit_of_the_event_counts():
    emits = [Emitted(event="other", namespace="/chat"), Emitted(rooms=("hall",), time=3.0)]
    missed = why_missed(emits, MINE, "news", "/")
    assert missed.time == 3.0
    assert missed.rooms == ["sid-mine", "kitchen", 7]
    assert why_missed(emits, MINE, None, "/").cause.startswith("'other' went to namespace")
    assert why_missed(emits, MINE, "unheard", "/") is None


def test_a_wait_in_any_namespace():
    emit = Emitted(namespace="/chat", skipped=("sid-of-chat",))
    assert cause_of(emit, namespace="*") == "skip_sid left this client out of 'news'"


def test_a_client_that_is_not_connected_to_a_known_time_was_not_too_late():
    assert cause_of(Emitted(time=0.5), replace(MINE, since=dict)) is None
