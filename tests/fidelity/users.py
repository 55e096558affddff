"""The users of the app: the stock client over aiohttp or over `ASGIClientSession`, and
`TestClient`.

All users have the same methods, so that a scenario is written once.
"""

import asyncio
import contextlib

import socketio
from socketio.exceptions import ConnectionError as SocketIOConnectionError

from .world import WAIT


class StockUser:
    """python-socketio's own client."""

    def __init__(self, world, http, base_url, transports, **options):
        self.world = world
        self.http = http
        self.base_url = base_url
        self.transports = list(transports)
        self.options = options
        self.refusals = []
        self._begin()

    def _begin(self):
        self.client = socketio.AsyncClient(
            http_session=self.http, reconnection=False, handle_sigint=False, **self.options
        )
        self._be_patient()
        self.arrived = asyncio.Queue()
        self.refused = asyncio.Event()
        self.gone = asyncio.Event()

    def _be_patient(self):
        """Prevent a close: the server announces a ping interval below 1 s as 0, and the stock
        client would close at once.
        """
        eio = self.client.eio
        connected = eio.handlers["connect"]

        async def connect():
            eio.ping_timeout = WAIT
            await connected()

        eio.handlers["connect"] = connect

    async def get(self, path):
        async with self.http.get(self.base_url + path) as response:
            return response.status

    async def connect(self, *namespaces, auth=None, headers=None, query="", path="socket.io"):
        """Connect; return whether the server accepted."""
        namespaces = namespaces or ("/",)
        if self.client.eio.state != "disconnected":
            self._begin()  # see leave()
        for namespace in namespaces:
            self.client.on("*", self._keep, namespace=namespace)
            self.client.on("question", self._answer, namespace=namespace)
            self.client.on("connect_error", self._refused, namespace=namespace)
            self.client.on("disconnect", self._gone, namespace=namespace)
        connecting = asyncio.ensure_future(
            self.client.connect(
                self.base_url + (f"?{query}" if query else ""),
                auth=auth,
                headers=dict(headers or {}),
                namespaces=list(namespaces),
                transports=self.transports,
                socketio_path=path,
                wait_timeout=WAIT,
            )
        )
        refused = asyncio.ensure_future(self.refused.wait())
        await asyncio.wait({connecting, refused}, return_when=asyncio.FIRST_COMPLETED)
        refused.cancel()
        if self.refused.is_set() and self.client.transport() == "polling":
            await self._end_connection(connecting)
            return False
        try:
            await connecting
        except SocketIOConnectionError:
            return False
        return True

    async def _polls(self):
        """Wait until a poll is pending at the server, so that the order of packets is fixed."""
        async with asyncio.timeout(WAIT):
            pending = self.world.recorder.pending_polls
            while self.client.eio.sid not in dict(pending()):  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0.001)

    async def _end_connection(self, leaving):
        """End the connection after the DISCONNECT has arrived; the client would wait 30 s for its
        poll.
        """
        while self.client.eio.state == "connected":  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0)
        await self.client.eio.queue.join()
        async with asyncio.timeout(WAIT):
            while not self.world.is_over(self.client.eio.sid):  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.001)
        self._stop()
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving

    async def _refused(self, *data):
        self.refused.set()

    async def _gone(self, reason):
        self.gone.set()

    async def _keep(self, event, *args):
        self.arrived.put_nowait((event, args))

    async def _answer(self, *args):
        return args

    async def emit(self, event, *args, namespace="/"):
        await self.client.emit(event, args, namespace=namespace)

    async def call(self, event, *args, namespace="/"):
        return await self.client.call(event, args, namespace=namespace, timeout=WAIT)

    async def event(self, name):
        async with asyncio.timeout(WAIT):
            while True:
                event, args = await self.arrived.get()
                if event == name:
                    return args

    async def leave(self):
        """Disconnect, and wait until the app's handler has ended."""
        if self.client.transport() == "polling":
            await self._polls()
        self.world.note("user leaves")
        seen = self.world.count("disconnect") + len(self.client.namespaces)
        leaving = asyncio.ensure_future(self.client.disconnect())
        await self.world.until("disconnect", seen)
        if self.client.transport() == "polling":
            await self._end_connection(leaving)
        else:
            await leaving

    async def cancel_request(self, path):
        """Start a request, and cancel it while the app handles it."""
        await cancelled_request(self.world, self.get(path))

    async def say(self, text):
        """Send a frame with the scenario's own text."""
        await self.client.eio.ws.send_str(text)

    async def lose_the_server(self):
        self.world.stop_server()

    def silence(self):
        """Stop answering pings."""
        send = self.client.eio._send_packet

        async def send_but_pongs(packet):
            if packet.packet_type != 3:
                await send(packet)

        self.client.eio._send_packet = send_but_pongs

    async def abort(self):
        """End without a DISCONNECT, as after the loss of the network."""
        self.world.note("user aborts")
        if self.client.transport() == "websocket":
            self.client.eio.ws._response.close()
        self._stop()

    def _stop(self):
        eio = self.client.eio
        for task in (eio.read_loop_task, eio.write_loop_task):
            if task is not None:
                task.cancel()

    async def ended(self):
        """Wait until the client has detected the end."""
        async with asyncio.timeout(WAIT):
            await self.gone.wait()

    put_out = ended

    async def close(self):
        self._stop()
        await asyncio.gather(self.client.eio.read_loop_task or _nothing(), return_exceptions=True)


async def cancelled_request(world, request):
    asking = asyncio.ensure_future(request)
    await world.until("holds")
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await world.until("let go")


async def _nothing():
    pass


class OurUser:
    """`TestClient`."""

    def __init__(self, world, client):
        self.world = world
        self.client = client

    async def get(self, path):
        return (await self.client.http.get(path)).status_code

    async def connect(self, *namespaces, auth=None, headers=None, query="", path="socket.io"):
        assert self.client._options.socketio_path.endswith(path)
        for namespace in namespaces or ("/",):
            self.client.on("question", lambda *args: args, namespace=namespace)
        try:
            await self.client.connect(*namespaces, auth=auth, headers=headers, query=query or None)
        except SocketIOConnectionError:
            await self.client.disconnect()
            return False
        return True

    async def emit(self, event, *args, namespace="/"):
        await self.client.emit(event, *args, namespace=namespace)

    async def call(self, event, *args, namespace="/"):
        return await self.client.call(event, *args, namespace=namespace)

    async def event(self, name):
        return (await self.client.await_event(name, namespace="*")).args

    async def leave(self):
        self.world.note("user leaves")
        await self.client.disconnect()

    async def cancel_request(self, path):
        await cancelled_request(self.world, self.client.http.get(path))

    async def say(self, text):
        self.client.raw.send_text(text)

    async def lose_the_server(self):
        self.client.raw.drop(1012)

    def silence(self):
        self.client.raw.answer_pings = False

    async def abort(self):
        self.world.note("user aborts")
        await self.client.abort()

    async def ended(self):
        await self.client.raw.wait_closed(WAIT)

    async def put_out(self):
        await self.client.settle()

    async def close(self):
        if self.client.is_connected():
            await self.client.abort()
