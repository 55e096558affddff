"""Where python-socketio 5 and python-engineio 4 deviate from the official suites, and how."""

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
"""Conforming with `always_connect=True`."""

RACES = {
    f"{suite}: heartbeat, polling: closes at the ping timeout"
    for suite in ("engine.io", "socket.io")
}
"""Where the server's timers are late, as on a busy machine, it does conform: they race the poll."""

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
"""By the case's name: what is answered instead of the specification's answer."""

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
"""By the case's name: what the suites don't look at."""

REASONS = (
    "A ping interval is announced in whole seconds, so that 300 ms are announced as 0.",
    "A request without `transport` is taken for long-polling.",
    "A method other than GET, POST and OPTIONS is answered 405, which HTTP asks for.",
    "A POST is answered `OK`, where the suite wants `ok`. JavaScript clients read neither.",
    "A POST with a malformed packet is answered 200, and the session goes on.",
    "A second poll waits beside the first: both are held until a packet comes or the time is up.",
    (
        "A poll that is pending when the client sends CLOSE isn't woken: it is held for ping "
        "interval and ping timeout, and then answered 400."
    ),
    (
        "Clients that don't answer pings are looked for once in a ping timeout, so that one may "
        "live up to twice as long as it should."
    ),
    (
        "The NOOP that ends a pending poll during an upgrade is put in the queue; with no poll "
        "pending it goes out over the websocket, first of all."
    ),
    (
        "What a `connect` handler emits goes out before the CONNECT packet. With "
        "`always_connect=True` the four cases conform."
    ),
    (
        'An unknown namespace is refused with `"Unable to connect"`, a string where the protocol '
        "has an object."
    ),
    "A malformed Socket.IO packet is logged, and the session goes on.",
)
