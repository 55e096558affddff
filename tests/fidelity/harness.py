"""Runs a scenario in each of the three settings, and gives back what the app saw and did."""

import asyncio
import contextlib
import logging
import socket

import aiohttp
import uvicorn

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.stock import ASGIClientSession

from .scenarios import SCENARIOS
from .users import OurUser, StockUser
from .world import WAIT, World

HOST = "127.0.0.1"


class Current:
    """The one app that uvicorn serves; each scenario puts its own in its place."""

    app = None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@contextlib.asynccontextmanager
async def uvicorn_server():
    """A server on a port of loopback: its `Current` app, and the port."""
    current = Current()
    config = uvicorn.Config(
        current, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    # With the protocol named: asyncio sets TCP_NODELAY on such only, and each answer takes 40 ms
    # without it.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind((HOST, 0))
        port = listening.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.01)
        try:
            yield current, port
        finally:
            server.should_exit = True
            await serving


async def record_uvicorn():
    """Every scenario over a real socket: (port, recording) by (name, transports)."""
    cases = [(name, transports) for name, s in SCENARIOS.items() for transports in s.transports]
    recordings = {}
    await record_all(cases, recordings)
    return recordings


async def record_all(cases, recordings):
    async with uvicorn_server() as (current, port):
        for name, transports in cases:
            scenario = SCENARIOS[name]
            world = world_of(scenario)
            current.app = world.recorder
            async with contextlib.AsyncExitStack() as stack:
                users = []
                for _ in range(scenario.users):
                    jar = aiohttp.CookieJar(unsafe=True)  # cookies of a host without a name
                    http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
                    users.append(stock_user(world, http, port, transports, scenario))
                # What is on its way to the app still belongs to it.
                recording = await play(scenario, world, users, lambda: asyncio.sleep(0.01))
                recordings[name, transports] = port, recording
            # What a vanished client leaves running in the server would be a part of the next.
            await end_tasks()


async def end_tasks():
    """End the server's own tasks: ping timers, services, requests that it would hold for 45 s."""
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


def stock_user(world, http, port, transports, scenario):
    return StockUser(
        world, http, f"http://{HOST}:{port}", transports, serializer=scenario.serializer
    )


async def record_stock(name, transports, port):
    """A scenario by the stock client on `ASGIClientSession`."""
    scenario = SCENARIOS[name]
    world = world_of(scenario)
    async with contextlib.AsyncExitStack() as stack:
        users = []
        for _ in range(scenario.users):
            http = ASGIClientSession(
                world.recorder, lifespan=False, client=(HOST, 1), raise_app_exceptions=False
            )
            http._jar = aiohttp.CookieJar(unsafe=True)
            await stack.enter_async_context(http)
            users.append(stock_user(world, http, port, transports, scenario))
        return await play(scenario, world, users)


async def record_test_client(name, transports, port):
    """A scenario by `TestClient`."""
    scenario = SCENARIOS[name]
    world = world_of(scenario)
    client = TestClient(
        world.recorder,
        base_url=f"http://{HOST}:{port}",
        socketio_path=scenario.path,
        transports=transports,
        serializer=scenario.serializer,
        lifespan=False,
        client=(HOST, 1),
        raise_app_exceptions=False,
    )
    async with client:
        users = [OurUser(world, client)]
        users += [OurUser(world, client.clone()) for _ in range(scenario.users - 1)]
        return await play(scenario, world, users)


def world_of(scenario):
    return World(
        scenario.namespaces,
        serializer=scenario.serializer,
        logger=False,
        **scenario.server,
    )


async def turns():
    """In memory nothing takes time: some turns of the loop, and all has arrived."""
    for _ in range(20):
        await asyncio.sleep(0)


async def play(scenario, world, users, arrive=turns):
    """Run a scenario and take the recording at its end, before anything is cleaned up."""
    async with asyncio.timeout(3 * WAIT):
        await scenario.run(world, *users)
    await arrive()
    recording = world.recorder.recording()
    for user in users:
        await user.close()
    return recording


logging.getLogger("engineio.server").setLevel(logging.CRITICAL)
logging.getLogger("engineio.client").setLevel(logging.CRITICAL)
