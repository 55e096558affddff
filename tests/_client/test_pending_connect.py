"""The CONNECT of one namespace, and the answers that end the wait for it."""

import asyncio

import pytest

from asgi_sio_testclient._client.pending_connect import PendingConnect


@pytest.fixture
async def connect():
    pending = PendingConnect(asyncio.get_running_loop().create_future())
    pending.packets = ["0"]
    return pending


def test_before_an_answer(connect):
    assert not connect.answer.done()
    assert not connect.is_answered
    assert not connect.is_refused


def test_accepted(connect):
    connect.accept()
    assert connect.answer.result() is None
    assert not connect.is_refused


def test_refused(connect):
    connect.refuse({"message": "no"})
    assert connect.answer.result() is None
    assert connect.is_refused
    assert connect.refusal == {"message": "no"}


def test_refused_after_it_was_accepted(connect):
    connect.accept()
    connect.refuse(None)
    assert connect.is_refused


def test_the_connection_ends_before_an_answer(connect):
    assert connect.abort(ConnectionError("gone"))
    assert connect.is_answered
    assert not connect.packets
    with pytest.raises(ConnectionError, match="gone"):
        connect.answer.result()


def test_the_connection_ends_after_the_answer(connect):
    connect.accept()
    assert not connect.abort(ConnectionError("gone"))
    assert connect.answer.result() is None
