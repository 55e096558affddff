"""The scenarios, which every kind of user plays over every transport."""

from dataclasses import dataclass, field

ALL = (("websocket",), ("polling",), ("polling", "websocket"))
WEBSOCKET = (("websocket",),)
POLLING = (("polling",),)
PING, PONG = "2", "3"

SCENARIOS = {}


@dataclass
class Scenario:
    """A scenario, the options of its server and of its users.

    Attributes:
        tls, root_path, lifespan: options of the web server, which is started for this scenario
            only.
        in_memory: the users that can play it in memory: the stock client ("stock"), `TestClient`
            ("ours").
    """

    run: object
    transports: tuple = ALL
    namespaces: tuple = ("/",)
    users: int = 1
    path: str = "socket.io"
    serializer: str = "default"
    server: dict = field(default_factory=dict)
    tls: bool = False
    root_path: str = ""
    lifespan: bool = False
    in_memory: tuple = ("stock", "ours")

    @property
    def timed(self):
        """Whether the scenario depends on a timer of the server with a tenth of a second."""
        return "ping_interval" in self.server


def scenario(**options):
    server = options.pop("server", {})

    def register(run):
        SCENARIOS[run.__name__] = Scenario(run, server=server, **options)
        return run

    return register


# -- connecting


@scenario()
async def connects_and_disconnects(world, user):
    await user.connect()
    await user.leave()


@scenario()
async def connects_with_auth(world, user):
    await user.connect(auth={"token": "abc", "number": 1})
    await user.leave()


@scenario()
async def connects_with_headers_and_query(world, user):
    await user.connect(headers={"X-Test": "yes"}, query="room=5&name=ä")
    await user.leave()


@scenario()
async def reconnects(world, user):
    await user.connect()
    await user.leave()
    await user.connect(auth={"second": True})
    await user.leave()


@scenario()
async def event_before_connect_is_answered(world, user):
    await user.connect(auth={"greet": "hello"})
    await user.event("greeting")
    await user.leave()


@scenario(server={"always_connect": True})
async def connected_before_the_connect_handler(world, user):
    await user.connect(auth={"greet": "hello"})
    await user.event("greeting")
    await user.leave()


@scenario()
async def slow_connect_handler(world, user):
    await user.connect(auth={"wait": 0.05})
    await user.leave()


# -- refusals


@scenario()
async def refused_with_data(world, user):
    assert not await user.connect(auth={"refuse": ["no entry", {"code": 7}]})


@scenario()
async def refused_with_false(world, user):
    assert not await user.connect(auth={"refuse": False})


@scenario(namespaces=("/", "/other"))
async def namespace_without_handlers(world, user):
    assert not await user.connect("/unknown")


@scenario(server={"cors_allowed_origins": ["http://good.example"]})
async def origin_allowed(world, user):
    await user.connect(headers={"Origin": "http://good.example"})
    await user.leave()


@scenario(server={"cors_allowed_origins": ["http://good.example"]})
async def origin_refused(world, user):
    assert not await user.connect(headers={"Origin": "http://bad.example"})


@scenario(transports=WEBSOCKET, server={"transports": ["polling"]})
async def websocket_refused(world, user):
    assert not await user.connect()


@scenario(transports=POLLING, server={"transports": ["websocket"]})
async def polling_refused(world, user):
    assert not await user.connect()


@scenario(transports=(("polling", "websocket"),), server={"allow_upgrades": False})
async def upgrade_not_offered(world, user):
    await user.connect()
    assert await user.call("echo", 1) == 1
    await user.leave()


@scenario(path="elsewhere")
async def wrong_path(world, user):
    assert not await user.connect(path="elsewhere")


# -- namespaces


@scenario(namespaces=("/", "/chat"))
async def two_namespaces(world, user):
    await user.connect("/", "/chat")
    assert await user.call("echo", "a") == "a"
    assert await user.call("echo", "b", namespace="/chat") == "b"
    await user.leave()


@scenario(namespaces=("/", "/chat"))
async def disconnected_from_one_namespace_by_the_server(world, user):
    await user.connect("/", "/chat")
    await user.emit("kick", namespace="/chat")
    await user.put_out()
    assert await user.call("echo", "still here") == "still here"
    await user.leave()


# -- events and acks


@scenario()
async def acks(world, user):
    await user.connect()
    assert await user.call("echo") is None
    assert await user.call("echo", "one") == "one"
    assert tuple(await user.call("echo", "one", 2, None, [True])) == ("one", 2, None, [True])
    assert await user.call("echo", "") == ""
    await user.leave()


@scenario()
async def events_and_messages(world, user):
    await user.connect()
    await user.emit("reply", "ünïcödé ☃", {"a": [1, 2.5, None]})
    await user.event("reply")
    await user.emit("message", "text")
    await user.event("message")
    await user.leave()


@scenario()
async def binary(world, user):
    await user.connect()
    assert await user.call("echo", b"\x00\xff") == b"\x00\xff"
    assert await user.call("echo", {"a": [b"one", {"b": b""}], "c": "text"})
    await user.emit("reply", b"one", b"two")
    await user.event("reply")
    await user.leave()


@scenario()
async def call_from_the_server(world, user):
    await user.connect()
    await user.emit("ask", "what?", 1)
    await world.until("answer")
    await user.leave()


@scenario()
async def call_from_the_server_with_bytes(world, user):
    await user.connect()
    await user.emit("ask", b"\x01\x02")
    await world.until("answer")
    await user.leave()


@scenario()
async def many_events_from_the_server(world, user):
    await user.connect()
    # The stock client does not accept more than 16 packets in one response either.
    assert await user.call("burst", 12) == 12
    await user.leave()


@scenario(server={"async_handlers": False})
async def handlers_one_after_the_other(world, user):
    await user.connect()
    await user.emit("slow", 0.02)
    assert await user.call("echo", "after") == "after"
    await user.leave()


@scenario()
async def slow_handler_beside_others(world, user):
    await user.connect()
    await user.emit("slow", 0.05)
    assert await user.call("echo", "meanwhile") == "meanwhile"
    await world.until("slow ends")
    await user.leave()


@scenario()
async def event_without_a_handler(world, user):
    await user.connect()
    await user.emit("no such event", 1)
    assert await user.call("echo", "on") == "on"
    await user.leave()


@scenario()
async def handler_raises(world, user):
    await user.connect()
    await user.emit("fail")
    assert await user.call("echo", "on") == "on"
    await user.leave()


@scenario(serializer="msgpack", transports=WEBSOCKET)
async def msgpack(world, user):
    await user.connect()
    assert await user.call("echo", "text", b"bytes")
    await user.emit("reply", {"a": b"\x00"})
    await user.event("reply")
    await user.leave()


# -- rooms


@scenario(users=2)
async def rooms(world, one, two):
    await one.connect()
    await two.connect()
    assert await two.call("join", "red") == "joined"
    await one.emit("to_room", "red", "hello")
    await two.event("room")
    assert await two.call("leave", "red") == "left"
    await one.emit("to_room", "red", "nobody there")
    await one.call("echo", 1)
    await one.leave()
    await two.leave()


@scenario(users=2)
async def broadcast(world, one, two):
    await one.connect()
    await two.connect()
    await one.emit("shout", "to all")
    await one.event("shout")
    await two.event("shout")
    await two.leave()
    await one.leave()


# -- endings


@scenario(server={"ping_interval": 0.2, "ping_timeout": 0.05})
async def abort(world, user):
    await user.connect()
    await user.call("echo", 1)
    await user.abort()
    await world.until("disconnect")


@scenario()
async def disconnected_by_the_server(world, user):
    await user.connect()
    await user.emit("kick")
    await world.until("disconnect")
    await user.ended()


@scenario()
async def connection_closed_by_the_server(world, user):
    await user.connect()
    await user.emit("drop")
    await world.until("disconnect")
    await user.ended()


@scenario(server={"ping_interval": 0.2, "ping_timeout": 1})
async def heartbeat(world, user):
    await user.connect()
    await world.until_packet("receives", PONG)
    assert await user.call("echo", "still here") == "still here"
    await user.leave()


@scenario(server={"ping_interval": 0.25, "ping_timeout": 0.1})
async def answers_no_pings(world, user):
    await user.connect()
    user.silence()
    await world.until_packet("sends", PING)
    # Without this event two timers of the server would race: the ping timeout, and that of a client
    # without any packet for both intervals together, which is checked every 0.1 s.
    await user.emit("echo", "still here")
    await world.until("disconnect")


@scenario()
async def disconnects_while_a_handler_runs(world, user):
    await user.connect()
    await user.emit("slow", 0.05)
    await world.until("slow begins")
    await user.leave()
    await world.until("slow ends")


@scenario(
    transports=(("websocket",), ("polling", "websocket")),
    server={"ping_interval": 0.2, "ping_timeout": 0.05},
)
async def malformed_packet(world, user):
    await user.connect()
    await user.say("abc")
    await world.until("disconnect")


@scenario(lifespan=True, transports=(("websocket",), ("polling", "websocket")), in_memory=("ours",))
async def server_shuts_down(world, user):
    await user.connect()
    await user.call("echo", 1)
    await user.lose_the_server()
    await world.until("disconnect")


# -- the rest of the app


@scenario()
async def request_cancelled(world, user):
    await user.connect()
    await user.cancel_request("/hold")
    await user.leave()


@scenario(lifespan=True)
async def lifespan_and_its_state(world, user):
    assert await user.get("/login") == 200
    await user.connect()
    await user.leave()


@scenario(tls=True)
async def tls(world, user):
    assert await user.get("/login") == 200
    await user.connect()
    await user.call("echo", 1)
    await user.leave()


@scenario(root_path="/api", in_memory=("ours",))
async def root_path(world, user):
    await user.connect()
    await user.leave()


# -- payloads, cookies


@scenario()
async def large_payloads(world, user):
    await user.connect()
    text = "x" * 300_000
    assert await user.call("echo", text) == text
    assert await user.call("echo", text.encode()) == text.encode()
    await user.leave()


@scenario(server={"max_http_buffer_size": 1000})
async def payload_too_large(world, user):
    await user.connect()
    await user.emit("echo", "x" * 2000)
    await world.until("disconnect")


@scenario(server={"cookie": "io"})
async def engineio_cookie(world, user):
    await user.connect()
    await user.call("echo", 1)
    await user.leave()
    await user.connect()
    await user.leave()


@scenario()
async def login_cookie(world, user):
    assert await user.get("/login") == 200
    await user.connect()
    await user.leave()


@scenario(server={"http_compression": False})
async def no_compression(world, user):
    await user.connect()
    assert await user.call("echo", "y" * 5000)
    await user.leave()
