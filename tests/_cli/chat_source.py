"""The app of the commands' tests, as source."""

CHAT = """
    import socketio

    sio = socketio.AsyncServer(async_mode="asgi")
    app = socketio.ASGIApp(sio)

    @sio.event
    async def connect(sid, environ, auth):
        await sio.save_session(sid, {"auth": auth, "environ": environ})

    @sio.event
    async def add(sid, a, b):
        return a + b

    @sio.event
    async def two(sid):
        return 1, 2

    @sio.event
    async def nothing(sid):
        pass

    @sio.event
    async def echo(sid, *args):
        await sio.emit("echoed", args, to=sid)

    @sio.event
    async def many(sid, count):
        for number in range(count):
            await sio.emit("number", number, to=sid)

    @sio.event
    async def long(sid, count):
        for _ in range(count):
            await sio.emit("long", "x" * 10_000, to=sid)

    @sio.event
    async def binary(sid):
        return b"\\x00\\xff"

    @sio.event
    async def talkative(sid):
        print("printed by the app")

    @sio.event
    async def faulty(sid):
        raise ZeroDivisionError("the handler's own words")

    @sio.event
    async def connection(sid):
        session = await sio.get_session(sid)
        environ = session["environ"]
        return {
            "auth": session["auth"],
            "cookie": environ.get("HTTP_COOKIE"),
            "x-tenant": environ.get("HTTP_X_TENANT"),
            "transport": sio.transport(sid),
        }

    @sio.on("echo", namespace="/chat")
    async def echo_in_chat(sid, *args):
        await sio.emit("echoed", args, to=sid, namespace="/chat")

    @sio.event(namespace="/closed")
    async def connect(sid, environ, auth):
        raise socketio.exceptions.ConnectionRefusedError("members only")

    def create_app():
        return app

    def broken_factory():
        raise LookupError("no settings")

    class nested:
        deeper = app

    not_an_app = 42
"""
