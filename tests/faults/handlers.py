"""Handlers that raise, do not end, block or do not answer: the app's, and the test's own."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio
import time

import socketio

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server

faults = Family()


@faults.fault(
    "The handler of a called event raises.",
    first_line="ValueError: no such article",
    note="raised by order (event 'order', namespace '/', sid '<sid>')",
    cause="no such article",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the handler.",
)
async def called_handler_raises():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        raise ValueError("no such article")

    async with TestClient(app) as client:
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "The handler raises, while the test awaits its event.",
    first_line="ValueError: no such article",
    note="raised by order (event 'order', namespace '/', sid '<sid>')",
    cause="no such article",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the handler.",
)
async def handler_raises_while_waiting():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await asyncio.sleep(0.01)
        raise ValueError("no such article")

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", "tea")
        await client.await_event("ordered")


@faults.fault(
    "The handler raises, and the test does not wait.",
    first_line="ValueError: no such article",
    note="raised by order (event 'order', namespace '/', sid '<sid>')",
    cause="no such article",
    within=KNOWN_EARLY,
    remedy="The exception is raised when the block ends. With `raise_app_exceptions=False` it is in `app_exceptions` only.",
)
async def handler_raises_without_a_wait():
    sio, app = server()

    @sio.event
    def order(sid, article):
        raise ValueError("no such article")

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", "tea")


@faults.fault(
    "A method of a class-based namespace raises.",
    first_line="ValueError: no such article",
    note="raised by Shop.on_order (event 'order', namespace '/shop', sid '<sid>')",
    cause="no such article",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the method.",
)
async def namespace_method_raises():
    sio, app = server()

    class Shop(socketio.AsyncNamespace):
        async def on_order(self, sid, article):
            raise ValueError("no such article")

    sio.register_namespace(Shop("/shop"))
    async with TestClient(app) as client:
        await client.connect("/shop")
        await client.call("order", "tea", namespace="/shop")


@faults.fault(
    "A catch-all handler raises.",
    first_line="KeyError: 'order'",
    note="raised by anything (event 'order', namespace '/', sid '<sid>')",
    cause="'order'",
    within=KNOWN_EARLY,
    remedy="The note names the event.",
)
async def catch_all_raises():
    sio, app = server()

    @sio.on("*")
    async def anything(event, sid, *args):
        return {}[event]

    async with TestClient(app) as client:
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "The disconnect handler raises.",
    first_line="KeyError: 'cart'",
    note="raised by disconnect (event 'disconnect', namespace '/', sid '<sid>')",
    cause="'cart'",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the handler.",
)
async def disconnect_handler_raises():
    sio, app = server()

    @sio.event
    async def disconnect(sid, reason):
        async with sio.session(sid) as session:
            del session["cart"]

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The client sends fewer arguments than the handler takes.",
    first_line="TypeError: order() missing 1 required positional argument: 'count'",
    note="raised by order (event 'order', namespace '/', sid '<sid>', "
    "defined at handlers.py:<line>)",
    cause="missing",
    within=KNOWN_EARLY,
    remedy="Send all arguments: `call('order', 'tea', 2)`.",
)
async def too_few_arguments():
    sio, app = server()

    @sio.event
    async def order(sid, article, count):
        pass

    async with TestClient(app) as client:
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "The client sends a tuple, and the handler takes one list.",
    first_line="TypeError: order() takes 2 positional arguments but 3 were given",
    note="raised by order (event 'order', namespace '/', sid '<sid>', "
    "defined at handlers.py:<line>)",
    cause="takes 2",
    within=KNOWN_EARLY,
    remedy="Send a list: a lone tuple expands to several arguments, as in python-socketio.",
)
async def tuple_for_list():
    sio, app = server()

    @sio.event
    async def order(sid, articles):
        pass

    async with TestClient(app) as client:
        await client.connect()
        await client.call("order", ("tea", "milk"))


@faults.fault(
    "A handler calls a coroutine function without `await`.",
    first_line="TypeError: 'coroutine' object is not subscriptable",
    note="raised by order (event 'order', namespace '/', sid '<sid>')",
    cause="coroutine",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line; Python's own warning names the coroutine.",
)
async def await_missing_in_handler():
    sio, app = server()

    async def price(article):
        return {"tea": 3}

    @sio.event
    async def order(sid, article):
        pending = price(article)
        try:
            return pending[article]
        finally:
            pending.close()

    async with TestClient(app) as client:
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "The handler of a called event does not end.",
    first_line="EventTimeout: still running: order (event 'order', namespace '/') at handlers.py:<line> in stock: await asyncio.Event().wait(): no ack for 'order' within 0.2 s",
    cause="still running: order",
    within=AT_TIMEOUT,
    remedy="The first line has the place where the handler is suspended.",
)
async def called_handler_hangs():
    sio, app = server()

    async def stock(article):
        await asyncio.Event().wait()

    @sio.event
    async def order(sid, article):
        await stock(article)

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.call("order", "tea")


@faults.fault(
    "The handler does not end, while the test awaits its event.",
    first_line="EventTimeout: still running: order (event 'order', namespace '/') at handlers.py:<line> in order: await asyncio.Event().wait(): no event 'ordered' in namespace '/' within 0.2 s",
    cause="still running: order",
    within=AT_TIMEOUT,
    remedy="The first line has the place where the handler is suspended.",
)
async def handler_hangs_while_waiting():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await asyncio.Event().wait()

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("order", "tea")
        await client.await_event("ordered")


@faults.fault(
    "`settle()` is called, and a handler does not end.",
    first_line="EventTimeout: still running: order (event 'order', namespace '/') at handlers.py:<line> in order: await asyncio.sleep(0.01): settle did not end within 0.2 s",
    cause="still running: order",
    within=AT_TIMEOUT,
    remedy="Start an endless loop with `sio.start_background_task`: `settle` waits for one round of it only.",
)
async def settle_with_hanging_handler():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        while True:  # noqa: ASYNC110 (the fault)
            await asyncio.sleep(0.01)

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.emit("order", "tea")
        await client.settle()


@faults.fault(
    "A handler blocks the event loop.",
    first_line="EventTimeout: a handler blocked the event loop for 0.2 s (order): no event 'ordered' in namespace '/' within 0.1 s",
    cause="blocked the event loop",
    within=AT_TIMEOUT,
    remedy="Use `await asyncio.to_thread(...)`, or `asyncio.sleep` instead of `time.sleep`.",
)
async def blocking_handler():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        time.sleep(0.2)  # noqa: ASYNC251 (the fault)

    async with TestClient(app, timeout=0.1) as client:
        await client.connect(timeout=5)
        await client.emit("order", "tea")
        await client.await_event("ordered")


@faults.fault(
    "The handler of a called event returns `sio.not_handled`, so no ack is sent.",
    first_line="EventTimeout: the handler returned, and no ack followed (order): no ack for 'order'",
    cause="no ack f",
    within=KNOWN_EARLY,
    remedy="Return a value, or use `emit` and `await_event` instead of `call`.",
)
async def ack_missing():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        return sio.not_handled

    async with TestClient(app) as client:
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "The test does not answer the server's `sio.call()`.",
    first_line="EventTimeout: no client.on('confirm') gives the ack that order awaits: no ack for 'order' within 0.2 s",
    cause="no client.on('confirm')",
    within=AT_TIMEOUT,
    remedy="Register `@client.on('confirm')`, whose return value is the ack.",
)
async def servers_call_unanswered():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        return await sio.call("confirm", article, to=sid, timeout=5)

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect(timeout=5)
        await client.call("order", "tea")


@faults.fault(
    "A handler of the test raises.",
    first_line="AssertionError: assert 'tea' == 'milk'",
    note="raised by confirm, a handler of this client (event 'confirm', namespace '/', sid '<sid>')",
    cause="tea",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the test.",
)
async def own_handler_raises():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        return await sio.call("confirm", article, to=sid, timeout=5)

    async with TestClient(app) as client:

        @client.on("confirm")
        def confirm(article):
            if article != "milk":
                raise AssertionError("assert 'tea' == 'milk'")

        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "A handler of the test takes too few arguments.",
    first_line="TypeError: confirm() takes 1 positional argument but 2 were given",
    cause="takes 1",
    within=KNOWN_EARLY,
    remedy="The handler takes the event's arguments, without a `sid`.",
)
async def own_handler_signature():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        await sio.emit("confirm", (article, 2), to=sid)

    async with TestClient(app) as client:

        @client.on("confirm")
        def confirm(article):
            pass

        await client.connect()
        await client.emit("order", "tea")
        await client.settle()


@faults.fault(
    "The ack callback of the test raises.",
    first_line="AssertionError: not what was ordered",
    cause="not what was ordered",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the test.",
)
async def own_callback_raises():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        return "coffee"

    def ordered(article):
        raise AssertionError("not what was ordered")

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", "tea", callback=ordered)
        await client.settle()


@faults.fault(
    "An ack callback of the app raises.",
    first_line="ValueError: unknown answer",
    cause="unknown answer",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the callback.",
)
async def apps_callback_raises():
    sio, app = server()

    async def confirmed(answer):
        raise ValueError("unknown answer")

    @sio.event
    async def order(sid, article):
        await sio.emit("confirm", article, to=sid, callback=confirmed)

    async with TestClient(app) as client:
        client.on("confirm", lambda article: "maybe")
        await client.connect()
        await client.emit("order", "tea")
        await client.settle()


@faults.fault(
    "A background task raises.",
    first_line="RuntimeError: no price list",
    cause="no price list",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the task.",
)
async def background_task_raises():
    sio, app = server()

    async def publish_prices():
        raise RuntimeError("no price list")

    @sio.event
    async def connect(sid, environ):
        sio.start_background_task(publish_prices)

    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("prices")


@faults.fault(
    "Two handlers raise, and the test does not wait.",
    first_line="ExceptionGroup: the app raised several exceptions (2 sub-exceptions)",
    cause="several exceptions",
    within=KNOWN_EARLY,
    remedy="The group has each original exception, with its own note.",
)
async def two_handlers_raise_without_a_wait():
    sio, app = server()

    @sio.event
    async def order(sid, article):
        raise ValueError(article)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", "tea")
        await client.emit("order", "milk")
