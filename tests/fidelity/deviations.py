"""The deliberate differences to the stock client over aiohttp and uvicorn, each with its reason.

``docs/fidelity.md`` is made from this list. A difference that isn't in it fails the tests, and so
does an entry that nothing differs by any more.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """One difference.

    `erase` takes a recording and what transports it was made with, and makes the difference vanish
    from it, and nothing else; it is done to both sides.
    """

    title: str
    real: str
    ours: str
    reason: str
    erase: Callable


DEVIATIONS = []


def deviation(title, *, real, ours, reason):
    def register(erase):
        DEVIATIONS.append(Deviation(title, real, ours, reason, erase))
        return erase

    return register


def without_deviations(recording, transports, deviations=None):
    """The recording as it is where no deliberate difference is left."""
    recording = copy.deepcopy(recording)
    for entry in DEVIATIONS if deviations is None else deviations:
        entry.erase(recording, transports)
    return recording


def scopes(recording):
    yield from (websocket["scope"] for websocket in recording["websockets"])
    for request in recording["http"].values():
        yield from request["scopes"]


def map_headers(recording, change):
    for scope in scopes(recording):
        scope["headers"] = change(scope, scope["headers"])


@deviation(
    "the order of the headers",
    real="the order in which aiohttp writes them",
    ours="those of the test first, then those of the handshake",
    reason="HTTP gives the order of different headers no meaning, and no app may rely on it.",
)
def headers_in_order(recording, transports):
    map_headers(recording, lambda scope, headers: sorted(headers))
    for request in recording["http"].values():
        request["scopes"] = [
            scope
            for number, scope in enumerate(request["scopes"])
            if scope not in request["scopes"][:number]
        ]


@deviation(
    "`user-agent`",
    real="`Python/3.11 aiohttp/3.14.5`",
    ours="`asgi-sio-testclient/` and its version; that of `http`, where one is given",
    reason="An app that logs it should see a test as what it is.",
)
def user_agent(recording, transports):
    map_headers(recording, lambda scope, headers: [h for h in headers if h[0] != "user-agent"])


@deviation(
    "`connection: keep-alive`",
    real="left out, since HTTP/1.1 implies it",
    ours="sent with requests over long-polling",
    reason="httpx sends it, and a login over httpx and the requests of the client look alike.",
)
def keep_alive(recording, transports):
    map_headers(
        recording, lambda scope, headers: [h for h in headers if h != ("connection", "keep-alive")]
    )


@deviation(
    "`content-type` of a POST",
    real="`text/plain`",
    ours="`text/plain;charset=UTF-8`",
    reason="It is what browsers send, which most users of an app have.",
)
def content_type(recording, transports):
    map_headers(
        recording,
        lambda scope, headers: [
            (name, value.partition(";")[0] if name == "content-type" else value)
            for name, value in headers
        ],
    )


@deviation(
    "headers given to `connect`",
    real="go with the first request only, and with the websocket",
    ours="go with every request of the connection",
    reason="A browser sends its cookies, its origin and its credentials with each request; an app "
    "behind an authenticating middleware refuses the others.",
)
def headers_of_connect(recording, transports):
    for key, request in recording["http"].items():
        if "sid=" not in key:
            continue
        for scope in request["scopes"]:
            scope["headers"] = [h for h in scope["headers"] if h[0] not in {"x-test", "origin"}]
        request["answers"] = [
            (status, [h for h in headers if h[0] != "access-control-allow-origin"])
            for status, headers in request["answers"]
        ]


@deviation(
    "CONNECT without an auth payload",
    real="`40{}`",
    ours="`40`",
    reason="The protocol allows both and JavaScript's client sends the shorter; the app's handler "
    "is given None either way.",
)
def connect_without_auth(recording, transports):
    def shorter(text):
        return re.sub(r"^40(/\w+,|)\{\}$", r"40\1", text) if isinstance(text, str) else text

    for websocket in recording["websockets"]:
        for way, message in websocket["messages"]:
            if way == "receives" and "text" in message:
                message["text"] = shorter(message["text"])
            elif way == "receives" and "bytes" in message:
                # The same in msgpack: {} and nil.
                message["bytes"] = message["bytes"].replace(b"\xa4data\x80", b"\xa4data\xc0")
    for request in recording["http"].values():
        request["receives"] = list(map(shorter, request["receives"]))


@deviation(
    "leaving over a websocket",
    real="the client's writer and its closing race, and the close wins as a rule: the goodbye "
    '(`41`) doesn\'t arrive, and the reason is "transport close"',
    ours='the goodbye arrives first, and the reason is "client disconnect" on every transport',
    reason="It is what the client asked for, and a test must not depend on who wins a race.",
)
def goodbye(recording, transports):
    if transports == ("polling",):
        return
    left = False
    for number, note in enumerate(recording["app"]):
        left = left or note == ("user leaves",)
        if left and note[0] == "disconnect" and note[2] == "client disconnect":
            recording["app"][number] = (*note[:2], "transport close")
    for websocket in recording["websockets"] if left else ():
        websocket["messages"] = [
            (way, message)
            for way, message in websocket["messages"]
            if way != "receives" or not is_goodbye(message)
        ]


def is_goodbye(message):
    if b"\xa4type\x01" in message.get("bytes", b""):  # in msgpack
        return True
    text = message.get("text")
    return isinstance(text, str) and re.fullmatch(r"41(/\w+,)?", text) is not None


@deviation(
    "polling during an upgrade",
    real="no request is pending while the websocket is probed, so the server's NOOP goes over the "
    "websocket",
    ours="a GET is pending, which the NOOP ends; CONNECT follows on the upgrade at once",
    reason="The protocol asks for it, and JavaScript's client does it.",
)
def polling_during_upgrade(recording, transports):
    if transports != ("polling", "websocket"):
        return
    for key in [key for key in recording["http"] if key.startswith("GET") and "sid=" in key]:
        if set(recording["http"][key]["sends"]) <= {"6"}:
            del recording["http"][key]
    for websocket in recording["websockets"]:
        websocket["messages"] = [
            (way, message)
            for way, message in websocket["messages"]
            if way != "sends" or message.get("text") != "6"
        ]


@deviation(
    "vanishing over long-polling",
    real="the server notices when its next ping is not answered: after 45 s, with its defaults",
    ours="the ping timeout, with its reason, comes at once",
    reason="Nobody waits 45 s in a test. The one packet missing is the ping itself.",
)
def ping_timeout_at_once(recording, transports):
    if ("user vanishes",) not in recording["app"] or transports != ("polling",):
        return
    for request in recording["http"].values():
        request["sends"] = [packet for packet in request["sends"] if packet != "2"]


@dataclass(frozen=True)
class Beyond:
    """A difference of `ASGIClientSession` that no recording shows: it lies in what comes after, or
    in what no app sees.
    """

    title: str
    real: str
    ours: str
    reason: str


BEYOND_THE_RECORDINGS = (
    Beyond(
        "leaving over long-polling",
        "the server holds the client's pending GET, and `disconnect()` waits for it: 30 s",
        "the GET is answered as soon as the goodbye has been taken",
        "Nobody waits 30 s in a test; what the app's handlers see is the same, and at the same "
        "moment.",
    ),
    Beyond(
        "the end of the session",
        "connections break; a polling client is missed when its ping times out",
        "`close()` breaks the connections too, brings the ping timeout forward, lets handlers end, "
        "and cancels the server's timers",
        "Nothing of the app may run on into the next test.",
    ),
    Beyond(
        "limits of the server",
        "uvicorn closes a websocket on a message of more than 16 MiB",
        "no such limit; those of python-engineio and of aiohttp hold",
        "It is a setting of the server, and no part of the app.",
    ),
    Beyond(
        "headers that the server adds",
        "`date` and `server` in each response",
        "not there",
        "They are the server's own, and no part of the app.",
    ),
    Beyond(
        "a streamed response",
        "is read while it is made",
        "is given to the client when it is whole",
        "Engine.IO has none.",
    ),
)

#: What differs from run to run: what it is, and why it can't be compared.
ALLOWANCES = (
    ("session ids", "random; the same id gets the same name, in the order of coming"),
    ("`t=` in the query, `sec-websocket-key`", "a time, and a random key"),
    ("the port of the client", "the system chooses it"),
    (
        "how packets over long-polling are spread over requests, and so `content-length`",
        (
            "a matter of time; all packets, in order and both ways, are compared, and all distinct "
            "scopes, statuses and headers"
        ),
    ),
)
