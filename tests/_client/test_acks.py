"""Acks that a client waits for, and the errors of acks that can't arrive."""

import asyncio
from dataclasses import dataclass

import pytest

from asgi_sio_testclient._client.acks import Ack, Acks


@dataclass
class Run:
    """The attributes of a handler's run that name an ack."""

    namespace: str
    id: int | None


def call(acks, namespace="/", id=1):
    ack = Ack((namespace, id), "e", asyncio.get_running_loop().create_future(), None)
    acks.pending[namespace, id] = ack
    return ack


def emit(acks, namespace="/", id=1):
    ack = acks.pending[namespace, id] = Ack((namespace, id), "e", None, print)
    return ack


def error_of(ack):
    return ack.future.exception() if ack.future.done() else None


async def test_a_call_waits_until_its_future_is_done_and_an_emit_does_not():
    acks = Acks()
    ack = call(acks)
    assert ack.waits
    ack.future.set_result([])
    assert not ack.waits
    assert not emit(acks).waits


async def test_an_ack_is_late_when_its_handler_has_ended():
    acks = Acks()
    ack = call(acks)
    assert not acks.handler_ended(Run("/", 2))
    assert not acks.handler_ended(Run("/", None))
    assert not acks.late
    assert acks.handler_ended(Run("/", 1))
    acks.fail_late(lambda ack, run: LookupError(ack.event, run.id))
    assert error_of(ack).args == ("e", 1)
    assert not acks.pending
    assert not acks.late


async def test_what_is_late_fails_only_where_somebody_still_waits():
    acks = Acks()
    emitted, done, dropped = emit(acks, id=1), call(acks, id=2), call(acks, id=3)
    for id in (1, 2, 3):
        acks.handler_ended(Run("/", id))
    done.future.set_result([5])
    del acks.pending["/", 3]
    acks.fail_late(lambda ack, run: LookupError())
    assert done.future.result() == [5]
    assert error_of(dropped) is None
    assert acks.pending["/", 1] is emitted


async def test_an_ack_that_was_taken_is_neither_pending_nor_late():
    acks = Acks()
    late, other = call(acks, id=1), call(acks, id=2)
    acks.handler_ended(Run("/", 1))
    assert acks.take("/", 1) is late
    assert acks.take("/", 2) is other
    assert acks.take("/", 3) is None
    assert not acks.pending
    assert not acks.late


@pytest.mark.parametrize(("namespace", "failed"), [("/", [1]), ("/chat", [2]), ("*", [1, 2])])
async def test_the_end_of_a_namespace_fails_the_calls_in_it(namespace, failed):
    acks = Acks()
    calls = {1: call(acks, "/", 1), 2: call(acks, "/chat", 2)}
    emit(acks, "/", 3)
    acks.fail_namespace(namespace, LookupError)
    assert [id for id, ack in calls.items() if error_of(ack) is not None] == failed
    assert ("/", 3) in acks.pending, "its callback is not called, and it is told of at exit"
    assert all(("/", id) not in acks.pending for id in failed)


async def test_what_a_handler_raised_fails_the_call_that_started_it():
    acks, error = Acks(), LookupError()
    ack = call(acks)
    emit(acks, id=2)
    assert not acks.fail_run(Run("/", None), error)
    assert not acks.fail_run(Run("/chat", 1), error)
    assert not acks.fail_run(Run("/", 2), error)
    assert acks.fail_run(Run("/", 1), error)
    assert error_of(ack) is error
    assert not acks.fail_run(Run("/", 1), error)


async def test_another_error_fails_the_call_that_has_waited_longest():
    acks, error = Acks(), LookupError()
    emit(acks, id=1)
    done, first, second = call(acks, id=2), call(acks, id=3), call(acks, id=4)
    done.future.set_result([])
    assert acks.fail_oldest(error)
    assert error_of(first) is error
    assert error_of(second) is None
    assert acks.fail_oldest(error)
    assert not acks.fail_oldest(error)
