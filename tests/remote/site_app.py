"""An app that records the scopes that it receives from RemoteServer."""

import asyncio

PATIENCE = 60
LARGE = b"\x00\xff" * 1_000_000


class Site:
    """An app that records its scopes and bodies, and answers by the path."""

    def __init__(self):
        self.scopes = []
        self.bodies = []
        self.ends = []

    def headers(self, index=-1):
        return {name.decode(): value for name, value in self.scopes[index]["headers"]}

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        await getattr(self, scope["path"].strip("/").partition("/")[0])(scope, receive, send)

    async def echo(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body")
        headers = [(b"x-a", b"1"), (b"x-a", b"2"), (b"set-cookie", b"seen=1")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def login(self, scope, receive, send):
        headers = [(b"location", b"/echo"), (b"set-cookie", b"session=s1; Path=/")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def away(self, scope, receive, send):
        headers = [(b"location", scope["query_string"])]
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def hang(self, scope, receive, send):
        await receive()
        self.ends.append("began")
        self.ends.append((await receive())["type"])

    async def refuse(self, scope, receive, send):
        headers = [(b"x-why", b"quota"), (b"set-cookie", b"refused=1")]
        start = {"type": "websocket.http.response.start", "status": 429, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"no more"})

    async def chat(self, scope, receive, send):
        await receive()
        headers = [(b"set-cookie", b"seat=7"), (b"x-b", b"1")]
        subprotocol = next(iter(scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "headers": headers, "subprotocol": subprotocol})
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4003, "reason": "enough"})
            else:
                await send({**message, "type": "websocket.send"})
        self.ends.append((message["code"], message.get("reason")))


async def ended(call, timeout=PATIENCE):
    await asyncio.wait_for(call.task, timeout)


async def until(condition):
    """Wait for a condition that the server's thread makes true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 (it tells this loop nothing)
            await asyncio.sleep(0.01)
