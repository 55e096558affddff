"""A server that sends malformed or endless data: the error names the cause, no call hangs, and
memory does not grow.
"""

import asyncio
import base64
import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from asgi_sio_testclient import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    HandshakeFailed,
    NotConnected,
    ProtocolError,
    TestClient,
)

MOMENT = 0.01  # seconds
# An ack that the server requests and does not get is reported as a leak, and is no error here.
pytestmark = pytest.mark.filterwarnings("ignore:left over at exit:asgi_sio_testclient.LeakWarning")

FIELDS = {"sid": "s", "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000}
OPEN = "0" + json.dumps(FIELDS)
CONNECT = '40{"sid":"c"}'
PLACEHOLDER = '{"_placeholder":true,"num":0}'

SAID = (ProtocolError, HandshakeFailed, ConnectionRefused, ConnectTimeout, NotConnected)
"""The only exceptions that `connect` may raise."""

AFTERWARDS = (ProtocolError, NotConnected, EventTimeout)
"""The only exceptions that a wait may raise after the connect."""

WELL_FORMED = [
    OPEN,
    CONNECT,
    "1",
    "2",
    "2probe",
    "3probe",
    "6",
    "41",
    '42["a",1]',
    '42/x,["a"]',
    '421["ask"]',
    '431["answer"]',
    f'451-["a",{PLACEHOLDER}]',
    f"461-1[{PLACEHOLDER}]",
    '44{"message":"no"}',
    '44/x,"no"',
    b"\x00\x01",
]
ODD = [
    "",
    "4",
    "7",
    "b",
    "b!",
    "0{}",
    "0[]",
    "0null",
    '0{"sid":1,"upgrades":2,"pingInterval":null,"pingTimeout":"x"}',
    '0{"sid":"s","upgrades":[],"pingInterval":1e400,"pingTimeout":1}',
    "42",
    "42[]",
    "42{}",
    "42[1]",
    "42[[]]",
    '42["a"',
    "43[]",
    "431{}",
    "40",
    "40[]",
    '40/x,{"sid":1}',
    "45-[]",
    "450-[]",
    '4599999-["a"]',
    f"45{'9' * 12}-[]",
    '451-["a",{"_placeholder":true,"num":7}]',
    '451-["a",{"_placeholder":true,"num":"x"}]',
    '451-["a",{"_placeholder":true,"num":-9}]',
    f"42{'[' * 3000}{']' * 3000}",
    f"42{'[' * 3000}",
    f'42{"1" * 200}["a"]',
    f'42["a",{"9" * 5000}]',
    '42["a",NaN,Infinity]',
    '42["\\ud800"]',
    '42["a"]\x1e42["b"]',
    "\u00b2",  # a digit for isdigit(), and not for int()
    "4\u00b2",
    '42\u0663["a"]',
    "4\u0662[]",
]
ALPHABET = '0123456789[]{},:-/"\\ab\x1e\x00\u00b2\ud83d?_'.encode("utf-8", "surrogatepass").decode(
    "utf-8", "replace"
)


@st.composite
def mutated(draw):
    frame = draw(st.sampled_from(WELL_FORMED + ODD))
    if isinstance(frame, bytes):
        return draw(st.binary(max_size=20))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, min(len(frame), 40)))
        end = start + draw(st.integers(0, 2))
        frame = frame[:start] + draw(st.text(ALPHABET, max_size=3)) + frame[end:]
    return frame


frames = st.one_of(st.sampled_from(WELL_FORMED), mutated(), st.text(max_size=30), st.binary())
scripts = st.lists(frames, max_size=8)
statuses = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 500, 999])
headers = st.sampled_from(
    [[], [], [(b"content-encoding", b"gzip")], [(b"set-cookie", b"a=\xff;;=")], [(b"x", b"\xff")]]
)


class OverWebsocket:
    """A server that sends its script before and after CONNECT, and ends in one of three ways."""

    def __init__(self, before, after, ending):
        self.before, self.after, self.ending = before, after, ending

    async def __call__(self, scope, receive, send):
        async def say(frames):
            for frame in frames:
                key = "text" if isinstance(frame, str) else "bytes"
                await send({"type": "websocket.send", key: frame})

        await receive()
        await send({"type": "websocket.accept"})
        with suppress(OSError):
            await say(self.before)
            message = {}
            while message.get("text") != "40" and message.get("type") != "websocket.disconnect":
                message = await receive()
            await say(self.after)
            if self.ending == "close":
                await send({"type": "websocket.close", "code": 4000})
            elif self.ending == "wait":
                while (await receive())["type"] != "websocket.disconnect":
                    pass


class OverPolling:
    """A server that answers GETs with its script, one after the other, and keeps later GETs
    pending.
    """

    def __init__(self, answers, posts):
        self.answers, self.posts = iter(answers), posts

    async def __call__(self, scope, receive, send):
        await receive()
        if scope["method"] == "GET":
            answer = next(self.answers, None)
            if answer is None:
                await asyncio.wait_for(self.hold(receive), 5)
                return
            status, fields, packets = answer
            body = "\x1e".join(map(in_payload, packets)).encode("utf-8", "replace")
        else:
            status, fields, body = *self.posts, b"ok"
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def hold(self, receive):
        while (await receive())["type"] != "http.disconnect":
            pass


def in_payload(frame):
    return frame if isinstance(frame, str) else "b" + base64.b64encode(frame).decode()


async def talk(app, transports):
    """Connect and make some calls; assert that no task and no unhandled exception is left."""
    lost = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: lost.append(context))
    try:
        await small_talk(app, transports)
    except* ProtocolError:
        pass  # no call was waiting when the packet arrived, so the exit raises the error
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert left == set()
    assert lost == []


async def small_talk(app, transports):
    async with (
        asyncio.timeout(10),
        TestClient(app, transports=transports, lifespan=False, timeout=MOMENT) as client,
    ):
        client.on("ask", lambda *args: args)
        try:
            await client.connect()
        except SAID:
            return
        with suppress(AFTERWARDS):
            await client.await_event(timeout=MOMENT)
        with suppress(AFTERWARDS):
            await client.emit("a", b"b")
        with suppress(AFTERWARDS):
            await client.call("a", timeout=MOMENT)
        client.get_received("*")
        str(client.transcript)


slow = settings(suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@slow
@given(scripts, scripts, st.sampled_from(["close", "wait", "return"]))
@example([OPEN], [], "wait")
def test_random_frames_over_websocket(before, after, ending):
    asyncio.run(talk(OverWebsocket(before, after, ending), ("websocket",)))


@pytest.mark.slow
@slow
@given(scripts, st.sampled_from(["close", "wait", "return"]))
def test_random_frames_after_the_handshake(after, ending):
    asyncio.run(talk(OverWebsocket([OPEN], [CONNECT, *after], ending), ("websocket",)))


@pytest.mark.slow
@slow
@given(
    st.lists(st.tuples(statuses, headers, scripts), max_size=4),
    st.tuples(statuses, headers),
    st.booleans(),
)
def test_random_payloads_over_polling(answers, posts, opened):
    if opened:
        answers = [(200, [], [OPEN]), (200, [], [CONNECT]), *answers]
    asyncio.run(talk(OverPolling(answers, posts), ("polling",)))


@pytest.mark.parametrize("frame", ODD, ids=lambda frame: ascii(frame)[:40])
async def test_odd_frame_in_the_handshake(frame):
    await talk(OverWebsocket([frame], [], "wait"), ("websocket",))


@pytest.mark.parametrize("frame", ODD, ids=lambda frame: ascii(frame)[:40])
async def test_odd_frame_in_a_connection(frame):
    await talk(OverWebsocket([OPEN], [CONNECT, frame], "wait"), ("websocket",))


@pytest.mark.parametrize("data", ['{"":""}', '["a"]', "null", "-1"])
async def test_message_that_is_json(data):
    await talk(OverWebsocket([OPEN], [CONNECT, f"4{data}"], "close"), ("websocket",))


async def test_post_that_can_not_be_decoded():
    answers = [(200, [], [OPEN]), (200, [], [CONNECT])]
    await talk(OverPolling(answers, (400, [(b"content-encoding", b"gzip")])), ("polling",))


@pytest.mark.parametrize(
    ("frame", "says", "packet"),
    [
        ("7", "unknown Engine.IO packet type", "7"),
        ("abc", "malformed Engine.IO packet", "abc"),
        (OPEN, "unexpected OPEN", OPEN),
        ('42["a"', "malformed Socket.IO packet", '2["a"'),
        (b"\x00", "malformed Socket.IO packet", b"\x00"),
    ],
)
async def test_the_error_has_the_packet(frame, says, packet):
    app = OverWebsocket([OPEN], [CONNECT, frame], "wait")
    async with TestClient(app, lifespan=False, timeout=1) as client:
        await client.connect()
        with pytest.raises(ProtocolError, match=says) as error:
            await client.await_event()
        assert error.value.packet == packet
        assert not client.is_connected()


# -- memory


def peak_of(app):
    """Return the peak of the bytes that a client allocates while it receives."""

    async def listen():
        async with TestClient(app, lifespan=False, timeout=1) as client:
            with suppress(SAID):
                await client.connect()
            with suppress(AFTERWARDS):
                await client.await_event("never", timeout=0.2)

    tracemalloc.start()
    try:
        asyncio.run(listen())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "after",
    [
        [f'4{5}{"9" * 9}-["a",{PLACEHOLDER}]', *[b"\x00" * 1000] * 1000],
        ["2"] * 1000,
        ["6"] * 1000,
        ['43999["nobody asked"]'] * 1000,
        ['42/elsewhere,["a"]'] * 1000,
        ["42" + "[" * 100_000],
        [f'42["a",{"9" * 1_000_000}]'],
    ],
    ids=["attachments", "pings", "noops", "acks", "other namespace", "nesting", "digits"],
)
def test_memory_is_bounded_by_what_was_sent(after):
    sent = sum(map(len, after))
    peak = peak_of(OverWebsocket([OPEN], [CONNECT, *after], "close"))
    assert peak < 8_000_000 + 10 * sent
