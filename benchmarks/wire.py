"""Constant packets and ASGI messages, for the floor and for the clients with packets by hand.

All of them are computed at import, and not during a measure.
"""

PATH = "/socket.io/"
WEBSOCKET_QUERY = "transport=websocket&EIO=4"
POLLING_QUERY = "transport=polling&EIO=4"

CONNECT = "40"
DISCONNECT = "41"
CLOSE = "1"
CALL = '420["echo","hello"]'
CALL_ACK = '430["hello"]'
ASK = '42["ask","hello"]'
ANSWER = '42["answer","hello"]'
QUIET = '42["quiet","hello"]'
SHOUT = '42["shout","hello"]'
NEWS = '42["news","hello"]'

_BASE = {
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "path": PATH,
    "raw_path": PATH.encode(),
    "root_path": "",
    "client": ("testclient", 50000),
    "server": ("testserver", 80),
}
# The headers of a real client: the server adds each of them to the environ.
_HEADERS = [
    (b"host", b"testserver"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"user-agent", b"bare-driver/1.0"),
]
_STAMP = "&t=1700000000.0000000"


def websocket_scope() -> dict:
    return _BASE | {
        "type": "websocket",
        "scheme": "ws",
        "query_string": (WEBSOCKET_QUERY + _STAMP).encode(),
        "subprotocols": [],
        "headers": [
            *_HEADERS,
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
            (b"sec-websocket-version", b"13"),
        ],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }


def http_scope(method: str, sid: str | None = None) -> dict:
    query = POLLING_QUERY if sid is None else f"{POLLING_QUERY}&sid={sid}"
    return _BASE | {
        "type": "http",
        "method": method,
        "scheme": "http",
        "query_string": (query + (_STAMP if method == "GET" else "")).encode(),
        "headers": list(_HEADERS),
        "state": {},
    }


def post_scope(sid: str, body: str) -> dict:
    scope = http_scope("POST", sid)
    scope["headers"].append((b"content-type", b"text/plain;charset=UTF-8"))
    scope["headers"].append((b"content-length", str(len(body)).encode()))
    return scope


def text(packet: str) -> dict:
    return {"type": "websocket.receive", "text": packet}


def body(payload: str) -> dict:
    return {"type": "http.request", "body": payload.encode(), "more_body": False}


def sid_of(opening: str) -> str:
    """Return the Engine.IO sid of an OPEN packet, `0{"sid":"...",...}`."""
    return opening.split('"sid":"', 1)[1].split('"', 1)[0]
