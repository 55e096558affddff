"""Runs a scenario in each of the three settings, and returns what the app received and sent."""

import asyncio
import contextlib
import logging
import socket
from collections import ChainMap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import socketio
import uvicorn

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.stock import ASGIClientSession

from .scenarios import SCENARIOS
from .users import OurUser, StockUser
from .world import WAIT, World

THREADS = 6
ATTEMPTS = 3
ATTEMPTS_IN_TIME = 10  # attempts of scenarios that depend on a timer, on a busy machine
LOOK = 0.01  # seconds
QUIET_LOOKS = 4
TURNS = 20
HOST = "127.0.0.1"
# The exceptions of a user's step if a timer of the server has disconnected the user before.
TOO_LATE = (TimeoutError, socketio.exceptions.SocketIOError, aiohttp.ClientError)
CERTIFICATE = Path(__file__).with_name("localhost.pem")  # with its key, for these tests only


class Current:
    """The app that uvicorn serves; each scenario replaces its inner app."""

    app = None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@contextlib.asynccontextmanager
async def uvicorn_server(**options):
    """Start a server on a port of loopback; yield its `Current` app, the port and the server."""
    current = Current()
    options = {"lifespan": "off", "timeout_graceful_shutdown": 1, **options}
    config = uvicorn.Config(current, log_config=None, access_log=False, **options)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    # asyncio sets TCP_NODELAY only on sockets with an explicit protocol; without it each answer
    # takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind((HOST, 0))
        port = listening.getsockname()[1]
        yield current, port, Serving(server, listening)


class Serving:
    """A server that starts when its app is known."""

    def __init__(self, server, listening):
        self._server = server
        self._listening = listening
        self._task = None

    async def begin(self):
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listening]))
        while not self._server.started:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.001)

    def stop(self):
        self._server.should_exit = True

    async def end(self):
        self.stop()
        await self._task


def record_uvicorn(cases=None):
    """Record the scenarios, all by default, over a real socket; return (port, recording) by (name,
    transports).

    The scenarios mostly wait. So several threads share them, each with its own event loop and
    server.
    """
    if cases is None:
        cases = [(name, transports) for name, s in SCENARIOS.items() for transports in s.transports]
    with ThreadPoolExecutor(THREADS) as pool:
        shares = [cases[start::THREADS] for start in range(THREADS)]
        return dict(ChainMap(*pool.map(lambda share: asyncio.run(record_all(share)), shares)))


async def record_all(cases):
    """Record scenarios on one server; scenarios with server options get their own server."""
    recordings = {}
    async with uvicorn_server() as (current, port, serving):
        await serving.begin()
        for name, transports in cases:
            recordings[name, transports] = await record_as_a_rule(
                SCENARIOS[name], transports, current, port
            )
        await serving.end()
    return recordings


async def record_as_a_rule(scenario, transports, current, port):
    """Record a scenario, and repeat it if the machine was too busy: a client may be too late for
    the server's timers, which some scenarios set to a tenth of a second, and its DISCONNECT over a
    websocket may win a race that it usually loses.
    """
    recording = error = None
    for _ in range(ATTEMPTS_IN_TIME if scenario.timed else ATTEMPTS):
        try:
            if scenario.tls or scenario.root_path or scenario.lifespan:
                port, recording = await record_alone(scenario, transports)
            else:
                recording = await record_beside_others(scenario, transports, current, port)
        except TOO_LATE as exc:
            error = exc
            continue
        reasons = [note[2] for note in recording["app"] if note[0] == "disconnect"]
        if transports == ("polling",) or "client disconnect" not in reasons:
            break
    else:
        if recording is None:
            raise error
    return port, recording


async def record_beside_others(scenario, transports, current, port):
    world = world_of(scenario)
    current.app = world.recorder
    try:
        return await record_network(scenario, world, transports, port)
    finally:
        # Tasks of an aborted client that still run would be part of the next recording.
        await end_tasks()


async def record_alone(scenario, transports):
    world = world_of(scenario)
    options = {"root_path": scenario.root_path}
    if scenario.tls:
        options["ssl_certfile"] = CERTIFICATE
    if scenario.lifespan:
        options["lifespan"] = "on"
    async with uvicorn_server(**options) as (current, port, serving):
        current.app = world.recorder
        world.stop_server = serving.stop
        await serving.begin()
        try:
            recording = await record_network(scenario, world, transports, port)
        finally:
            await end_tasks()
            await serving.end()
    return port, with_lifespan(scenario, world, recording)


def with_lifespan(scenario, world, recording):
    """Add the app's shutdown to a recording."""
    if scenario.lifespan:
        whole = world.recorder.recording()
        recording |= {"app": whole["app"], "lifespan": whole["lifespan"]}
    return recording


async def record_network(scenario, world, transports, port):
    async with contextlib.AsyncExitStack() as stack:
        users = []
        for _ in range(scenario.users):
            http = aiohttp.ClientSession(
                cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies of a host without a name
                connector=aiohttp.TCPConnector(ssl=False),
            )
            await stack.enter_async_context(http)
            users.append(stock_user(world, http, port, transports, scenario))
        return await play(scenario, world, users, arrive=arrived)


async def end_tasks():
    """Cancel the server's own tasks: ping timers, service tasks, and requests that are pending for
    45 s.
    """
    for _ in range(3):
        tasks = [
            task
            for task in asyncio.all_tasks()
            if "engineio" in getattr(task.get_coro(), "cr_code", _nothing.__code__).co_filename
            or task.get_coro().__name__ == "run_asgi"
        ]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=0.2)


async def _nothing():
    pass


def url_of(scenario, port):
    return f"{'https' if scenario.tls else 'http'}://{HOST}:{port}"


def stock_user(world, http, port, transports, scenario):
    url = url_of(scenario, port)
    return StockUser(world, http, url, transports, serializer=scenario.serializer)


async def record_stock(name, transports, port):
    """Record a scenario of the stock client with `ASGIClientSession`."""
    scenario = SCENARIOS[name]
    world = world_of(scenario)
    async with contextlib.AsyncExitStack() as stack:
        users = []
        for _ in range(scenario.users):
            http = ASGIClientSession(
                world.recorder,
                lifespan=scenario.lifespan,
                client=(HOST, 1),
                raise_app_exceptions=False,
            )
            http._jar = aiohttp.CookieJar(unsafe=True)
            await stack.enter_async_context(http)
            users.append(stock_user(world, http, port, transports, scenario))
        recording = await play(scenario, world, users)
    return with_lifespan(scenario, world, recording)


async def record_test_client(name, transports, port):
    """Record a scenario of `TestClient`."""
    scenario = SCENARIOS[name]
    world = world_of(scenario)
    client = TestClient(
        world.recorder,
        base_url=url_of(scenario, port),
        socketio_path=scenario.root_path + "/" + scenario.path,
        root_path=scenario.root_path,
        transports=transports,
        serializer=scenario.serializer,
        lifespan=scenario.lifespan,
        client=(HOST, 1),
        raise_app_exceptions=False,
    )
    async with client:
        users = [OurUser(world, client)]
        users += [OurUser(world, client.clone()) for _ in range(scenario.users - 1)]
        recording = await play(scenario, world, users)
    return with_lifespan(scenario, world, recording)


def world_of(scenario):
    return World(
        scenario.namespaces,
        scenario.root_path,
        serializer=scenario.serializer,
        logger=False,
        **scenario.server,
    )


async def arrived(world):
    """Wait until no message has arrived at the app for some time."""
    quiet = 0
    while quiet < QUIET_LOOKS:
        before = world.recorder.size
        await asyncio.sleep(LOOK)
        world.let_polls_expire()
        quiet = quiet + 1 if world.recorder.size == before else 0


async def turned(world):
    """Wait some turns of the loop, after which all messages have arrived in memory."""
    for _ in range(2):
        for _ in range(TURNS):
            await asyncio.sleep(0)
        world.let_polls_expire()


async def play(scenario, world, users, arrive=turned):
    """Run a scenario, and return its recording before the clients are closed."""
    async with asyncio.timeout(3 * WAIT):
        await scenario.run(world, *users)
        await arrive(world)
    recording = world.recorder.recording()
    for user in users:
        await user.close()
    return recording


logging.getLogger("engineio.server").setLevel(logging.CRITICAL)
logging.getLogger("engineio.client").setLevel(logging.CRITICAL)
