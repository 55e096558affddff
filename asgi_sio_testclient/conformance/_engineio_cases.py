"""The cases of the official Engine.IO v4 test suite.

Source: https://github.com/socketio/socket.io/tree/main/docs/engine.io-protocol/v4-test-suite. The
cases are the same, in the same order; the code is written for this package. The server under test
sends every message back (see `asgi_sio_testclient.conformance`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from asgi_sio_testclient.conformance._probe import (
    AT_PING_TIMEOUT,
    CLOSED,
    MAX_PAYLOAD,
    PING_INTERVAL,
    PING_TIMEOUT,
    Case,
    Probe,
    Socket,
    Stopped,
    polling_query,
    shown,
    websocket_query,
)

__all__ = ["CASES", "Check", "opened"]

__tracebackhide__ = True

Check = Callable[[Probe], Awaitable[None]]

SUITE = "engine.io"
HEARTBEAT_LIMIT = 5.0
BETWEEN_POLLS = 0.005  # seconds, the suite's own
GRACE = 0.02  # seconds
PINGS = 3
BAD_REQUEST = 400

_OPEN = (
    f'0{{"maxPayload":{MAX_PAYLOAD},"pingInterval":{PING_INTERVAL * 1000:.0f},'
    f'"pingTimeout":{PING_TIMEOUT * 1000:.0f},"sid":"<sid>","upgrades":[%s]}}'
)
OPEN_OVER_POLLING = "200 " + _OPEN % '"websocket"'
OPEN_OVER_WEBSOCKET = _OPEN % ""

CASES: list[Case] = []


def case(
    section: str, title: str, spec: str, *answers: str, limit: float = 2.0
) -> Callable[[Check], Check]:
    """Add the decorated check to the suite."""

    def add(check: Check) -> Check:
        CASES.append(Case(SUITE, section, title, spec, answers, check, limit))
        return check

    return add


# -- handshake


@case("handshake, polling", "opens a session", "Handshake", OPEN_OVER_POLLING)
async def opens_over_polling(probe: Probe) -> None:
    probe.record(shown(await probe.get()))


@case("handshake, polling", "refuses a missing and an unknown EIO", "Query parameters", "400; 400")
async def refuses_eio_over_polling(probe: Probe) -> None:
    for query in ("transport=polling", "EIO=abc&transport=polling"):
        response = await probe.response(probe.request("GET", query))
        probe.record(response.status)


@case(
    "handshake, polling",
    "refuses a missing and an unknown transport",
    "Query parameters",
    "400; 400",
)
async def refuses_transport_over_polling(probe: Probe) -> None:
    for query in ("EIO=4", "EIO=4&transport=abc"):
        response = await probe.response(probe.request("GET", query))
        probe.record(response.status)


@case("handshake, polling", "refuses a POST and a PUT", "HTTP long-polling", "400; 400")
async def refuses_other_methods(probe: Probe) -> None:
    for method in ("POST", "PUT"):
        response = await probe.response(probe.request(method, polling_query()))
        probe.record(response.status)


@case("handshake, websocket", "opens a session", "Handshake", OPEN_OVER_WEBSOCKET)
async def opens_over_websocket(probe: Probe) -> None:
    probe.record(await probe.websocket(websocket_query()).message())


@case(
    "handshake, websocket",
    "refuses a missing and an unknown EIO",
    "Query parameters",
    "closed; closed",
)
async def refuses_eio_over_websocket(probe: Probe) -> None:
    for query in ("transport=websocket", "EIO=abc&transport=websocket"):
        probe.record(await probe.websocket(query).closed())


@case(
    "handshake, websocket",
    "refuses a missing and an unknown transport",
    "Query parameters",
    "closed; closed",
)
async def refuses_transport_over_websocket(probe: Probe) -> None:
    for query in ("EIO=4", "EIO=4&transport=abc"):
        probe.record(await probe.websocket(query).closed())


# -- message


async def echo_over_polling(probe: Probe, body: str) -> None:
    """Send packets by one POST, and record the next response to a poll that is not a PING."""
    sid = await probe.open_session()
    probe.record(shown(await probe.post(sid, body)))
    response = await probe.get(sid)
    while response.body == b"2":
        response = await probe.get(sid)
    probe.record(shown(response))


@case("message, polling", "echoes one packet", "HTTP long-polling", "200 ok; 200 4hello")
async def echoes_one_packet(probe: Probe) -> None:
    await echo_over_polling(probe, "4hello")


@case(
    "message, polling",
    "echoes several packets of one payload",
    "HTTP long-polling",
    r"200 ok; 200 4test1\x1e4test2\x1e4test3",
)
async def echoes_several_packets(probe: Probe) -> None:
    await echo_over_polling(probe, "4test1\x1e4test2\x1e4test3")


@case(
    "message, polling",
    "echoes text and binary packets of one payload",
    "Packet encoding",
    r"200 ok; 200 4hello\x1ebAQIDBA==",
)
async def echoes_binary_over_polling(probe: Probe) -> None:
    await echo_over_polling(probe, "4hello\x1ebAQIDBA==")


@case("message, polling", "closes on a malformed packet", "Packet encoding", "poll: 400")
async def malformed_over_polling(probe: Probe) -> None:
    # The official suite accepts any response to the POST.
    sid = await probe.open_session()
    response = await probe.post(sid, "abc")
    if response.status != BAD_REQUEST:
        probe.note(f"the POST is answered {response.status}")
    probe.record(f"poll: {(await probe.get(sid)).status}")


@case(
    "message, polling",
    "closes on a second poll",
    "HTTP long-polling",
    "200 1; 400; then 400",
    "200 1; 500; then 400",
)
async def second_poll(probe: Probe) -> None:
    sid = await probe.open_session()
    first = probe.poll(sid)
    await asyncio.sleep(BETWEEN_POLLS)
    second = probe.poll(sid)
    probe.record(shown(await probe.response(first)), (await probe.response(second)).status)
    probe.record(f"then {(await probe.get(sid)).status}")


@case("message, polling", "closes on a cancelled poll", "HTTP long-polling", "then 400")
async def cancelled_poll(probe: Probe) -> None:
    sid = await probe.open_session()
    poll = probe.poll(sid)
    await asyncio.sleep(BETWEEN_POLLS)
    poll.disconnect()
    probe.record(f"then {await answered(probe, sid)}")


async def answered(probe: Probe, sid: str) -> int:
    """Return the status of a poll; add a note if the response came only at the ping timeout."""
    began = asyncio.get_running_loop().time()
    response = await probe.get(sid)
    if asyncio.get_running_loop().time() - began >= PING_INTERVAL / 2:
        probe.note(AT_PING_TIMEOUT)
    return response.status


async def opened(probe: Probe, sid: str = "") -> Socket:
    """Open a websocket, read its OPEN packet, and return the websocket. With `sid` the websocket
    is for an upgrade, and gets no OPEN packet.

    Raises:
        Stopped: the server didn't accept the websocket.
    """
    socket = probe.websocket(websocket_query(sid))
    answer = await socket.opened() if sid else await socket.message()
    if answer == CLOSED:
        probe.record(CLOSED)
        raise Stopped
    return socket


@case("message, websocket", "echoes a text packet", "WebSocket", "4hello")
async def echoes_text(probe: Probe) -> None:
    socket = await opened(probe)
    socket.send("4hello")
    probe.record(await socket.message())


@case("message, websocket", "echoes a binary packet", "WebSocket", "binary 01 02 03 04")
async def echoes_binary(probe: Probe) -> None:
    socket = await opened(probe)
    socket.send(bytes([1, 2, 3, 4]))
    probe.record(await socket.message())


@case("message, websocket", "closes on a malformed packet", "Packet encoding", CLOSED)
async def malformed_over_websocket(probe: Probe) -> None:
    socket = await opened(probe)
    socket.send("abc")
    probe.record(await socket.closed())


# -- heartbeat


@case(
    "heartbeat, polling",
    "pings, and takes pongs",
    "Heartbeat",
    "200 2; 200; 200 2; 200; 200 2; 200",
    limit=HEARTBEAT_LIMIT,
)
async def pings_over_polling(probe: Probe) -> None:
    sid = await probe.open_session()
    for _ in range(PINGS):
        probe.record(shown(await probe.get(sid)))
        probe.record((await probe.post(sid, "3")).status)


@case(
    "heartbeat, polling",
    "closes at the ping timeout",
    "Heartbeat",
    "poll: 400",
    limit=HEARTBEAT_LIMIT,
)
async def ping_timeout_over_polling(probe: Probe) -> None:
    sid = await probe.open_session()
    # The official suite has no `GRACE`: over its network a poll arrives later than it was sent. The
    # timers of a server may be late.
    await asyncio.sleep(PING_INTERVAL + PING_TIMEOUT + GRACE)
    probe.record(f"poll: {(await probe.get(sid)).status}")


@case(
    "heartbeat, websocket", "pings, and takes pongs", "Heartbeat", "2; 2; 2", limit=HEARTBEAT_LIMIT
)
async def pings_over_websocket(probe: Probe) -> None:
    socket = await opened(probe)
    for _ in range(PINGS):
        probe.record(await socket.message(pings=True))
        socket.send("3")


@case(
    "heartbeat, websocket",
    "closes at the ping timeout",
    "Heartbeat",
    CLOSED,
    limit=HEARTBEAT_LIMIT,
)
async def ping_timeout_over_websocket(probe: Probe) -> None:
    socket = probe.websocket(websocket_query())
    probe.record(await socket.closed(is_heartbeat=True))


# -- close


@case("close, polling", "takes a CLOSE", "HTTP long-polling", "200 6; then 400")
async def close_over_polling(probe: Probe) -> None:
    sid = await probe.open_session()
    poll, post = probe.poll(sid), probe.request("POST", polling_query(sid), "1")
    await probe.response(post)
    probe.record(shown(await probe.response(poll)))
    probe.record(f"then {(await probe.get(sid)).status}")


@case("close, websocket", "takes a CLOSE", "WebSocket", CLOSED)
async def close_over_websocket(probe: Probe) -> None:
    socket = await opened(probe)
    socket.send("1")
    probe.record(await socket.closed())


# -- upgrade


async def upgraded(probe: Probe) -> tuple[str, Socket]:
    """Open a session, upgrade it, and return its id and its websocket."""
    sid = await probe.open_session()
    socket = await opened(probe, sid)
    socket.send("2probe")
    probe.record(await socket.message())
    socket.send("5")
    await socket.taken()
    return sid, socket


@case("upgrade", "upgrades from polling to websocket", "Upgrade", "3probe; 200 6; 4hello")
async def upgrades(probe: Probe) -> None:
    sid = await probe.open_session()
    socket = await opened(probe, sid)
    socket.send("2probe")
    probe.record(await socket.message(), shown(await probe.get(sid)))
    socket.send("5", "4hello")
    probe.record(await socket.message())


@case("upgrade", "refuses a poll after it, and goes on", "Upgrade", "3probe; 400; 4hello")
async def poll_after_upgrade(probe: Probe) -> None:
    sid, socket = await upgraded(probe)
    probe.record((await probe.get(sid)).status)
    socket.send("4hello")
    probe.record(await socket.message())


@case(
    "upgrade",
    "refuses a second websocket after it, and goes on",
    "Upgrade",
    "3probe; closed; 4hello",
)
async def websocket_after_upgrade(probe: Probe) -> None:
    sid, socket = await upgraded(probe)
    probe.record(await probe.websocket(websocket_query(sid)).closed())
    socket.send("4hello")
    probe.record(await socket.message())
