"""The deliberate differences to the stock client over aiohttp and uvicorn, each with its reason.

``docs/fidelity.md`` is written from this list. The tests fail if a difference is missing in the
list, or if an entry has no difference any more.
"""

import contextlib
import copy
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import msgpack

OF_CONNECT = {"x-test", "origin"}  # headers that scenarios give to connect()
BAD_REQUEST = '"Bad Request"'
DISCONNECT = 1  # of Socket.IO's packets
CLOSED = ("receives", {"type": "websocket.disconnect", "code": 1000, "reason": ""})
UPGRADED = ("receives", {"type": "websocket.receive", "text": "5"})
RAISED = ("raises", "ValueError")
PING_SENT = ("sends", {"type": "websocket.send", "bytes": None, "text": "2"})
NOOP_SENT = ("sends", {"type": "websocket.send", "bytes": None, "text": "6"})


@dataclass(frozen=True)
class Deviation:
    """One difference.

    `erase` takes a recording and its transports, and removes this difference and nothing else from
    the recording; it is called for both recordings of a comparison.
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
    """Return a copy of the recording without the deliberate differences."""
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
    "after a handshake at a wrong path",
    real="no further request",
    ours="the app is called at each other path at which its server may be; each call is cancelled "
    "once the server is reached",
    reason="The error names the path at which the app has its server.",
)
def other_paths_tried(recording, transports):
    tried = [websocket for websocket in recording["websockets"][1:] if not websocket["messages"]]
    for websocket in tried:
        recording["websockets"].remove(websocket)
    for line, request in list(recording["http"].items()):
        parts = ("answers", "receives", "sends", "raises", "disconnects")
        if not any(request[part] for part in parts):
            del recording["http"][line]


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
    ours="`asgi-sio-testclient/` and its version; with `http`, the header of `http`",
    reason="In the logs of an app, requests of a test should be distinguishable.",
)
def user_agent(recording, transports):
    map_headers(recording, lambda scope, headers: [h for h in headers if h[0] != "user-agent"])


@deviation(
    "`connection: keep-alive`",
    real="left out, since HTTP/1.1 implies it",
    ours="sent with requests over long-polling",
    reason="httpx sends the header, and a login over httpx and the requests of the client should "
    "have "
    "the same headers.",
)
def keep_alive(recording, transports):
    map_headers(
        recording, lambda scope, headers: [h for h in headers if h != ("connection", "keep-alive")]
    )


@deviation(
    "`content-type` of a POST",
    real="`text/plain`",
    ours="`text/plain;charset=UTF-8`",
    reason="Browsers send this content type.",
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
    real="sent with the first request only, and with the websocket",
    ours="sent with every request of the connection",
    reason="A browser sends its cookies, its origin and its credentials with each request; an app "
    "behind an authenticating middleware refuses the others.",
)
def headers_of_connect(recording, transports):
    for key, request in recording["http"].items():
        if "sid=" not in key:
            continue
        for scope in request["scopes"]:
            scope["headers"] = [h for h in scope["headers"] if h[0] not in OF_CONNECT]
        request["answers"] = [
            (status, [h for h in headers if h[0] != "access-control-allow-origin"])
            for status, headers in request["answers"]
        ]


@deviation(
    "CONNECT without an auth payload",
    real="`40{}`",
    ours="`40`",
    reason="The protocol allows both, and the JavaScript client sends `40`; the argument of the "
    "app's "
    "handler is None in both cases.",
)
def connect_without_auth(recording, transports):
    def shorter(text):
        return re.sub(r"^40(/\w+,|)\{\}$", r"40\1", text) if isinstance(text, str) else text

    for websocket in recording["websockets"]:
        for way, message in websocket["messages"]:
            if way == "receives" and "text" in message:
                message["text"] = shorter(message["text"])
            elif way == "receives" and "bytes" in message:
                # The same change in msgpack: {} and nil.
                message["bytes"] = message["bytes"].replace(b"\xa4data\x80", b"\xa4data\xc0")
    for request in recording["http"].values():
        request["receives"] = list(map(shorter, request["receives"]))
    recording["polling"] = [
        (way, shorter(packet) if way == "receives" else packet)
        for way, packet in recording["polling"]
    ]


@deviation(
    "`disconnect()` over a websocket",
    real="the DISCONNECT packet (`41`) and the close of the websocket race. Usually the close "
    "comes "
    'first: DISCONNECT does not arrive, and the reason is "transport close"',
    ours='DISCONNECT arrives first, and the reason is "client disconnect" on every transport',
    reason="The client called `disconnect()`, and a test must not depend on the outcome of a race.",
)
def last_disconnects(recording, transports):
    if ("user leaves",) not in recording["app"]:
        return
    said = Counter()
    for websocket in recording["websockets"]:
        said.update(disconnects_before_close(websocket["messages"]))
    start = recording["app"].index(("user leaves",))
    told = {
        number: note[1]
        for number, note in enumerate(recording["app"])
        if number > start and note[0] == "disconnect" and note[2] == "client disconnect"
    }
    # A DISCONNECT without a call of a handler, or the reverse, is another difference.
    if Counter(told.values()) != said:
        return
    for number, namespace in told.items():
        recording["app"][number] = ("disconnect", namespace, "transport close")
    for websocket in recording["websockets"]:
        messages = websocket["messages"]
        end = messages.index(CLOSED) if CLOSED in messages else 0
        del messages[end - len(disconnects_before_close(messages)) : end]


def disconnects_before_close(messages):
    """Return the namespaces of the DISCONNECT packets that a client sends right before
    it closes.
    """
    end = messages.index(CLOSED) if CLOSED in messages else 0
    packets = [namespace_left(m) if way == "receives" else None for way, m in messages[:end]]
    return list(takewhile(bool, reversed(packets)))


def namespace_left(message):
    """Return the namespace of a DISCONNECT, or None for any other message."""
    if isinstance(message.get("bytes"), bytes):
        with contextlib.suppress(ValueError, msgpack.ExtraData):
            packet = msgpack.unpackb(message["bytes"])
            return packet["nsp"] if packet["type"] == DISCONNECT else None
        return None
    match = re.fullmatch(r"41(?:(/\w+),)?", message.get("text") or "")
    return match and (match[1] or "/")


@deviation(
    "the pending GET at a `disconnect()` over long-polling",
    real="answered after 45 s, with 400",
    ours="answered at once, with 200 and an empty body",
    reason="A test should not wait for 45 s, and a middleware should not count an error.",
)
def pending_get(recording, transports):
    left = {sid_of(key) for key, r in recording["http"].items() if r["receives"][-1:] == ["1"]}
    for key, request in recording["http"].items():
        cancelled = request["sends"][-1:] == [BAD_REQUEST]
        if key.startswith("GET") and sid_of(key) in left and cancelled:
            del request["sends"][-1], request["answers"][-1]


def sid_of(key):
    match = re.search(r"&sid=(<sid \d+>)", key)
    return match and match[1]


@deviation(
    "polling during an upgrade",
    real="no request is pending while the websocket is probed, so that the server sends its NOOP "
    "over "
    "the websocket",
    ours="a GET is pending, and ends with the NOOP; CONNECT is sent right after the upgrade",
    reason="The protocol requires the pending GET, and the JavaScript client does the same.",
)
def polling_during_upgrade(recording, transports):
    if transports != ("polling", "websocket"):
        return
    for websocket in recording["websockets"]:
        messages = websocket["messages"]
        upgraded = messages.index(UPGRADED) if UPGRADED in messages else len(messages)
        first = next((m for m in messages[upgraded:] if m[0] == "sends"), None)
        if first == NOOP_SENT:
            del messages[messages.index(NOOP_SENT, upgraded)]
    for key, request in list(recording["http"].items()):
        if sid_of(key) and request["sends"] == ["6"] and is_like_the_others(request, recording):
            del recording["http"][key]
            recording["polling"].remove(("sends", "6"))


def is_like_the_others(request, recording):
    """Return whether a GET differs from the handshake in the query and the cookies only, and was
    answered once, as the handshake was.
    """

    def plain(each):
        headers = [h for h in each["headers"] if h[0] not in {"cookie", *OF_CONNECT}]
        return {**each, "headers": headers, "query_string": ""}

    handshakes = (r for key, r in recording["http"].items() if "EIO=" in key and not sid_of(key))
    handshake = next(handshakes)
    (scope,) = request["scopes"]
    cookies = {
        h for w in recording["websockets"] for h in w["scope"]["headers"] if h[0] == "cookie"
    }
    return (
        plain(scope) == plain(handshake["scopes"][0])
        and {h for h in scope["headers"] if h[0] == "cookie"} <= cookies
        and [status for status, _ in request["answers"]] == [200]
        and not request["receives"] + request["raises"] + request["disconnects"]
    )


@deviation(
    "an end that a server can't detect: an abort over long-polling, a malformed Engine.IO packet "
    "over "
    "a websocket",
    real="the server's next ping is not answered: a ping timeout after 45 s, with its defaults",
    ours="the ping timeout happens at once, with the same reason",
    reason="A test should not wait for 45 s. Only the PING packet is missing.",
)
def ping_timeout_at_once(recording, transports):
    if ("disconnect", "/", "ping timeout") not in recording["app"]:
        return
    if ("user aborts",) in recording["app"] and recording["polling"][-1:] == [("sends", "2")]:
        del recording["polling"][-1]
        for request in recording["http"].values():
            if "2" in request["sends"]:
                del request["sends"][len(request["sends"]) - 1 - request["sends"][::-1].index("2")]
    for websocket in recording["websockets"]:
        messages = websocket["messages"]
        end = messages.index(RAISED) if RAISED in messages else len(messages)
        if messages[end + 1 : end + 2] == [PING_SENT]:
            del messages[end + 1]


@dataclass(frozen=True)
class Beyond:
    """A difference that recordings do not contain: a later effect, an effect that no app receives,
    or a property of servers only.
    """

    title: str
    real: str
    ours: str
    reason: str


BEYOND_THE_RECORDINGS = (
    Beyond(
        "`disconnect()` of the stock client over long-polling",
        "the server holds the client's pending GET, and `disconnect()` waits for it: 30 s",
        "the GET is answered, with the same 400, once the server has processed the DISCONNECT "
        "packet",
        "A test should not wait for 30 s. The app's handlers are called with the same arguments at "
        "the same time.",
    ),
    Beyond(
        "the end of an `ASGIClientSession`",
        "the connections are aborted; a polling client is removed at the ping timeout",
        "`close()` aborts the connections, too, runs the ping timeout at once, waits for handlers, "
        "and cancels the server's timers",
        "No task of the app may run on into the next test.",
    ),
    Beyond(
        "a server that shuts down",
        "a websocket gets code 1012; a pending GET is cancelled, which python-engineio treats "
        "like a "
        'timeout: the response is 400, and the reason is "transport error"',
        "no server shuts down. With `TestClient`, `client.raw.drop(1012)` has the same effect on "
        "the "
        "app over a websocket; over long-polling `client.raw.drop()` is a ping timeout",
        "There is no server process: only the client of a test ends.",
    ),
    Beyond(
        "`uvicorn --root-path`",
        "the path that the app sees begins with the root path",
        "`TestClient(root_path=...)` does not change the path. If `socketio_path` begins with the "
        "root path, the scopes are equal. `ASGIClientSession` has no such argument",
        "httpx's `ASGITransport` and Starlette's `TestClient` do the same; Starlette's routes "
        "match a "
        "path with and without its root path.",
    ),
    Beyond(
        "context variables",
        "the app runs in the server's context, without the values that a test has set in a "
        "`contextvars.ContextVar`",
        "`TestClient` calls the app in a copy of the test's context, taken when a connection, a "
        "request of long-polling or the lifespan begins. With `isolate_context=True`, each of "
        "these, and each request of `client.http`, has a fresh context",
        "httpx's `ASGITransport` and Starlette's `TestClient` do the same, so that a test can set "
        "values for its app. If a handler does not set a variable that it reads, only "
        "`isolate_context=True` shows the mistake.",
    ),
    Beyond(
        "limits of the server",
        "uvicorn closes a websocket on a message of more than 16 MiB",
        "no such limit; the limits of python-engineio and of aiohttp apply",
        "The limit is a setting of the server, and not of the app.",
    ),
    Beyond(
        "headers that the server adds",
        "`date` and `server` in each response",
        "no such headers",
        "The server adds them, and not the app.",
    ),
    Beyond(
        "the lifespan of a `socketio.ASGIApp` without hooks, around no other app",
        "called: the `ASGIApp` answers startup and shutdown, and does nothing else",
        "not called by `TestClient`; called if there is a hook, another app, a subclass, or a "
        "wrapper",
        "No code of the app runs in the call, which takes a tenth of the time of an empty "
        "`async with TestClient(app)`.",
    ),
    Beyond(
        "a streamed response to an `ASGIClientSession`",
        "the client gets each part when the app sends it",
        "the client gets the whole response at its end",
        "Engine.IO does not use streamed responses.",
    ),
)

#: What differs from run to run: what it is, and why it can't be compared.
ALLOWANCES = (
    ("session ids", "random; the ids are numbered in the order of their first appearance"),
    ("`t=` in the query, and `sec-websocket-key`", "a time, and a random key"),
    ("the port of the client", "chosen by the operating system"),
    (
        "the distribution of packets over the requests of long-polling, and so `content-length`",
        (
            "depends on time; all packets of both directions are compared in order, and all "
            "distinct "
            "scopes, statuses and headers"
        ),
    ),
)
