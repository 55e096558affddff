"""The order of a client's steps, read from the packets of a recording."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from handwritten import EPOCH, OPEN, SID, check, http, joined, server, websocket, written
from socketio import ASGIApp
from socketio.msgpack_packet import MsgPackPacket
from socketio.packet import CONNECT

from asgi_sio_testclient.har import read_har, source_of_test
from asgi_sio_testclient.har._steps import (
    CloseConnection,
    Connect,
    Disconnect,
    Emit,
    Receive,
    Request,
    Step,
    script_of,
)

CODE = "c0de-of-a-room"
SECOND = [(offset + 5, text.replace("AAAAAAAA", "BBBBBBBB")) for offset, text in joined()]


def steps_of(folder: Path, *entries: Any) -> list[Step]:
    return script_of(read_har(written(folder, *entries))).steps


def kinds(steps: list[Step]) -> list[type[Step]]:
    return [type(step) for step in steps]


def test_a_connection_after_a_disconnect_packet(tmp_path: Path) -> None:
    first = websocket(joined((1.0, ">41")))
    assert kinds(steps_of(tmp_path, first, websocket(SECOND))) == [Connect, Disconnect, Connect]


def test_a_connection_after_a_lost_one(tmp_path: Path) -> None:
    first = websocket(joined((1.0, '42["news"]')))
    steps = steps_of(tmp_path, first, websocket(SECOND))
    assert kinds(steps) == [Connect, Receive, CloseConnection, Connect]


def test_a_text_is_sent_after_it_came(tmp_path: Path) -> None:
    # A request has no finer time than a millisecond.
    came = f'42["room","{CODE}"]'
    entry = websocket(joined((1.0012, '42["news"]'), (1.0015, came), (1.0018, '42["more"]')))
    steps = steps_of(tmp_path, entry, http(1.001, "GET", f"/rooms/{CODE}", answer={"open": True}))
    assert kinds(steps) == [Connect, Receive, Receive, Request, Receive]


def test_a_text_that_came_later_was_known_before(tmp_path: Path) -> None:
    entry = websocket(joined((1.0, f'>42["enter","{CODE}"]'), (1.5, f'42["room","{CODE}"]')))
    assert kinds(steps_of(tmp_path, entry)) == [Connect, Emit, Receive]


def test_answers_to_packets_that_were_not_recorded(tmp_path: Path) -> None:
    entry = websocket(
        joined(
            (0.1, '40/chat,{"sid":"abcdefghijKLMNOPAAAC"}'),
            (0.2, '44/more,{"message":"no"}'),
            (0.3, '42["news"]'),
        )
    )
    assert kinds(steps_of(tmp_path, entry)) == [Connect, Receive]


async def test_a_second_client_at_another_path(tmp_path: Path) -> None:
    def make() -> Any:
        second = server()
        second.on("ask", lambda sid: "second")
        return ASGIApp(server(), ASGIApp(second, socketio_path="ws/other"))

    ask = (0.5, '>420["ask"]'), (0.51, '430["second"]')
    frames = [
        (offset + 0.01, text.replace("AAAAAAAA", "BBBBBBBB")) for offset, text in joined(*ask)
    ]
    entries = websocket(joined()), websocket(frames, path="ws/other")
    source = await check(written(tmp_path, *entries), make)
    assert 'client.clone(cookies=client.http.cookies, socketio_path="ws/other")' in source


def test_a_second_client_with_another_serializer(tmp_path: Path) -> None:
    def message(way: str, packet: MsgPackPacket) -> dict[str, Any]:
        data = base64.b64encode(packet.encode()).decode()
        return {"type": way, "time": EPOCH + 0.02, "opcode": 2, "data": data}

    second = websocket([(0.01, OPEN.replace("A", "B"))])
    second["_webSocketMessages"] += [
        message("send", MsgPackPacket(CONNECT)),
        message("receive", MsgPackPacket(CONNECT, data={"sid": "abcdefghijKLMNOPAAAC"})),
    ]
    first = websocket(joined((0.5, '42["news"]')))
    source = source_of_test(read_har(written(tmp_path, first, second)))
    assert 'client2 = client.clone(cookies=client.http.cookies, serializer="msgpack")' in source


def test_a_second_client_over_another_transport(tmp_path: Path) -> None:
    def polling(offset: float, method: str, **bodies: Any) -> dict[str, Any]:
        sid = "" if method == "GET" and offset < 0.02 else "&sid=BBBBBBBBBBBBBBBBBBBB"
        return http(offset, method, f"/socket.io/?EIO=4&transport=polling{sid}", **bodies)

    opened = OPEN.replace("A", "B")
    entries = [
        polling(0.01, "GET", answer=opened),
        polling(0.02, "POST", body="40", answer="ok"),
        polling(0.03, "GET", answer=f"4{SID}"),
    ]
    first = websocket(joined((0.5, '42["news"]')))
    source = source_of_test(read_har(written(tmp_path, first, *entries)))
    assert 'client2 = client.clone(cookies=client.http.cookies, transports=("polling",))' in source
