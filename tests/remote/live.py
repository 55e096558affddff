"""Live servers for the tests: uvicorn in a thread, the official Node.js server in a process, and a
TCP server that speaks no HTTP.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
import socketio
import uvicorn

HOST = "127.0.0.1"
CERTIFICATE = Path(__file__).parents[1] / "fidelity" / "localhost.pem"
PATIENCE = 60  # seconds; a bound against a hang
PACKAGES = ("socket.io@4.8", "socket.io-client@4.8")
NPM = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent")

NODE_SERVER = """
const { Server } = require("socket.io");
const server = require("http").createServer();
const io = new Server(server, OPTIONS);
BODY
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""

NODE_ECHO = """
const handle = (socket) => {
  socket.emit("hello", socket.handshake.auth);
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("repeat", (count, value) => {
    for (let n = 0; n < count; n++) socket.emit("repeated", n, value);
  });
  socket.on("ask", (value) => {
    socket.emit("question", value, (...answer) => socket.emit("told", answer));
  });
  socket.on("leave_me", () => socket.disconnect());
  socket.on("end_connection", () => socket.conn.close());
};
io.on("connection", handle);
io.of("/chat").use((socket, next) => {
  next(socket.handshake.auth.token === "t" ? undefined : new Error("no"));
});
io.of("/chat").on("connection", handle);
"""


class Echo(socketio.AsyncNamespace):
    """Handles the same events as `NODE_ECHO`."""

    async def on_connect(self, sid, environ, auth):
        if self.namespace == "/chat" and (auth or {}).get("token") != "t":
            raise socketio.exceptions.ConnectionRefusedError("no")
        await self.emit("hello", auth or {}, to=sid)

    async def on_echo(self, sid, *args):
        return args

    async def on_repeat(self, sid, count, value):
        for n in range(count):
            await self.emit("repeated", (n, value), to=sid)

    async def on_ask(self, sid, value):
        async def told(*answer):
            await self.emit("told", list(answer), to=sid)

        await self.emit("question", value, to=sid, callback=told)

    async def on_leave_me(self, sid):
        await self.disconnect(sid)

    async def on_end_connection(self, sid):
        await self.server.eio.disconnect(self.server.manager.eio_sid_from_sid(sid, self.namespace))


def echo_app(**options):
    """Return an app with the same events as `NODE_ECHO`."""
    sio = socketio.AsyncServer(async_mode="asgi", **options)
    sio.register_namespace(Echo("/"))
    sio.register_namespace(Echo("/chat"))
    return socketio.ASGIApp(sio)


class _Uvicorn(uvicorn.Server):
    """Sets an event when it has started, and stops when `end` is called.

    `uvicorn.Server` checks ten times a second whether to stop, and waits a tenth of a second for
    connections to close even if there is none.
    """

    def __init__(self, config):
        super().__init__(config)
        self.running = threading.Event()

    async def startup(self, sockets=None):
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets=sockets)
        self.running.set()

    async def main_loop(self):
        await self.on_tick(0)
        await self._ended.wait()

    def end(self):
        self._loop.call_soon_threadsafe(self._ended.set)

    async def shutdown(self, sockets=None):
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()


@contextlib.contextmanager
def serve(app, **options):
    """Serve an ASGI app with uvicorn in a thread; return the server's URL."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        **options,
    )
    server = _Uvicorn(config)
    # asyncio sets TCP_NODELAY only on sockets with an explicit protocol.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind((HOST, 0))
        port = listening.getsockname()[1]
        thread = threading.Thread(target=_run, args=(server, listening))
        thread.start()
        try:
            assert server.running.wait(PATIENCE)
            yield f"{'https' if config.is_ssl else 'http'}://{HOST}:{port}"
        finally:
            server.end()
            thread.join(PATIENCE)


def _run(server, listening):
    with asyncio.Runner() as runner:
        runner.run(_serve(server, listening))


async def _serve(server, listening):
    await server.serve(sockets=[listening])
    # python-engineio's own tasks: the ping timers of closed clients, and the service task.
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    while tasks:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.1)
        tasks = {task for task in tasks if not task.done()}


def node_modules():
    """Return the directory in which socket.io is installed; skip the test if it can't
    be installed.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    place = cache / "asgi-sio-testclient" / f"node-{name}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in several processes
        if not (place / "installed").exists():
            command = (*NPM, *PACKAGES)
            done = subprocess.run(
                command, cwd=place, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
            if done.returncode:
                pytest.skip(f"npm can't install socket.io: {done.stderr.strip()[-200:]}")
            (place / "installed").touch()
    return place


class Node:
    """A Node.js process that serves one server."""

    def __init__(self, body=NODE_ECHO, options="{}"):
        source = NODE_SERVER.replace("OPTIONS", options).replace("BODY", body)
        self.process = subprocess.Popen(
            ["node", "-e", source],
            cwd=node_modules(),
            stdout=subprocess.PIPE,
            text=True,
        )
        port = self.process.stdout.readline().strip()
        self.url = f"http://{HOST}:{port}"

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.process.stdout.close()


@contextlib.asynccontextmanager
async def answering(answer, *, tls=False):
    """Serve TCP: send `answer` after the first line, or nothing if it is None; yield the port."""
    over = asyncio.Event()

    async def serve_one(reader, writer):
        if answer is None:
            await over.wait()
        else:
            await reader.readline()
            writer.write(answer)
        writer.close()

    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(serve_one, HOST, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        over.set()
