"""Waits for something that doesn't come: names, namespaces, predicates, connections that end."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio

import socketio

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server

faults = Family()


def echo_server() -> tuple[socketio.AsyncServer, socketio.ASGIApp]:
    sio, app = server(namespaces=["/", "/chat"])

    @sio.event
    async def echo(sid, *args):
        await sio.emit("echoed", args, to=sid)

    return sio, app


@faults.fault(
    "Misspells the awaited event.",
    first_line="EventTimeout: 'echoed' did arrive: no event 'ecohed' in namespace '/' within 0.2 s",
    cause="'echoed' did arrive",
    within=AT_TIMEOUT,
    remedy="Correct the name.",
)
async def misspelt_awaited_event():
    _, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("echo", "hi")
        await client.await_event("ecohed")


@faults.fault(
    "Misspells the emitted event, and awaits the answer.",
    first_line="EventTimeout: the server has no handler for 'ecoh' in namespace '/'; did you mean 'echo'?: no event 'echoed' in namespace '/' within 0.2 s",
    cause="no handler",
    within=AT_TIMEOUT,
    remedy="Correct the name.",
)
async def misspelt_emitted_event():
    _, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("ecoh", "hi")
        await client.await_event("echoed")


@faults.fault(
    "Misspells the event that is called.",
    first_line="EventTimeout: the server has no handler for 'ecoh' in namespace '/'; did you mean 'echo'?: no ack for 'ecoh'",
    cause="no handler",
    within=KNOWN_EARLY,
    remedy="Correct the name.",
)
async def misspelt_called_event():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.call("ecoh", "hi")


@faults.fault(
    "Calls an event in a namespace where nobody handles it.",
    first_line="EventTimeout: the server has no handler for 'echo' in namespace '/chat'; namespace '/' has one: no ack for 'echo'",
    cause="no handler",
    within=KNOWN_EARLY,
    remedy="Leave `namespace=` out, or register the handler there.",
)
async def called_in_wrong_namespace():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect("/", "/chat")
        await client.call("echo", "hi", namespace="/chat")


@faults.fault(
    "Misspells an event of a class-based namespace, which acks whatever comes.",
    first_line="EventTimeout: the server has no handler for 'jion' in namespace '/room'; did you mean 'join'?: no event 'joined' in namespace '/room' within 0.2 s",
    cause="no handler",
    within=AT_TIMEOUT,
    remedy="Correct the name.",
)
async def misspelt_event_of_namespace_class():
    sio, app = server()

    class Room(socketio.AsyncNamespace):
        async def on_join(self, sid):
            await self.emit("joined", to=sid)

    sio.register_namespace(Room("/room"))
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect("/room", timeout=5)
        await client.emit("jion", namespace="/room")
        await client.await_event("joined", namespace="/room")


@faults.fault(
    "Awaits an event in another namespace than it arrives in.",
    first_line="EventTimeout: it arrived in namespace '/chat' instead: no event 'news' in namespace '/' within 0.2 s",
    cause="namespace '/chat'",
    within=AT_TIMEOUT,
    remedy="`await_event('news', namespace='/chat')`, or `namespace='*'` for all.",
)
async def awaited_in_wrong_namespace():
    sio, app = echo_server()

    @sio.on("subscribe", namespace="/chat")
    async def subscribe(sid):
        await sio.emit("news", "rain", namespace="/chat", to=sid)

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect("/", "/chat", timeout=5)
        await client.emit("subscribe", namespace="/chat")
        await client.await_event("news")


@faults.fault(
    "Awaits more events than are sent.",
    first_line="EventTimeout: 2 of 3 events 'echoed' came in namespace '/' within 0.2 s",
    cause="2 of 3",
    within=AT_TIMEOUT,
    remedy="The events that did arrive are in `.received`, and stay readable.",
)
async def too_few_events():
    _, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("echo", 1)
        await client.emit("echo", 2)
        await client.await_events(3, "echoed")


@faults.fault(
    "Awaits with a predicate that no event fits.",
    first_line="EventTimeout: 1 arrived, and match= took none of them: no event 'echoed' in namespace '/' that greeting takes within 0.2 s",
    cause="match=",
    within=AT_TIMEOUT,
    remedy="Compare the predicate with what arrived.",
)
async def predicate_never_fits():
    _, app = echo_server()

    def greeting(event):
        return event.data == "Hello"

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("echo", "hello")
        await client.await_event("echoed", match=greeting)


@faults.fault(
    "Awaits with a predicate that raises.",
    first_line="KeyError: 'text'",
    cause="'text'",
    within=KNOWN_EARLY,
    remedy="The traceback leads to the predicate; the event stays unread.",
)
async def predicate_raises():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", {"txt": "hello"})
        await client.await_event("echoed", match=lambda event: event.data["text"] == "hello")


@faults.fault(
    "Awaits an event that a handler of its own takes.",
    first_line="EventTimeout: 1 arrived, and was taken by this client's handler on_echoed: no event 'echoed' in namespace '/' within 0.2 s",
    cause="taken by this",
    within=AT_TIMEOUT,
    remedy="Use one of the two: the handler, or `await_event`.",
)
async def taken_by_own_handler():
    _, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:

        @client.on("echoed")
        def on_echoed(*args):
            pass

        await client.connect(timeout=5)
        await client.emit("echo", "hello")
        await client.await_event("echoed")


@faults.fault(
    "Awaits an event a second time.",
    first_line="EventTimeout: 1 arrived, and was read before: no event 'echoed' in namespace '/' within 0.2 s",
    cause="read before",
    within=AT_TIMEOUT,
    remedy="An event is handed out once; keep what `get_received` and `await_event` return.",
)
async def read_before():
    _, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("echo", "hello")
        await client.settle()
        client.get_received()
        await client.await_event("echoed")


@faults.fault(
    "Awaits an event that nobody sends.",
    first_line="EventTimeout: nothing arrived: no event 'news' in namespace '/' within 0.2 s",
    cause="nothing arrived",
    within=AT_TIMEOUT,
    remedy="Emit first; the last packets are at the end of the message.",
)
async def nobody_sends():
    _, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.await_event("news")


@faults.fault(
    "Awaits news of a room that it isn't in.",
    first_line="EventTimeout: 'news' went to room 'readers', and this client is not in it: no event 'news' in namespace '/' within 0.2 s",
    cause="room 'readers'",
    within=AT_TIMEOUT,
    remedy="`client.rooms()` says which rooms the client is in.",
)
async def room_never_entered():
    sio, app = echo_server()

    @sio.event
    async def publish(sid, news):
        await sio.emit("news", news, to="readers")

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("publish", "rain")
        await client.await_event("news")


@faults.fault(
    "Is disconnected by the server while waiting.",
    first_line="NotConnected: the connection ended: server disconnect",
    cause="ended",
    within=KNOWN_EARLY,
    remedy="The handler that ran last calls `sio.disconnect`.",
)
async def disconnected_while_waiting():
    sio, app = server()

    @sio.event
    async def login(sid, password):
        await sio.disconnect(sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("login", "guess")
        await client.await_event("welcome")


@faults.fault(
    "Calls an event whose handler disconnects it.",
    first_line="NotConnected: the connection ended: server disconnect",
    cause="ended",
    within=KNOWN_EARLY,
    remedy="An ack can't arrive any more; look at `disconnect_reason`.",
)
async def disconnected_by_called_handler():
    sio, app = server()

    @sio.event
    async def login(sid, password):
        await sio.disconnect(sid)
        await asyncio.sleep(0.05)

    async with TestClient(app) as client:
        await client.connect()
        await client.call("login", "guess")


@faults.fault(
    "Loses the transport while waiting.",
    first_line="NotConnected: the connection ended: server disconnect",
    cause="ended",
    within=KNOWN_EARLY,
    remedy="The server closed the Engine.IO session, not just a namespace.",
)
async def transport_closed_while_waiting():
    sio, app = server()

    @sio.event
    async def login(sid, password):
        await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, "/"))

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("login", "guess")
        await client.await_event("welcome")


@faults.fault(
    "Awaits an event after disconnecting.",
    first_line="NotConnected: not connected to namespace '/' any more: client disconnect",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Events that arrived before stay readable; nothing new can come.",
)
async def awaited_after_disconnect():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.disconnect()
        await client.await_event("echoed")


@faults.fault(
    "Emits after the server has disconnected it.",
    first_line="NotConnected: not connected to namespace '/' any more: server disconnect",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="`connect()` again.",
)
async def emit_after_server_disconnect():
    sio, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await sio.disconnect(client.sid)
        await client.settle()
        await client.emit("echo", "hi")


@faults.fault(
    "Cuts a wait short with a timeout of its own.",
    first_line="TimeoutError: ",
    cause="",
    within=AT_TIMEOUT,
    remedy="Use `await_event(..., timeout=0.2)`: that one explains itself. Nothing is lost: the event can still be awaited.",
)
async def wait_cancelled():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        async with asyncio.timeout(SHORT):
            await client.await_event("echoed")


@faults.fault(
    "Receives an event that it said would not come.",
    first_line="UnexpectedEvent: expected no 'echoed' in namespace '/', but 1 arrived: echoed(\"hi\")",
    cause="expected no 'echoed'",
    within=KNOWN_EARLY,
    remedy="`.events` has all of them.",
)
async def unexpected_event():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "hi")
        await client.assert_not_received("echoed")


@faults.fault(
    "Awaits what the app sent to everybody else.",
    first_line="EventTimeout: skip_sid left this client out of 'news': no event 'news' in namespace '/' within 0.2 s",
    cause="skip_sid",
    within=AT_TIMEOUT,
    remedy="Await it in a `client.clone()`: the app leaves its sender out.",
)
async def left_out_by_skip_sid():
    sio, app = echo_server()

    @sio.event
    async def publish(sid, news):
        await sio.emit("news", news, skip_sid=sid)

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.call("publish", "rain", timeout=5)
        await client.await_event("news")


@faults.fault(
    "Awaits what the app sent to a session id of before.",
    first_line="EventTimeout: the recipient is gone: 'news' went to '<sid>', this client's sid in an earlier connection: no event 'news' in namespace '/' within 0.2 s",
    cause="the recipient is gone",
    within=AT_TIMEOUT,
    remedy="A client that connects again has another `sid`: the app has to remove the old one.",
)
async def sent_to_an_old_sid():
    sio, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        before = client.sid
        await client.disconnect()
        await client.connect(timeout=5)
        await sio.emit("news", "rain", to=before)
        await client.await_event("news")


@faults.fault(
    "Awaits an event of a loop that the app begins once, by a flag.",
    first_line="EventTimeout: a task ended with an earlier client: tick (events.py:<line>); begin it in the lifespan, or anew with each client: no event 'tick' in namespace '/' within 0.2 s",
    cause="a task ended",
    within=AT_TIMEOUT,
    remedy="Begin it in the lifespan: the flag outlives the event loop that the task ran in.",
)
async def begun_once_by_a_flag():
    sio, app = echo_server()
    begun = []

    async def tick():
        while True:
            await sio.emit("tick")
            await sio.sleep(5)

    @sio.event
    async def connect(sid, environ):
        if not begun:
            begun.append(sio.start_background_task(tick))

    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("tick")
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.await_event("tick")
