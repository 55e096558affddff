"""What is left at the end of the client's block."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server, warned_by

faults = Family()


@faults.fault(
    "A handler still runs at the end of the block.",
    first_line="LeakWarning: left over at exit: a handler that did not end within 0.2 s: order (event 'order', namespace '/') at leaving.py:<line> in order: await asyncio.sleep(60)",
    cause="a handler",
    within=AT_TIMEOUT,
    remedy="Await the handler's answer, or pass a longer `timeout=`, which is the time that the handler gets.",
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
    "A handler waits for a future at the end of the block, and nothing will set the future.",
    first_line="LeakWarning: left over at exit: a handler that waits for a future that nothing will set: order (event 'order', namespace '/') at leaving.py:<line> in order: await asyncio.Event().wait()",
    cause="a handler",
    within=KNOWN_EARLY,
    remedy="Set the future before the end of the block: the app has no timer, thread or socket that could set it.",
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
    "A handler awaits this client's ack at the end of the block.",
    first_line="LeakWarning: left over at exit: a handler that waits for an ack, but no client is connected: ask (event 'ask', namespace '/') at leaving.py:<line> in ask: await sio.call(\"sure\", to=sid)",
    cause="a handler",
    within=KNOWN_EARLY,
    remedy="Answer with `client.on`, or read the event and wait until the handler's own timeout.",
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
    "A handler still runs at the end of the block, with `strict=True`.",
    first_line="Leak: left over at exit: a handler that did not end within 0.2 s: order (event 'order', namespace '/') at leaving.py:<line> in order: await asyncio.sleep(60)",
    cause="a handler",
    within=AT_TIMEOUT,
    remedy="Await the handler's answer, or pass a longer `timeout=`, which is the time that the handler gets.",
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
    "The client does not ack an event whose ack the server awaits.",
    first_line="Leak: left over at exit: no ack given to the server's event 'confirm' (namespace '/'): it takes a client.on('confirm')",
    cause="left over",
    within=KNOWN_EARLY,
    remedy="Register `@client.on('confirm')`, whose return value is the ack.",
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
    "An event is not read, with `strict=True`.",
    first_line='Leak: left over at exit: never read: event ordered("tea") was received',
    cause="never read",
    within=KNOWN_EARLY,
    remedy="Await the event, or drain the inbox with `get_received()`.",
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
    "A disconnect handler does not end, so the server keeps the session id.",
    first_line="LeakWarning: left over at exit: a handler that did not end within 0.2 s: disconnect (event 'disconnect', namespace '/') at leaving.py:<line> in disconnect: await asyncio.sleep(60)",
    cause="a handler",
    within=AT_TIMEOUT + SHORT,
    remedy="The first line has the place where the handler is suspended.",
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
    "The test fails, and the app has raised, too.",
    first_line="AssertionError: the basket is empty",
    note="ValueError: no such article",
    cause="basket",
    within=KNOWN_EARLY,
    remedy="The test's exception is raised; the app's exceptions are in its notes.",
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
