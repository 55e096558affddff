"""What can't be said in a packet: values, serializers, sizes, packets that break the protocol."""
# ruff: noqa: E501 (a first line is quoted as it is read)

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server
from .handmade import OPEN, websocket_that_says

faults = Family()


@faults.fault(
    "Emits what JSON can't say.",
    first_line="TypeError: can't serialise the arguments of 'order': Object of type set is not JSON serializable",
    cause="can't serialise",
    within=KNOWN_EARLY,
    remedy="Send a list, or give client and server a `json` that knows the type. Nothing was sent.",
)
async def emit_unserialisable():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", {"tea", "milk"})


@faults.fault(
    "Connects with an `auth` that JSON can't say.",
    first_line="TypeError: can't serialise the auth of namespace '/': Object of type object is not JSON serializable",
    cause="can't serialise",
    within=KNOWN_EARLY,
    remedy="Send plain values.",
)
async def auth_unserialisable():
    _, app = server()
    async with TestClient(app, auth={"token": object()}) as client:
        await client.connect()


@faults.fault(
    "Has a handler that returns what JSON can't say.",
    first_line="TypeError: Object of type set is not JSON serializable",
    note="raised by order (event 'order', namespace '/', sid '<sid>')",
    cause="type set is not JSON",
    within=KNOWN_EARLY,
    remedy="Return plain values.",
)
async def ack_unserialisable():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        return {article}

    async with TestClient(app) as client:
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "Has a handler that emits what JSON can't say.",
    first_line="TypeError: Object of type set is not JSON serializable",
    note="raised by order (event 'order', namespace '/', sid '<sid>')",
    cause="type set is not JSON",
    within=KNOWN_EARLY,
    remedy="Emit plain values.",
)
async def server_emits_unserialisable():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await sio.emit("ordered", {article}, to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", "tea")
        await client.await_event("ordered")


@faults.fault(
    "Has a handler whose `sio.call()` sends what JSON can't say; python-socketio loses the error in a task.",
    first_line="TypeError: Object of type set is not JSON serializable",
    cause="type set is not JSON",
    within=KNOWN_EARLY,
    remedy="Send plain values.",
)
async def server_calls_with_unserialisable():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        return await sio.call("confirm", {article}, to=sid, timeout=5)

    async with TestClient(app) as client:
        client.on("confirm", lambda article: True)
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "Has a handler of its own that answers what JSON can't say.",
    first_line="TypeError: can't serialise the ack of 'confirm': Object of type set is not JSON serializable",
    cause="can't serialise",
    within=KNOWN_EARLY,
    remedy="Return plain values.",
)
async def own_ack_unserialisable():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        return await sio.call("confirm", article, to=sid, timeout=5)

    async with TestClient(app) as client:
        client.on("confirm", lambda article: {article})
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "Speaks JSON to a server that speaks msgpack.",
    first_line="ConnectionRefused: namespace '/' refused: serializer mismatch: the server's serializer is MsgPackPacket, this client's is Packet: pass serializer='msgpack'",
    cause="serializer",
    within=KNOWN_EARLY,
    remedy="`TestClient(app, serializer='msgpack')`.",
)
async def json_to_msgpack_server():
    _, app = server(serializer="msgpack")
    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Speaks msgpack to a server that speaks JSON.",
    first_line="ConnectionRefused: namespace '/' refused: serializer mismatch: the server's serializer is Packet, this client's is MsgPackPacket: pass serializer='default'",
    cause="serializer",
    within=KNOWN_EARLY,
    remedy="Leave `serializer=` out.",
)
async def msgpack_to_json_server():
    _, app = server()
    async with TestClient(app, serializer="msgpack") as client:
        await client.connect()


@faults.fault(
    "Sends more than `max_http_buffer_size`.",
    first_line="NotConnected: too large: a packet of 2014 bytes was sent, the server takes 1000 (max_http_buffer_size): the connection ended: transport close",
    cause="too large",
    within=KNOWN_EARLY,
    remedy="Raise the server's `max_http_buffer_size`, or send less.",
)
async def payload_too_large():
    sio, app = server(max_http_buffer_size=1000)

    @sio.event
    async def store(sid, text):
        await sio.emit("stored", to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("store", "x" * 2000)
        await client.await_event("stored")


@faults.fault(
    "Sends more than `max_http_buffer_size`, over long-polling.",
    first_line="NotConnected: too large: a packet of 2014 bytes was sent, the server takes 1000 (max_http_buffer_size): the connection ended: server disconnect",
    cause="too large",
    within=KNOWN_EARLY,
    remedy="Raise the server's `max_http_buffer_size`, or send less.",
)
async def payload_too_large_over_polling():
    sio, app = server(max_http_buffer_size=1000)

    @sio.event
    async def store(sid, text):
        await sio.emit("stored", to=sid)

    async with TestClient(app, transports=("polling",)) as client:
        await client.connect()
        await client.emit("store", "x" * 2000)
        await client.await_event("stored")


@faults.fault(
    "Calls with more than `max_http_buffer_size`.",
    first_line="NotConnected: too large: a packet of 2015 bytes was sent, the server takes 1000 (max_http_buffer_size): the connection ended: transport close",
    cause="too large",
    within=KNOWN_EARLY,
    remedy="Raise the server's `max_http_buffer_size`, or send less.",
)
async def call_too_large():
    sio, app = server(max_http_buffer_size=1000)

    @sio.event
    async def store(sid, text):
        pass

    async with TestClient(app) as client:
        await client.connect()
        await client.call("store", "x" * 2000)


@faults.fault(
    "Meets a server that sends a packet with broken JSON.",
    first_line="ProtocolError: malformed Socket.IO packet: '2[\"news\",'",
    cause="malformed Socket.IO",
    within=KNOWN_EARLY,
    remedy="A middleware or a server of another make cuts the packets short.",
)
async def broken_packet_from_server():
    app = websocket_that_says(OPEN, '40{"sid":"by-hand"}', '42["news",')
    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("news")


@faults.fault(
    "Meets a server that sends an unknown packet type.",
    first_line="ProtocolError: unknown Engine.IO packet type: '9what'",
    cause="unknown Engine.IO packet",
    within=KNOWN_EARLY,
    remedy="The server speaks another version of the protocol.",
)
async def unknown_packet_type_from_server():
    app = websocket_that_says(OPEN, '40{"sid":"by-hand"}', "9what")
    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("news")


@faults.fault(
    "Meets a server that announces an attachment and never sends it.",
    first_line="EventTimeout: 1 of 1 attachments of 'photo' never came: no event 'photo' in namespace '/' within 0.2 s",
    cause="attachments",
    within=AT_TIMEOUT,
    remedy="A middleware drops binary frames.",
)
async def attachment_missing():
    app = websocket_that_says(
        OPEN, '40{"sid":"by-hand"}', '451-["photo",{"_placeholder":true,"num":0}]'
    )
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.await_event("photo")
