"""A user's own handler that raises after the run's other requests."""

import asyncio

import gevent
from locust import constant, events, task
from locust.exception import StopUser

from asgi_sio_testclient.locust import SocketIOUser


class User(SocketIOUser):
    wait_time = constant(0)

    @task
    async def repeat(self):
        called = asyncio.Event()

        @self.client.on("repeated")
        def handle(number):
            called.set()
            raise ValueError("raised by the handler")

        await self.client.emit("repeat", 1)
        await called.wait()
        raise StopUser


@events.init.add_listener
def quit_when_done(environment, **_):
    gevent.spawn(_quit, environment.runner)


def _quit(runner):
    while runner.state != "running" or runner.user_count:
        gevent.sleep(0.02)
    runner.quit()
