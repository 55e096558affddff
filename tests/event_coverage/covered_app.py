"""An app with a handler of every kind, for the tests of event coverage."""

import asyncio
import functools

import socketio

sio = socketio.AsyncServer(async_mode="asgi")


@sio.event
async def connect(sid, environ, auth):
    if auth == "refuse":
        raise socketio.exceptions.ConnectionRefusedError("no")
    return auth != "false"


@sio.event
def disconnect(sid):
    pass


@sio.event
async def say(sid, text):
    if not text:
        raise ValueError("nothing to say")
    await sio.emit("said", text)
    await sio.emit("logged", text)
    return len(text)


@sio.on("plain")
def plain_function(sid, *args):
    return len(args)


@sio.event
async def takes_one(sid, one):
    return one


@sio.event
async def never(sid):
    pass


@sio.event
async def kick(sid):
    await sio.disconnect(sid)


@sio.event
async def helper(sid, value):
    return value


@sio.event
async def calls_helper(sid, value):
    return await helper(sid, value)


@sio.on("first")
@sio.on("second")
async def shared(sid, value):
    return value


@sio.event
async def calls_shared(sid, value):
    return await shared(sid, value)


def only_admins(function):
    @functools.wraps(function)
    async def checked(sid, *args):
        return await function(sid, *args) if args == ("admin",) else "denied"

    return checked


@sio.event
@only_admins
async def guarded(sid, who):
    return who


def without_await(function):
    @functools.wraps(function)
    def called(*args):
        function(*args).close()
        return "closed"

    return called


@sio.event
@without_await
async def never_awaited(sid):
    pass


@sio.on("*", namespace="/any")
async def anything(event, sid, *args):
    return event


class Chat(socketio.AsyncNamespace):
    async def on_connect(self, sid, environ):
        pass

    async def on_disconnect(self, sid, reason):
        await asyncio.sleep(0)

    async def on_join(self, sid, room):
        return room

    def on_leave(self, sid, room):
        pass


class Strict(socketio.AsyncNamespace):
    async def trigger_event(self, event, *args):
        if event == "secret":
            return "denied"
        return await super().trigger_event(event, *args)

    async def on_open(self, sid):
        return "opened"

    async def on_secret(self, sid):
        return "secret"


sio.register_namespace(Chat("/chat"))
sio.register_namespace(Strict("/strict"))

second = socketio.AsyncServer(async_mode="asgi")


@second.on("other", namespace="/second")
async def other(sid):
    pass


@second.on("unused", namespace="/second")
async def unused(sid):
    pass


app = socketio.ASGIApp(sio)
second_app = socketio.ASGIApp(second)
