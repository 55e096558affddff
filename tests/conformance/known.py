"""The deviations of python-socketio 5 and python-engineio 4 from the official suites,
with reasons.
"""

POLLING_OPEN = (
    '200 0{"maxPayload":1000000,"pingInterval":0,"pingTimeout":200,"sid":"<sid>",'
    '"upgrades":["websocket"]}'
)
WEBSOCKET_OPEN = (
    '0{"maxPayload":1000000,"pingInterval":0,"pingTimeout":200,"sid":"<sid>","upgrades":[]}'
)

IN_BOTH_SUITES = {
    "handshake, polling: opens a session": POLLING_OPEN,
    "handshake, polling: refuses a missing and an unknown transport": "200; 400",
    "handshake, polling: refuses a POST and a PUT": "400; 405",
    "handshake, websocket: opens a session": WEBSOCKET_OPEN,
    "heartbeat, polling: closes at the ping timeout": "poll: 200",
    "close, polling: takes a CLOSE": "400; then 400",
}

AUTH_FIRST = {
    "socket.io: connect: lets into the main namespace": '42["auth",{}]; 40{"sid":"<sid>"}',
    "socket.io: connect: lets into the main namespace with a payload": (
        '42["auth",{"token":"123"}]; 40{"sid":"<sid>"}'
    ),
    "socket.io: connect: lets into a custom namespace": (
        '42/custom,["auth",{}]; 40/custom,{"sid":"<sid>"}'
    ),
    "socket.io: connect: lets into a custom namespace with a payload": (
        '42/custom,["auth",{"token":"abc"}]; 40/custom,{"sid":"<sid>"}'
    ),
}
"""Cases that conform with `always_connect=True`."""

RACES = {
    f"{suite}: heartbeat, polling: closes at the ping timeout"
    for suite in ("engine.io", "socket.io")
}
"""Cases in which the server conforms if its timers are late, as on a busy machine."""

DEVIATIONS = {
    **{
        f"{suite}: {name}": answer
        for name, answer in IN_BOTH_SUITES.items()
        for suite in ("engine.io", "socket.io")
    },
    "engine.io: message, polling: echoes one packet": "200 OK; 200 4hello",
    "engine.io: message, polling: echoes several packets of one payload": (
        r"200 OK; 200 4test1\x1e4test2\x1e4test3"
    ),
    "engine.io: message, polling: echoes text and binary packets of one payload": (
        r"200 OK; 200 4hello\x1ebAQIDBA=="
    ),
    "engine.io: message, polling: closes on a malformed packet": "poll: 200",
    "engine.io: message, polling: closes on a second poll": "200 2; 400; then 400",
    "engine.io: upgrade: upgrades from polling to websocket": "3probe; 200 6; 6",
    "engine.io: upgrade: refuses a poll after it, and goes on": "3probe; 400; 6",
    "engine.io: upgrade: refuses a second websocket after it, and goes on": "3probe; closed; 6",
    **AUTH_FIRST,
    "socket.io: connect: refuses an unknown namespace": '44/random,"Unable to connect"',
}
"""By the case's name: the answer in the place of the one that the specification requires."""

LATE = "only at the ping timeout"

NOTES = {
    "engine.io: message, polling: closes on a malformed packet": "the POST is answered 200",
    "engine.io: message, polling: closes on a cancelled poll": LATE,
    "engine.io: message, websocket: closes on a malformed packet": "the app raised ValueError",
    "engine.io: close, websocket: takes a CLOSE": LATE,
    "socket.io: close, websocket: takes a CLOSE": LATE,
    "socket.io: connect: closes on a malformed CONNECT": LATE,
    "socket.io: connect: closes if no CONNECT comes": LATE,
    "socket.io: message: closes on an unknown packet type": LATE,
    "socket.io: message: closes on a payload that is no array": LATE,
    "socket.io: message: closes on a malformed acknowledgement id": LATE,
}
"""By the case's name: remarks that are not part of the suites' verdict."""

REASONS = (
    "The server announces its ping interval in whole seconds: 300 ms are announced as 0.",
    "The server treats a request without `transport` as long-polling.",
    "The server answers a method other than GET, POST and OPTIONS with 405, as HTTP requires.",
    (
        "The server answers a POST with `OK`, and the suite requires `ok`. JavaScript clients do "
        "not read this body."
    ),
    "The server answers a POST with a malformed packet with 200, and keeps the session open.",
    (
        "The server accepts a second poll while the first one is pending. Both stay pending until "
        "a packet is sent or they time out."
    ),
    (
        "If a poll is pending when the client sends CLOSE, the poll stays pending for the ping "
        "interval and the ping timeout, and is then answered with 400."
    ),
    (
        "The server searches for clients that have not answered a ping once per ping timeout, so "
        "a session may last up to twice the ping timeout after its last answer."
    ),
    (
        "During an upgrade the server puts the NOOP that ends a pending poll into its queue. If no "
        "poll is pending, the NOOP is the first packet over the websocket."
    ),
    (
        "An event that a `connect` handler emits is sent before the CONNECT packet. With "
        "`always_connect=True` these four cases conform."
    ),
    (
        'The server refuses an unknown namespace with the string `"Unable to connect"`, and the '
        "protocol requires an object."
    ),
    "The server logs a malformed Socket.IO packet, and keeps the session open.",
)
