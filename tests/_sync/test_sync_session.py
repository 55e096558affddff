"""`SyncTestClient.raw`."""

import pytest

from asgi_sio_testclient import EventTimeout, SyncTestClient


def test_raw(client, built):
    raw = client.raw
    assert raw.sid
    assert raw.answer_pings
    raw.answer_pings = False
    assert client.raw.answer_pings is False
    raw.send_packet(4, '2["reply","typed"]')
    assert client.await_event("reply").data == "typed"
    raw.send_text('42["reply","text"]')
    assert client.await_event("reply").data == "text"
    raw.send_text('451-["reply",{"_placeholder":true,"num":0}]')
    raw.send_bytes(b"bytes")
    assert client.await_event("reply").data == b"bytes"
    assert raw.post("4", sid="unknown").status == 400
    assert raw.poll(sid="unknown").status == 400
    raw.drop()
    client.settle()
    assert len(built.disconnects) == 1


def test_a_paused_reader(built):
    with SyncTestClient(built.app, transports="websocket") as client:
        client.connect()
        client.raw.pause_reading()
        client.emit("reply", 1)
        with pytest.raises(EventTimeout):
            client.await_event("reply", timeout=0.02)
        client.raw.resume_reading()
        assert client.await_event("reply").data == 1
