"""A booking app with one seat, with and without a race, in the variants of the schedules' tests."""

import asyncio

import socketio
from fastapi import FastAPI

from asgi_sio_testclient import TestClient


async def sleeping():
    await asyncio.sleep(0.01)


async def yielding():
    await asyncio.sleep(0)


def build(*, fixed=False, payment=sleeping, **options):
    """Return the app. Unless it is fixed, it awaits the payment between the check and the write."""
    sio = socketio.AsyncServer(async_mode="asgi", **options)
    app = socketio.ASGIApp(sio)
    app.seats, app.sold = 1, []

    @sio.event
    async def book(sid):
        if app.seats < 1:
            return "sold out"
        if fixed:
            app.seats -= 1
        await payment()
        if not fixed:
            app.seats -= 1
        app.sold.append(sid)
        return "booked"

    return app


class Booking(socketio.AsyncNamespace):
    def __init__(self, namespace, app, *, fixed):
        super().__init__(namespace)
        self.app, self.fixed = app, fixed

    async def on_book(self, sid):
        if self.app.seats < 1:
            return
        if self.fixed:
            self.app.seats -= 1
        await self.emit("booking", sid)
        if not self.fixed:
            self.app.seats -= 1
        self.app.sold.append(sid)


def build_with_a_class(*, fixed=False):
    sio = socketio.AsyncServer(async_mode="asgi")
    app = socketio.ASGIApp(sio)
    app.seats, app.sold = 1, []
    sio.register_namespace(Booking("/booking", app, fixed=fixed))
    return app


def build_with_http(*, fixed=False):
    api = FastAPI()
    sio = socketio.AsyncServer(async_mode="asgi")
    app = socketio.ASGIApp(sio, api)
    app.seats, app.sold = 1, []

    @api.post("/book")
    async def book():
        if app.seats < 1:
            return
        if fixed:
            app.seats -= 1
        await sleeping()
        if not fixed:
            app.seats -= 1
        app.sold.append(1)

    @api.get("/in-a-thread")
    def in_a_thread():
        return "done"

    return app


async def two_book(app, namespace="/", **options):
    async with TestClient(app, **options) as a, a.clone() as b:
        await a.connect(namespace)
        await b.connect(namespace)
        await a.emit("book", namespace=namespace)
        await asyncio.sleep(0.1)
        await b.emit("book", namespace=namespace)
        await a.settle()
        assert len(app.sold) <= 1, f"sold {len(app.sold)} times"


async def two_book_by_http(app):
    async def late(client):
        await asyncio.sleep(0.1)
        await client.http.post("/book")

    async with TestClient(app) as client:
        await client.connect()
        assert (await client.http.get("/in-a-thread")).json() == "done"
        await asyncio.gather(client.http.post("/book"), late(client))
        assert len(app.sold) <= 1


def on_a_new_app(scenario, **options):
    """Return a scenario that builds the app with `options`, and runs `scenario` on it."""

    async def run():
        await scenario(build(**options))

    return run
