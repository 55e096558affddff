"""Finds the entry of the documentation's page *What went wrong?* for the first line of an error.

The entries are found by regular expressions, so that this module imports no error.
"""

from __future__ import annotations

import re

__all__ = ["BEGIN", "advice"]

__tracebackhide__ = True

BEGIN = "what to do: faults.html#"
# The first pattern that matches counts. The anchors are those of docs/faults.md, which is made from
# the mistakes in tests/faults.
_ENTRIES = tuple(
    (re.compile(pattern), entry)
    for pattern, entry in (
        # Arguments, and calls that are not allowed.
        (r"app is the str", "import-string-for-app"),
        (r"app is the server; expected the WSGI", "threaded-server-for-app"),
        (r"app is the server", "server-for-app"),
        (r"a WSGI app needs a2wsgi", "wsgi-app-without-its-bridge"),
        (r"transports is ", "unknown-transport"),
        (r"serializer is ", "unknown-serializer"),
        (r"timeout is -", "negative-timeout"),
        (r"http is ", "url-for-http-client"),
        (r"server is ", "app-named-as-server"),
        (r"not entered: ", "not-entered"),
        (r"this client was entered in another event loop", "entered-in-another-loop"),
        (r"server not found: ", "session-without-server"),
        (r"the lifespan would run twice", "lifespan-run-by-the-http-client"),
        (r"async_mode is ", "async-mode-of-aiohttp"),
        (r"the server logged ", "logged-by-the-server"),
        (r"connect\(\) takes no URL", "connect-to-a-url"),
        (r"connect\(\) takes no namespaces=", "namespaces-as-a-keyword"),
        (r"connect\(\) takes no wait_timeout=", "wait-timeout-as-a-keyword"),
        (r"\w+\(\) takes no \w+=: write sio\.emit", "emit-to-a-room"),
        (r"(emit|call|send)\(\) takes no ", "data-as-a-keyword"),
        (r"callback is True", "callback-that-is-true"),
        (r"a query in a namespace", "query-in-the-namespace"),
        (r"a reserved name", "reserved-event"),
        (r"event is ", "event-that-is-no-str"),
        (r"match is async", "async-predicate"),
        (r"newline in the value of ", "newline-in-a-header"),
        (r"header name ", "header-name-that-is-no-token"),
        (r"no ASGI app in socketio", "other-app-that-is-no-asgi-app"),
        (r"advance\(\) works within", "advance-without-time-travel"),
        (r"seconds is (-?inf|nan)", "endless-advance"),
        (r"no \.\w+ on (Sync)?TestClient", "habit-of-the-stock-client"),
        (r"namespace is ", "namespace-without-slash"),
        (r"can't serialise the arguments of ", "emit-unserialisable"),
        (r"can't serialise the auth of ", "auth-unserialisable"),
        (r"can't serialise the ack of ", "own-ack-unserialisable"),
        (r"not connected: connect\(\) first", "emit-before-connect"),
        (r"not connected to namespace \S+ any more", "awaited-after-disconnect"),
        (r"not connected to namespace", "emit-to-unjoined-namespace"),
        # The handshake.
        (r"\d+: no Socket.IO server answers there; it is in the", "inner-app-for-the-wrapper"),
        (r"\d+: no Socket.IO server answers there; the app's ASGIApp", "path-of-mounted-app"),
        (r"403: no Socket.IO server answers there", "mount-forgotten"),
        (r"\d+: no Socket.IO server answers there", "wrong-path"),
        (r"\d+: that is no Engine.IO handshake", "start-page-answers"),
        (r"403: Invalid transport", "websocket-switched-off"),
        (r"400: Invalid transport", "polling-switched-off"),
        (r"\d+: origin refused", "origin-refused"),
        (r"\d+: The client is using an unsupported", "unsupported-protocol-version"),
        (r"\d+: Invalid host header", "untrusted-host"),
        (r"\d+: redirected to ", "redirected-to-https"),
        (r"401: ", "login-wall"),
        (r"no response: the app returned", "app-returns-without-answering"),
        (r"the app has not (accepted the websocket|answered)", "app-hangs-in-handshake"),
        (r"the app accepted the websocket and sent", "websocket-that-says-nothing"),
        (r"no NOOP came", "upgrade-without-noop"),
        (r"malformed Engine.IO packet", "websocket-of-another-protocol"),
        (r"malformed Socket.IO packet", "broken-packet-from-server"),
        (r"unknown Engine.IO packet type", "unknown-packet-type-from-server"),
        # Namespaces.
        (r"still running: .*: no answer to CONNECT", "connect-handler-hangs"),
        (r"(refused: )?namespace .* refused: .* serializer='default'", "msgpack-to-json-server"),
        (r"(refused: )?namespace .* refused: serializer mismatch", "json-to-msgpack-server"),
        (
            r"(refused: )?namespace .* refused: Unable to connect.*did you mean",
            "misspelt-namespace",
        ),
        (r"(refused: )?namespace .* refused: Unable to connect", "unknown-namespace"),
        (r"(refused: )?namespace .* refused: Connection rejected", "refused-without-words"),
        (r"(refused: )?namespace .* refused: ", "refused-with-words"),
        # Waits.
        (r"the server has no handler for .*; namespace \S+ has one", "called-in-wrong-namespace"),
        (r"the server has no handler for .*: no ack", "misspelt-called-event"),
        (r"the server has no handler for ", "misspelt-emitted-event"),
        (r"it arrived in namespace", "awaited-in-wrong-namespace"),
        (r"\d+ of \d+ attachments", "attachment-missing"),
        (r"\d+ of \d+ events", "too-few-events"),
        (r"\d+ arrived, and match=", "predicate-never-fits"),
        (r"\d+ arrived, and (was|were) taken by", "taken-by-own-handler"),
        (r"\d+ arrived, and (was|were) read before", "read-before"),
        (r".*? did arrive: ", "misspelt-awaited-event"),
        (r"too early: .* this client entered ", "room-entered-too-late"),
        (r"too early: .* this client connected", "connected-after-the-broadcast"),
        (r"the recipient is gone", "sent-to-an-old-sid"),
        (r"another client got ", "sent-to-another-client"),
        (r"another server emitted ", "emitted-by-another-server"),
        (r".*? went to rooms? ", "room-never-entered"),
        (r".*? went to namespace ", "emitted-in-another-namespace"),
        (r"skip_sid left this client out", "left-out-by-skip-sid"),
        (r"a task ended with an earlier client", "begun-once-by-a-flag"),
        (r"a task never ran", "begun-at-import"),
        (r"still at work: .* in an executor", "thread-at-work"),
        (r"still at work: .*, a handler of this client", "own-handler-hangs"),
        (r"still at work: ", "task-at-work"),
        (r"settle\(\) waits for its own caller", "settles-in-its-own-handler"),
        (r"in a thread or at a socket", "handler-in-a-thread-under-time-travel"),
        (r"\S+ timers took too long", "too-many-timers-under-time-travel"),
        (r"still running: .*: settle did not end", "settle-with-hanging-handler"),
        (r"still running: .*: no ack for", "called-handler-hangs"),
        (r"still running: .*: no event", "handler-hangs-while-waiting"),
        (r"a handler blocked the event loop", "blocking-handler"),
        (r"the handler returned, and no ack", "ack-missing"),
        (r"no client\.on\(.* gives the ack", "servers-call-unanswered"),
        (r"nothing arrived", "nobody-sends"),
        (r"expected no ", "unexpected-event"),
        # Ends.
        (r"too large: ", "payload-too-large"),
        (r".*the connection ended: ", "disconnected-while-waiting"),
        (r"lifespan startup failed: no answer", "startup-hangs"),
        (r"lifespan startup failed: \w+: ", "startup-raises"),
        (r"lifespan startup failed: ", "startup-fails-with-message"),
        (r"lifespan shutdown failed: no answer", "shutdown-hangs"),
        (r"lifespan shutdown failed: ", "shutdown-raises"),
        (r"left over at exit: no ack given", "ack-never-answered"),
        (r"left over at exit: never read: ", "event-never-read"),
        (r"left over at exit: a handler ", "handler-runs-at-strict-exit"),
        (r"left over at exit: work ", "task-at-work-at-exit"),
    )
)


def advice(text: str) -> str:
    """Return a line with the address of the documentation's entry for an error; "" without an
    entry.

    Args:
        text: the text of the error, without its type.
    """
    line = text.partition("\n")[0]
    entry = next((entry for pattern, entry in _ENTRIES if pattern.match(line)), None)
    return "" if entry is None else f"{BEGIN}{entry}"
