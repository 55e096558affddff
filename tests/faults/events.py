"""Waits for events that do not arrive: names, namespaces, predicates, connections that end."""
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
    "The awaited event is misspelt.",
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
    "The emitted event is misspelt, and the test awaits the answer.",
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
    "The called event is misspelt.",
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
    "The event is called in a namespace that has no handler for it.",
    first_line="EventTimeout: the server has no handler for 'echo' in namespace '/chat'; namespace '/' has one: no ack for 'echo'",
    cause="no handler",
    within=KNOWN_EARLY,
    remedy="Omit `namespace=`, or register the handler there.",
)
async def called_in_wrong_namespace():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect("/", "/chat")
        await client.call("echo", "hi", namespace="/chat")


@faults.fault(
    "An event of a class-based namespace is misspelt; the namespace acks all events.",
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
    "The event is awaited in another namespace than it arrives in.",
    first_line="EventTimeout: it arrived in namespace '/chat' instead: no event 'news' in namespace '/' within 0.2 s",
    cause="namespace '/chat'",
    within=AT_TIMEOUT,
    remedy="Use `await_event('news', namespace='/chat')`, or `namespace='*'` for all.",
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
    "More events are awaited than are sent.",
    first_line="EventTimeout: 2 of 3 events 'echoed' came in namespace '/' within 0.2 s",
    cause="2 of 3",
    within=AT_TIMEOUT,
    remedy="The events that arrived are in `.received`, and can still be read.",
)
async def too_few_events():
    _, app = echo_server()
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("echo", 1)
        await client.emit("echo", 2)
        await client.await_events(3, "echoed")


@faults.fault(
    "No event fits `match=`.",
    first_line="EventTimeout: 1 arrived, and match= took none of them: no event 'echoed' in namespace '/' that greeting takes within 0.2 s",
    cause="match=",
    within=AT_TIMEOUT,
    remedy="Compare the predicate with the events that arrived.",
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
    "`match=` raises.",
    first_line="KeyError: 'text'",
    cause="'text'",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the predicate; the event stays unread.",
)
async def predicate_raises():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", {"txt": "hello"})
        await client.await_event("echoed", match=lambda event: event.data["text"] == "hello")


@faults.fault(
    "A handler of the test takes the awaited event.",
    first_line="EventTimeout: 1 arrived, and was taken by this client's handler on_echoed: no event 'echoed' in namespace '/' within 0.2 s",
    cause="taken by this",
    within=AT_TIMEOUT,
    remedy="Use either the handler or `await_event`.",
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
    "An event is awaited a second time.",
    first_line="EventTimeout: 1 arrived, and was read before: no event 'echoed' in namespace '/' within 0.2 s",
    cause="read before",
    within=AT_TIMEOUT,
    remedy="Keep the results of `get_received` and `await_event`: an event is returned once.",
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
    "The app does not send the awaited event.",
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
    "The event is sent to a room that the client is not in.",
    first_line="EventTimeout: 'news' went to room 'readers', and this client is not in it: no event 'news' in namespace '/' within 0.2 s",
    cause="room 'readers'",
    within=AT_TIMEOUT,
    remedy="`client.rooms()` has the rooms of the client.",
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
    "The server disconnects the client during a wait.",
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
    "The handler of a called event disconnects the client.",
    first_line="NotConnected: the connection ended: server disconnect",
    cause="ended",
    within=KNOWN_EARLY,
    remedy="No ack can arrive any more; check `disconnect_reason`.",
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
    "The server closes the Engine.IO session during a wait.",
    first_line="NotConnected: the connection ended: server disconnect",
    cause="ended",
    within=KNOWN_EARLY,
    remedy="The session was closed with all of its namespaces, not only one namespace.",
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
    "An event is awaited after the client has disconnected.",
    first_line="NotConnected: not connected to namespace '/' any more: client disconnect",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Events that arrived before can still be read; no others can arrive.",
)
async def awaited_after_disconnect():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.disconnect()
        await client.await_event("echoed")


@faults.fault(
    "The client emits after the server has disconnected it.",
    first_line="NotConnected: not connected to namespace '/' any more: server disconnect",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Call `connect()` again.",
)
async def emit_after_server_disconnect():
    sio, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        await sio.disconnect(client.sid)
        await client.settle()
        await client.emit("echo", "hi")


@faults.fault(
    "The test's own timeout cancels a wait.",
    first_line="TimeoutError: ",
    cause="",
    within=AT_TIMEOUT,
    remedy="Use `await_event(..., timeout=0.2)`, whose error has the cause. The event is not lost and can still be awaited.",
)
async def wait_cancelled():
    _, app = echo_server()
    async with TestClient(app) as client:
        await client.connect()
        async with asyncio.timeout(SHORT):
            await client.await_event("echoed")


@faults.fault(
    "An event arrives that should not arrive.",
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
    "The app sends the event to all clients but this one.",
    first_line="EventTimeout: skip_sid left this client out of 'news': no event 'news' in namespace '/' within 0.2 s",
    cause="skip_sid",
    within=AT_TIMEOUT,
    remedy="Await the event in a `client.clone()`: the app omits the sender.",
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
    "The app sends the event to the client's session id of an earlier connection.",
    first_line="EventTimeout: the recipient is gone: 'news' went to '<sid>', this client's sid in an earlier connection: no event 'news' in namespace '/' within 0.2 s",
    cause="the recipient is gone",
    within=AT_TIMEOUT,
    remedy="Remove the old `sid` in the app: a client that reconnects has another one.",
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
    "The app starts the loop that sends the event only once, by a flag.",
    first_line="EventTimeout: a task ended with an earlier client: tick (events.py:<line>); begin it in the lifespan, or anew with each client: no event 'tick' in namespace '/' within 0.2 s",
    cause="a task ended",
    within=AT_TIMEOUT,
    remedy="Start the loop in the lifespan: the flag outlives the event loop of the task.",
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
