"""How a session sends: at once, held during an upgrade, or through a disturbed link."""

import asyncio

import pytest
from apps import lab

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._connection.sending import message_frames
from asgi_sio_testclient.asgi._elsewhere import Elsewhere
from asgi_sio_testclient.faults import Schedule


def test_text_is_in_a_message_packet_and_bytes_are_one():
    assert message_frames(["2[]", b"\1"]) == ["42[]", b"\1"]
    assert message_frames([]) == []


@pytest.fixture
async def client():
    async with TestClient(lab().app) as client:
        await client.connect()
        await client.settle()
        yield client
        client.raw.disturb(None)


def frames_sent(client):
    return [entry.data for entry in client.transcript if entry.direction == "sent"]


@pytest.mark.parametrize("messages", [['2["keep",1]'], ['2["keep",1]', '2["keep",2]']], ids=len)
async def test_messages_are_counted_noted_and_not_settled(client, messages):
    session = client.raw
    sent, noted = session.sent, len(client.transcript)
    assert not session.unsettled
    session.send_messages(messages)
    assert session.unsettled
    assert session.sent == sent + len(messages)
    assert len(client.transcript) == noted + len(messages)
    await client.settle()
    assert not session.unsettled
    assert session.handled == session.sent


async def test_a_frame_that_is_no_message_is_not_counted(client):
    session, sent = client.raw, client.raw.sent
    session.send_packet(2)
    assert session.unsettled
    assert session.sent == sent
    await client.settle()


async def test_a_message_that_a_disturbed_link_loses_is_not_counted(client):
    session, sent = client.raw, client.raw.sent
    session.disturb(Schedule(0, lose=1, directions=["sent"]))
    session.send_messages(['2["keep",1]'])
    session.send_messages(['2["keep",1]', '2["keep",2]'])
    assert session.sent == sent
    await client.settle()


@pytest.mark.parametrize("count", [1, 2])
async def test_a_message_that_a_disturbed_link_doubles_is_counted_twice(client, count):
    session, sent = client.raw, client.raw.sent
    session.disturb(Schedule(0, duplicate=1, directions=["sent"]))
    session.send_messages(['2["keep",1]'] * count)
    assert session.sent == sent + 2 * count
    await client.settle()
    assert session.handled == session.sent


async def test_what_a_link_holds_back_arrives_when_the_link_is_removed(client):
    session, sent = client.raw, client.raw.sent
    session.disturb(Schedule(0, delay=1, hold=60, directions=["sent"]))
    session.send_messages(['2["keep",1]'])
    assert session.sent == sent
    session.disturb(None)
    assert session.sent == sent + 1
    await client.settle()


# -- to a server elsewhere


class Away(Elsewhere):
    """Stands for a server elsewhere; the app counts the POSTs."""

    url, address, base_url = "http://far.example", "far.example:80", "http://far.example"

    def __init__(self, app):
        self.app = app
        self.posts = 0

    async def __call__(self, scope, receive, send):
        self.posts += scope.get("method") == "POST"
        await self.app(scope, receive, send)


async def test_what_several_tasks_send_over_polling_in_one_turn_is_in_one_post():
    app = Away(lab().app)
    async with TestClient(app, lifespan=False, transports="polling") as client:
        await client.connect()
        for turn in (1, 2):
            before = app.posts
            answers = await asyncio.gather(*(client.call("echo", n) for n in range(10)))
            assert answers == list(range(10))
            assert app.posts == before + 1, turn
