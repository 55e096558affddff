"""The app of all measures, and a Flask app with the same handlers for Flask-SocketIO's client.

The handlers do nothing, so the figures have the cost of the server and the client only.
"""

import socketio

PING_INTERVAL_S = 3600


def make_app() -> socketio.ASGIApp:
    """Return a new app with a new server, so that no contender inherits state of another one.

    The ping interval is long: the bare driver answers no pings, and an event loop may not run for a
    while.
    """
    sio = socketio.AsyncServer(async_mode="asgi", ping_interval=PING_INTERVAL_S)

    @sio.event
    async def echo(_sid, data):
        return data

    @sio.event
    async def ask(sid, data):
        await sio.emit("answer", data, to=sid)

    @sio.event
    async def quiet(_sid, _data):
        return None

    @sio.event
    async def shout(_sid, data):
        await sio.emit("news", data)

    return socketio.ASGIApp(sio)


def make_flask_app():
    """Return a Flask app and its SocketIO with the same handlers."""
    import flask  # noqa: PLC0415 - installed for one peer only
    import flask_socketio  # noqa: PLC0415

    app = flask.Flask(__name__)
    sio = flask_socketio.SocketIO(app, async_mode="threading")

    @sio.on("echo")
    def echo(data):
        return data

    @sio.on("ask")
    def ask(data):
        flask_socketio.emit("answer", data)

    @sio.on("quiet")
    def quiet(_data):
        return None

    @sio.on("shout")
    def shout(data):
        flask_socketio.emit("news", data, broadcast=True)

    return app, sio
