"""Values that can't be sent: types, serializers, sizes, packets that break the protocol."""
# ruff: noqa: E501 (a first line is quoted as it is read)

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server
from .handmade import OPEN, websocket_that_says

faults = Family()


@faults.fault(
    "The client emits a value that JSON can't represent.",
    first_line="TypeError: can't serialise the arguments of 'order': Object of type set is not JSON serializable",
    cause="can't serialise",
    within=KNOWN_EARLY,
    remedy="Send a list, or give client and server a `json` module that supports the type. No packet was sent.",
)
async def emit_unserialisable():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", {"tea", "milk"})


@faults.fault(
    "`auth=` has a value that JSON can't represent.",
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
    "A handler returns a value that JSON can't represent.",
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
    "A handler emits a value that JSON can't represent.",
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
    "A handler's `sio.call()` has a value that JSON can't represent; python-socketio raises the error in a task that is not awaited.",
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
    "A handler of the test returns a value that JSON can't represent.",
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
    "The client uses JSON, and the server msgpack.",
    first_line="ConnectionRefused: namespace '/' refused: serializer mismatch: the server's serializer is MsgPackPacket, this client's is Packet: pass serializer='msgpack'",
    cause="serializer",
    within=KNOWN_EARLY,
    remedy="Pass `TestClient(app, serializer='msgpack')`.",
)
async def json_to_msgpack_server():
    _, app = server(serializer="msgpack")
    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The client uses msgpack, and the server JSON.",
    first_line="ConnectionRefused: namespace '/' refused: serializer mismatch: the server's serializer is Packet, this client's is MsgPackPacket: pass serializer='default'",
    cause="serializer",
    within=KNOWN_EARLY,
    remedy="Omit `serializer=`.",
)
async def msgpack_to_json_server():
    _, app = server()
    async with TestClient(app, serializer="msgpack") as client:
        await client.connect()


@faults.fault(
    "An event is larger than `max_http_buffer_size`.",
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
    "An event is larger than `max_http_buffer_size`, over long-polling.",
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
    "A call is larger than `max_http_buffer_size`.",
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
    "The server sends a packet with invalid JSON.",
    first_line="ProtocolError: malformed Socket.IO packet: '2[\"news\",'",
    cause="malformed Socket.IO",
    within=KNOWN_EARLY,
    remedy="Check whether middleware, or another server than python-socketio, shortens packets.",
)
async def broken_packet_from_server():
    app = websocket_that_says(OPEN, '40{"sid":"by-hand"}', '42["news",')
    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("news")


@faults.fault(
    "The server sends an unknown packet type.",
    first_line="ProtocolError: unknown Engine.IO packet type: '9what'",
    cause="unknown Engine.IO packet",
    within=KNOWN_EARLY,
    remedy="The server has another version of the protocol.",
)
async def unknown_packet_type_from_server():
    app = websocket_that_says(OPEN, '40{"sid":"by-hand"}', "9what")
    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("news")


@faults.fault(
    "The server announces an attachment and does not send it.",
    first_line="EventTimeout: 1 of 1 attachments of 'photo' never came: no event 'photo' in namespace '/' within 0.2 s",
    cause="attachments",
    within=AT_TIMEOUT,
    remedy="Check whether middleware drops binary frames.",
)
async def attachment_missing():
    app = websocket_that_says(
        OPEN, '40{"sid":"by-hand"}', '451-["photo",{"_placeholder":true,"num":0}]'
    )
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.await_event("photo")
