"""The cases of the official Socket.IO v5 test suite.

Source: https://github.com/socketio/socket.io/tree/main/docs/socket.io-protocol/v5-test-suite. The
cases are the same, in the same order; the code is written for this package. The first half repeats
cases of Engine.IO, on the path of Socket.IO. The server under test follows the suite's echo rules
(see `asgi_sio_testclient.conformance`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from asgi_sio_testclient._protocol.names import EncodedPacket
from asgi_sio_testclient.conformance import _engineio_cases as engineio
from asgi_sio_testclient.conformance._engineio_cases import Check, opened
from asgi_sio_testclient.conformance._probe import (
    CLOSED,
    Case,
    Probe,
    Socket,
    Stopped,
    websocket_query,
)

__all__ = ["CASES"]

__tracebackhide__ = True

SUITE = "socket.io"
CONNECTED = '40{"sid":"<sid>"}'
CONNECTED_CUSTOM = '40/custom,{"sid":"<sid>"}'
TWO_ATTACHMENTS = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
ATTACHMENTS = (bytes([1, 2, 3]), bytes([4, 5, 6]))
AFTER_BINARY = "binary 01 02 03; binary 04 05 06"

SHARED = {
    engineio.opens_over_polling,
    engineio.refuses_eio_over_polling,
    engineio.refuses_transport_over_polling,
    engineio.refuses_other_methods,
    engineio.opens_over_websocket,
    engineio.refuses_eio_over_websocket,
    engineio.refuses_transport_over_websocket,
    engineio.pings_over_polling,
    engineio.ping_timeout_over_polling,
    engineio.pings_over_websocket,
    engineio.ping_timeout_over_websocket,
    engineio.close_over_polling,
    engineio.close_over_websocket,
}
"""The cases that are the same in the suite of Engine.IO."""

CASES: list[Case] = [
    replace(shared, suite=SUITE) for shared in engineio.CASES if shared.check in SHARED
]


def case(section: str, title: str, spec: str, *answers: str) -> Callable[[Check], Check]:
    """Add the decorated check to the suite."""

    def add(check: Check) -> Check:
        CASES.append(Case(SUITE, section, title, spec, answers, check))
        return check

    return add


# -- upgrade


async def upgraded(probe: Probe) -> tuple[str, Socket]:
    """Open a session, upgrade it without waiting for the answer to the probe, and return its id and
    its websocket.
    """
    sid = await probe.open_session()
    socket = await opened(probe, sid)
    socket.send("2probe", "5")
    await socket.taken()
    return sid, socket


@case("upgrade", "upgrades from polling to websocket", "Upgrade", "3probe")
async def upgrades(probe: Probe) -> None:
    socket = await opened(probe, await probe.open_session())
    socket.send("2probe")
    probe.record(await socket.message())
    socket.send("5")


@case("upgrade", "refuses a poll after it", "Upgrade", "400")
async def poll_after_upgrade(probe: Probe) -> None:
    sid, _ = await upgraded(probe)
    probe.record((await probe.get(sid)).status)


@case("upgrade", "refuses a second websocket after it", "Upgrade", CLOSED)
async def websocket_after_upgrade(probe: Probe) -> None:
    sid, _ = await upgraded(probe)
    probe.record(await probe.websocket(websocket_query(sid)).closed())


# -- connect


async def connect_with(probe: Probe, packet: str) -> None:
    socket = await opened(probe)
    socket.send(packet)
    probe.record(*await socket.messages(2))


CONNECTION = "Connection to a namespace"


@case("connect", "lets into the main namespace", CONNECTION, f'{CONNECTED}; 42["auth",{{}}]')
async def connects(probe: Probe) -> None:
    await connect_with(probe, "40")


@case(
    "connect",
    "lets into the main namespace with a payload",
    CONNECTION,
    f'{CONNECTED}; 42["auth",{{"token":"123"}}]',
)
async def connects_with_payload(probe: Probe) -> None:
    await connect_with(probe, '40{"token":"123"}')


@case(
    "connect",
    "lets into a custom namespace",
    CONNECTION,
    f'{CONNECTED_CUSTOM}; 42/custom,["auth",{{}}]',
)
async def connects_to_custom(probe: Probe) -> None:
    await connect_with(probe, "40/custom,")


@case(
    "connect",
    "lets into a custom namespace with a payload",
    CONNECTION,
    f'{CONNECTED_CUSTOM}; 42/custom,["auth",{{"token":"abc"}}]',
)
async def connects_to_custom_with_payload(probe: Probe) -> None:
    await connect_with(probe, '40/custom,{"token":"abc"}')


@case(
    "connect",
    "refuses an unknown namespace",
    CONNECTION,
    '44/random,{"message":"Invalid namespace"}',
)
async def refuses_unknown_namespace(probe: Probe) -> None:
    socket = await opened(probe)
    socket.send("40/random")
    probe.record(await socket.message())


@case("connect", "closes on a malformed CONNECT", CONNECTION, CLOSED)
async def malformed_connect(probe: Probe) -> None:
    socket = await opened(probe)
    socket.send("4abc")
    probe.record(await socket.closed())


@case("connect", "closes if no CONNECT comes", CONNECTION, CLOSED)
async def no_connect(probe: Probe) -> None:
    probe.record(await probe.websocket(websocket_query()).closed())


# -- disconnect


async def connected(probe: Probe) -> Socket:
    """Return a websocket that is connected to the main namespace, after the server's CONNECT and
    "auth" event were read.

    Raises:
        Stopped: the server closed the websocket.
    """
    socket = await opened(probe)
    await enter(probe, socket, "40")
    return socket


async def enter(probe: Probe, socket: Socket, packet: str) -> None:
    socket.send(packet)
    if CLOSED in await socket.messages(2):
        probe.record(CLOSED)
        raise Stopped


LEAVING = "Disconnection from a namespace"


@case("disconnect", "keeps the session after leaving the main namespace", LEAVING, "2")
async def leaves_main(probe: Probe) -> None:
    socket = await connected(probe)
    socket.send("41")
    probe.record(await socket.message(pings=True))


@case(
    "disconnect",
    "keeps the main namespace after leaving a custom one",
    LEAVING,
    '42["message-back","message to main namespace"]',
)
async def leaves_custom(probe: Probe) -> None:
    socket = await connected(probe)
    await socket.message(pings=True)
    await enter(probe, socket, "40/custom")
    socket.send("41/custom", '42["message","message to main namespace"]')
    probe.record(await socket.message())


# -- message


async def answers_to(probe: Probe, count: int, *frames: EncodedPacket) -> None:
    """Send encoded packets, and record the next `count` messages."""
    socket = await connected(probe)
    socket.send(*frames)
    probe.record(*await socket.messages(count))


EVENTS = "Sending and receiving data"
ACKS = "Acknowledgement"
ENCODING = "Packet encoding"


@case("message", "echoes an event", EVENTS, '42["message-back",1,"2",{"3":[true]}]')
async def echoes_event(probe: Probe) -> None:
    await answers_to(probe, 1, '42["message",1,"2",{"3":[true]}]')


@case(
    "message",
    "echoes an event with attachments",
    EVENTS,
    f'452-["message-back",{TWO_ATTACHMENTS}]; {AFTER_BINARY}',
)
async def echoes_attachments(probe: Probe) -> None:
    await answers_to(probe, 3, f'452-["message",{TWO_ATTACHMENTS}]', *ATTACHMENTS)


@case("message", "acknowledges an event", ACKS, '43456[1,"2",{"3":[false]}]')
async def acknowledges(probe: Probe) -> None:
    await answers_to(probe, 1, '42456["message-with-ack",1,"2",{"3":[false]}]')


@case(
    "message",
    "acknowledges an event with attachments",
    ACKS,
    f"462-789[{TWO_ATTACHMENTS}]; {AFTER_BINARY}",
)
async def acknowledges_attachments(probe: Probe) -> None:
    await answers_to(probe, 3, f'452-789["message-with-ack",{TWO_ATTACHMENTS}]', *ATTACHMENTS)


async def closes_on(probe: Probe, frame: str) -> None:
    socket = await connected(probe)
    socket.send(frame)
    probe.record(await socket.closed())


@case("message", "closes on an unknown packet type", ENCODING, CLOSED)
async def unknown_packet_type(probe: Probe) -> None:
    await closes_on(probe, "4abc")


@case("message", "closes on a payload that is no array", EVENTS, CLOSED)
async def malformed_payload(probe: Probe) -> None:
    await closes_on(probe, "42{}")


@case("message", "closes on a malformed acknowledgement id", ACKS, CLOSED)
async def malformed_ack_id(probe: Probe) -> None:
    await closes_on(probe, '42abc["message-with-ack",1,"2",{"3":[false]}]')
