"""Every packet in both directions, as data and as text."""

import asyncio
import re

import pytest
import socketio

from asgi_sio_testclient import TestClient


def new_server(**settings):
    sio = socketio.AsyncServer(async_mode="asgi", **settings)

    @sio.event
    async def echo(sid, *args):
        await asyncio.sleep(0.01)
        await sio.emit("echoed", args, to=sid)
        return "ack"

    return sio, socketio.ASGIApp(sio)


def steps(transcript):
    """Return direction, type and event of each Socket.IO packet, without the times."""
    return [
        (entry.direction, entry.socketio_type, entry.event)
        for entry in transcript
        if entry.socketio_type is not None
    ]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_conversation_from_connect_to_disconnect(transport):
    _, app = new_server()
    async with TestClient(app, transports=(transport,)) as client:
        await client.connect()
        assert await client.call("echo", "hi") == "ack"
        await client.settle()
        client.get_received()
        await client.disconnect()

    assert steps(client.transcript)[:5] == [
        ("sent", "CONNECT", None),
        ("received", "CONNECT", None),
        ("sent", "EVENT", "echo"),
        ("received", "EVENT", "echoed"),
        ("received", "ACK", None),
    ]
    assert ("sent", "DISCONNECT", None) in steps(client.transcript)
    assert client.transcript[0].engineio_type == "OPEN"
    assert client.transcript[0].direction == "received"
    assert {entry.transport for entry in client.transcript} == {transport}
    times = [entry.time for entry in client.transcript]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 5


async def test_an_entry_has_the_whole_of_a_packet():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.call("echo", "x" * 5000, {"b": [1, 2]})
        sent = next(entry for entry in client.transcript if entry.event == "echo")
        assert sent.args == ("x" * 5000, {"b": [1, 2]})
        assert sent.namespace == "/"
        assert sent.engineio_type == "MESSAGE"
        assert sent.attachments == 0
        ack = next(entry for entry in client.transcript if entry.socketio_type == "ACK")
        assert ack.id == sent.id is not None
        assert ack.args == ("ack",)
        received = next(entry for entry in client.transcript if entry.event == "echoed")
        assert received.args == ("x" * 5000, {"b": [1, 2]})
        assert received.id is None


async def test_attachments_and_namespaces():
    sio, app = new_server()

    @sio.on("store", namespace="/files")
    async def store(sid, *parts):
        await sio.emit("stored", parts, namespace="/files", to=sid)

    async with TestClient(app) as client:
        await client.connect("/files")
        await client.emit("store", b"\x00" * 10, {"deep": [b"\x01"]}, namespace="/files")
        await client.await_event("stored", namespace="/files")
        sent = next(entry for entry in client.transcript if entry.event == "store")
        received = next(entry for entry in client.transcript if entry.event == "stored")
        for entry in (sent, received):
            assert entry.socketio_type == "BINARY_EVENT"
            assert entry.attachments == 2
            assert entry.namespace == "/files"
            assert entry.args == (b"\x00" * 10, {"deep": [b"\x01"]})
        shown = str(client.transcript)
        assert "/files" in shown
        assert "2 attachments" in shown


@pytest.mark.real_clock
async def test_the_handler_that_a_packet_started_and_how_long_it_ran():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.call("echo", "hi")
        await client.settle()
        sent = next(entry for entry in client.transcript if entry.event == "echo")
        assert sent.handler.name.endswith("echo")
        assert 0.009 <= sent.handler.duration < 5
        [shown] = re.findall(r"\[\S*echo: ([\d.]+) ms\]", str(client.transcript))
        assert float(shown) == pytest.approx(sent.handler.duration * 1000, abs=0.01)


async def test_no_handler_where_none_was_started():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("nobody_listens")
        await client.settle()
        sent = next(entry for entry in client.transcript if entry.event == "nobody_listens")
        assert sent.handler is None


async def test_a_handler_that_still_runs_has_no_duration_yet():
    sio, app = new_server()
    started, go = asyncio.Event(), asyncio.Event()

    @sio.event
    async def hang(sid):
        started.set()
        await go.wait()

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("hang")
        await started.wait()
        sent = next(entry for entry in client.transcript if entry.event == "hang")
        assert sent.handler.duration is None
        go.set()
        await client.settle()
        assert sent.handler.duration > 0


async def test_pings_and_the_upgrade_are_there():
    sio, app = new_server(ping_interval=0.02)

    @sio.event
    async def outlast_a_ping(sid):
        await asyncio.sleep(0.1)

    async with TestClient(app, transports=("polling", "websocket")) as client:
        await client.connect()
        await client.call("outlast_a_ping")
        kinds = [
            (entry.transport, entry.direction, entry.engineio_type) for entry in client.transcript
        ]
        assert kinds[0] == ("polling", "received", "OPEN")
        assert ("websocket", "sent", "UPGRADE") in kinds
        ping = kinds.index(("websocket", "received", "PING"))
        assert kinds[ping + 1] == ("websocket", "sent", "PONG")


async def test_a_sequence_like_any_other():
    _, app = new_server()
    async with TestClient(app) as client:
        assert len(client.transcript) == 0
        assert str(client.transcript)
        await client.connect()
        entries = list(client.transcript)
        assert len(client.transcript) == len(entries) >= 3
        assert client.transcript[0] == entries[0]
        assert client.transcript[-1] == entries[-1]
        assert list(client.transcript[1:]) == entries[1:]
        with pytest.raises(IndexError):
            client.transcript[len(entries)]


async def test_readable_after_the_block():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo")
        await client.await_event("echoed")
    assert ("received", "EVENT", "echoed") in steps(client.transcript)


async def test_text_fits_a_terminal():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "x" * 5000, {"key": ["v\nw"] * 1000}, b"\x00" * 5000)
        await client.emit("a_rather_long_event_name_" * 8, "hi")
        await client.settle()
        client.get_received()
        lines = str(client.transcript).splitlines()
        assert max(map(len, lines)) <= 100
        assert len(lines) <= 3 * len(client.transcript) + 5
        assert any("echo" in line and "xxx" in line for line in lines)


async def test_wide_characters_and_control_characters_do_not_break_lines():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "\x1b[31m\r\n\u2028\u0085 日本語")
        await client.settle()
        client.get_received()
        text = str(client.transcript)
        assert "\x1b" not in text
        assert "\r" not in text
        assert "\u2028" not in text
        assert "\u0085" not in text


async def test_secrets_are_masked_in_the_text():
    _, app = new_server(cookie="io")
    async with TestClient(
        app,
        auth={"token": "s3cr3t-token"},
        cookies={"session": "s3cr3t-cookie"},
        headers={"Authorization": "Bearer s3cr3t-bearer"},
        transports=("polling",),
    ) as client:
        await client.connect()
        await client.emit("echo", "hi")
        await client.await_event("echoed")
        connect = next(entry for entry in client.transcript if entry.socketio_type == "CONNECT")
        assert connect.args == ({"token": "s3cr3t-token"},)
        for text in (
            str(client.transcript),
            repr(client.transcript),
            client.transcript.to_mermaid(),
        ):
            assert "s3cr3t" not in text
        for entry in client.transcript:
            assert "s3cr3t" not in str(entry)


async def test_secrets_are_masked_in_errors_too():
    _, app = new_server()
    async with TestClient(app, auth={"token": "s3cr3t"}) as client:
        await client.connect()
        with pytest.raises(AssertionError) as caught:
            await client.await_event("news", timeout=0)
        assert "s3cr3t" not in str(caught.value)


async def takes_everything(scope, receive, send):
    """A minimal server: it accepts a client and ignores all of its packets."""
    if scope["type"] != "websocket":
        raise NotImplementedError
    await receive()
    limits = '"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000'
    await send({"type": "websocket.accept"})
    for text in ('0{"sid":"s","upgrades":[],' + limits + "}", '40{"sid":"t"}'):
        await send({"type": "websocket.send", "text": text})
    while (await receive())["type"] == "websocket.receive":
        pass


@pytest.mark.slow
async def test_bounded_to_the_last_ten_thousand():
    async with TestClient(takes_everything) as client:
        await client.connect()
        before = len(client.transcript)
        for number in range(10_050):
            await client.emit("count", number)
        assert len(client.transcript) == 10_000
        assert client.transcript.dropped == before + 50
        assert client.transcript[-1].args == (10_049,)
        assert client.transcript[0].args == (50,)
        assert "dropped" in str(client.transcript)


# the diagram


async def test_mermaid_sequence_diagram():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.call("echo", "hi")
        await client.settle()
        client.get_received()
        lines = client.transcript.to_mermaid().splitlines()
        assert lines[0] == "sequenceDiagram"
        assert sum(line.strip().startswith("participant") for line in lines) == 2
        events = [line for line in lines if "echo" in line and ":" in line]
        assert any("->>" in line for line in events)


async def test_mermaid_shows_all_clients_of_the_app():
    sio, app = new_server()

    @sio.event
    async def say(sid, text):
        await sio.emit("said", text)

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await alice.emit("say", "hi")
        await bob.await_event("said")
        await alice.await_event("said")
        diagram = alice.transcript.to_mermaid()
        assert diagram == bob.transcript.to_mermaid()
        participants = [
            line for line in diagram.splitlines() if line.strip().startswith("participant")
        ]
        assert len(participants) == 3
        said = [line for line in diagram.splitlines() if "said" in line]
        assert len(said) == 2
        say_line = next(line for line in diagram.splitlines() if "'say'" in line)
        assert diagram.index(say_line) < diagram.index(said[0])


async def test_mermaid_survives_what_would_be_its_own_syntax():
    _, app = new_server()
    nasty = 'end; note over x: a->>b\n# %% "quoted" <br>'
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", nasty)
        await client.settle()
        client.get_received()
        lines = client.transcript.to_mermaid().splitlines()
        # There is at most a line for each packet, one for its handler, and the header.
        assert len(lines) <= 2 * len(client.transcript) + 5
        for line in lines:
            _, _, message = line.partition(":")
            # A semicolon ends a statement, and a hash begins an entity.
            assert ";" not in re.sub(r"#\w+;", "", message)
