"""Users that are stopped during a call, during a wait, and in a task that never ends."""

import asyncio

import gevent
from locust import constant, events, task

from asgi_sio_testclient.locust import SocketIOUser

cancelled = []


class Base(SocketIOUser):
    abstract = True
    wait_time = constant(0)

    async def on_stop(self):
        await self.client.call("repeat", 0, name="on_stop")
        assert not self.client.is_connected("/chat")

    async def rest(self):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(self)
            raise


class Calls(Base):
    @task
    async def call(self):
        try:
            while True:
                await self.client.call("say")
        except asyncio.CancelledError:
            cancelled.append(self)
            raise


class InFlight(Base):
    @task
    async def call(self):
        await self.client.call("later", 0.3)
        await self.rest()


class Sleeps(Base):
    @task
    async def sleep(self):
        await self.client.call("say")
        await self.rest()


@events.init.add_listener
def stop_soon(environment, **_):
    gevent.spawn(_stop, environment.runner)


def _stop(runner):
    while runner.environment.stats.total.num_requests < 100:
        gevent.sleep(0.02)
    runner.stop()
    print("CANCELLED", len(cancelled), flush=True)  # noqa: T201
    runner.quit()
