"""The one app that everybody is measured on, and a Flask twin for the client that has no ASGI.

The handlers do nothing: what is left is the server's cost and the client's.
"""

import socketio

PING_INTERVAL_S = 3600


def make_app() -> socketio.ASGIApp:
    """A new app with a server of its own: nobody inherits what another left behind.

    Pings are put off: the bare driver answers none, and a loop may stand still for a while.
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
    """The same handlers on Flask-SocketIO: (Flask, SocketIO)."""
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
