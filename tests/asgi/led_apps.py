"""Apps whose steps the test controls, and a listener that records its calls."""

import asyncio

from asgi_sio_testclient.asgi import HTTPExchange, WebSocketConnection, http_scope, websocket_scope

SOON = 10.0  # seconds, the bound of waits that end at once
NEVER = 0.01  # seconds, for waits that end by their timeout


def exchange(app, method="GET", body=b"", **options):
    return HTTPExchange(app, http_scope(method, "/"), body, **options)


def websocket(app, **options):
    return WebSocketConnection(app, websocket_scope("/"), **options)


async def over(run):
    """Wait until the app's callable has returned; raise the exception of its task."""
    await asyncio.wait_for(asyncio.shield(run.task), SOON)


async def turn():
    """Let the event loop run one turn."""
    await asyncio.sleep(0)


class Steps:
    """An app controlled by the test: each step is a coroutine function of receive and send."""

    def __init__(self):
        self._steps = asyncio.Queue()

    async def __call__(self, scope, receive, send):
        while True:
            step, done = await self._steps.get()
            if step is None:
                done.set_result(None)
                return
            try:
                result = await step(receive, send)
            except Exception as exc:  # noqa: BLE001 (whatever it is, the test is told)
                done.set_exception(exc)
            else:
                done.set_result(result)

    def begin(self, step):
        done = asyncio.get_running_loop().create_future()
        self._steps.put_nowait((step, done))
        return done

    async def do(self, step):
        return await asyncio.wait_for(self.begin(step), SOON)

    async def receive(self):
        return await self.do(lambda receive, send: receive())

    async def send(self, **message):
        return await self.do(lambda receive, send: send(message))

    async def finish(self):
        await self.do(None)


class Told:
    """A listener that records its calls, in order."""

    def __init__(self):
        self.log = []

    def __getattr__(self, name):
        return lambda *args: self.log.append((name, *args))


async def asgi3(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": scope["method"].encode()})
