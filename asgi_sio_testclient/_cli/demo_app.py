"""The chat app that ``demo`` runs: asgi_sio_testclient._cli.demo_app:app.

An ordinary app, written with plain ASGI and python-socketio, so that no further package is needed:
an HTTP login that sets a signed cookie, and a Socket.IO server that accepts clients with that
cookie. The app must not import the test client.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from http.cookies import SimpleCookie
from typing import Any

import socketio
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

PASSWORDS = {"ada": "analytical", "grace": "hopper-bug"}
COOKIE = "chat_user"

_SECRET = secrets.token_bytes()


def create_app() -> socketio.ASGIApp:
    """Return the app: Socket.IO on /socket.io, the login on /login."""
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.register_namespace(ChatRooms("/"))
    sio.register_namespace(Lobby("/lobby"))
    return socketio.ASGIApp(sio, login)


async def login(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer POST /login with JSON ``{"name": ..., "password": ...}``: 204 and the cookie, or
    401.
    """
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", "/login"):
        await _respond(send, 404)
    else:
        form = json.loads(await _body(receive))
        name, password = str(form["name"]), str(form["password"])
        if hmac.compare_digest(PASSWORDS.get(name, "").encode(), password.encode()):
            await _respond(send, 204, f"{COOKIE}={_sign(name)}; Path=/; HttpOnly; SameSite=Lax")
        else:
            await _respond(send, 401)


class ChatRooms(socketio.AsyncNamespace):  # type: ignore[misc]
    """Chat rooms for users who are logged in."""

    async def on_connect(self, sid: str, environ: dict[str, Any], _auth: Any) -> None:
        """Accept a client that has the cookie."""
        name = _logged_in(environ.get("HTTP_COOKIE", ""))
        if name is None:
            raise socketio.exceptions.ConnectionRefusedError("log in first")
        await self.save_session(sid, {"name": name})

    async def on_join(self, sid: str, room: str) -> list[str]:
        """Enter a room, notify the others there, and return the names of all in the room."""
        async with self.session(sid) as session:
            session["room"] = room
        await self.enter_room(sid, room)
        await self._notify("joined", sid)
        members = [member for member, _ in self.server.manager.get_participants("/", room)]
        return sorted([(await self.get_session(member))["name"] for member in members])

    async def on_say(self, sid: str, text: str) -> None:
        """Emit "said" to the others in the room."""
        await self._notify("said", sid, text)

    async def on_disconnect(self, sid: str, _reason: str) -> None:
        """Emit "left" to the others in the room."""
        await self._notify("left", sid)

    async def _notify(self, event: str, sid: str, *what: str) -> None:
        session = await self.get_session(sid)
        if "room" in session:
            data = (session["name"], *what)
            await self.emit(event, data, room=session["room"], skip_sid=sid)


class Lobby(socketio.AsyncNamespace):  # type: ignore[misc]
    """Open to everybody, to try the ``emit`` command on."""

    async def on_echo(self, sid: str, *data: Any) -> tuple[Any, ...]:
        """Send the arguments back, as an event and as the ack."""
        await self.emit("echoed", data, to=sid)
        return data


def _sign(name: str) -> str:
    return f"{name}.{hmac.new(_SECRET, name.encode(), hashlib.sha256).hexdigest()}"


def _logged_in(cookies: str) -> str | None:
    morsel = SimpleCookie(cookies).get(COOKIE)
    if morsel is None:
        return None
    name = morsel.value.partition(".")[0]
    return name if hmac.compare_digest(_sign(name).encode(), morsel.value.encode()) else None


async def _lifespan(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: ASGIReceiveCallable) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body += message["body"]
        more = message["more_body"]
    return body


async def _respond(send: ASGISendCallable, status: int, cookie: str = "") -> None:
    headers = [(b"content-length", b"0")] if status != 204 else []  # noqa: PLR2004 (No Content)
    if cookie:
        headers.append((b"set-cookie", cookie.encode()))
    await send(
        {"type": "http.response.start", "status": status, "headers": headers, "trailers": False}
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})


app = create_app()
