"""What is left over when the client goes."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server, warned_by

faults = Family()


@faults.fault(
    "Leaves while a handler still runs.",
    first_line="LeakWarning: left over at exit: a handler that did not end within 0.2 s: order (event 'order', namespace '/') at leaving.py:<line> in order: await asyncio.sleep(60)",
    cause="a handler",
    within=AT_TIMEOUT,
    remedy="Await the handler's answer, or let it end: `timeout=` is what it is given.",
)
async def handler_runs_at_exit():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await asyncio.sleep(60)

    async def scenario():
        async with TestClient(app, timeout=SHORT) as client:
            await client.connect(timeout=5)
            await client.emit("order", "tea")

    return await warned_by(scenario())


@faults.fault(
    "Leaves while a handler waits for what never comes.",
    first_line="LeakWarning: left over at exit: a handler that waits for a future that nothing will set: order (event 'order', namespace '/') at leaving.py:<line> in order: await asyncio.Event().wait()",
    cause="a handler",
    within=KNOWN_EARLY,
    remedy="Set what the handler waits for before the client is left: no timer, thread or socket of the app's can.",
)
async def handler_waits_in_vain_at_exit():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await asyncio.Event().wait()

    async def scenario():
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("order", "tea")

    return await warned_by(scenario())


@faults.fault(
    "Leaves while a handler awaits this client's ack.",
    first_line="LeakWarning: left over at exit: a handler that waits for an ack, but no client is connected: ask (event 'ask', namespace '/') at leaving.py:<line> in ask: await sio.call(\"sure\", to=sid)",
    cause="a handler",
    within=KNOWN_EARLY,
    remedy="Answer with `client.on`, or read the event and let the handler's own timeout come.",
)
async def handler_awaits_an_ack_at_exit():
    sio, app = server()

    @sio.event
    async def ask(sid):
        await sio.call("sure", to=sid)

    async def scenario():
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("ask")
            await client.await_event("sure")

    return await warned_by(scenario())


@faults.fault(
    "Leaves while a handler still runs, with `strict=True`.",
    first_line="Leak: left over at exit: a handler that did not end within 0.2 s: order (event 'order', namespace '/') at leaving.py:<line> in order: await asyncio.sleep(60)",
    cause="a handler",
    within=AT_TIMEOUT,
    remedy="Await the handler's answer, or let it end: `timeout=` is what it is given.",
)
async def handler_runs_at_strict_exit():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await asyncio.sleep(60)

    async with TestClient(app, timeout=SHORT, strict=True) as client:
        await client.connect(timeout=5)
        await client.emit("order", "tea")


@faults.fault(
    "Leaves without answering what the server wants acknowledged.",
    first_line="Leak: left over at exit: no ack given to the server's event 'confirm' (namespace '/'): it takes a client.on('confirm')",
    cause="left over",
    within=KNOWN_EARLY,
    remedy="`@client.on('confirm')`; what it returns is the ack.",
)
async def ack_never_answered():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await sio.emit("confirm", article, to=sid, callback=lambda answer: None)

    async with TestClient(app, strict=True) as client:
        await client.connect()
        await client.emit("order", "tea")
        await client.await_event("confirm")


@faults.fault(
    "Leaves without reading an event, with `strict=True`.",
    first_line='Leak: left over at exit: never read: event ordered("tea") was received',
    cause="never read",
    within=KNOWN_EARLY,
    remedy="Await it, or drain with `get_received()`.",
)
async def event_never_read():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await sio.emit("ordered", article, to=sid)

    async with TestClient(app, strict=True) as client:
        await client.connect()
        await client.emit("order", "tea")
        await client.settle()


@faults.fault(
    "Has a disconnect handler that hangs, so that the server keeps the session id.",
    first_line="LeakWarning: left over at exit: a handler that did not end within 0.2 s: disconnect (event 'disconnect', namespace '/') at leaving.py:<line> in disconnect: await asyncio.sleep(60)",
    cause="a handler",
    within=AT_TIMEOUT + SHORT,
    remedy="The first line says where the handler is suspended.",
)
async def disconnect_handler_hangs():
    sio, app = server()

    @sio.event
    async def disconnect(sid, reason):
        await asyncio.sleep(60)

    async def scenario():
        async with TestClient(app, timeout=SHORT) as client:
            await client.connect(timeout=5)

    return await warned_by(scenario())


@faults.fault(
    "Fails in the test's own body while the app has raised, too.",
    first_line="AssertionError: the basket is empty",
    note="ValueError: no such article",
    cause="basket",
    within=KNOWN_EARLY,
    remedy="The body's exception wins; what the app raised is in its notes.",
)
async def body_fails_first():
    sio, app = server()

    @sio.event
    def order(sid, article):
        raise ValueError("no such article")

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", "tea")
        raise AssertionError("the basket is empty")
