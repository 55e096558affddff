"""Users with invalid arguments of connect, which do not start."""

import gevent
from locust import constant, events, task

from asgi_sio_testclient.locust import SocketIOUser


class User(SocketIOUser):
    wait_time = constant(0)

    async def connect_client(self):
        await self.client.connect("no slash")

    @task
    async def never_called(self):
        raise AssertionError


@events.init.add_listener
def quit_when_tried(environment, **_):
    gevent.spawn(_quit, environment.runner)


def _quit(runner):
    while sum(each["count"] for each in runner.exceptions.values()) < 2:
        gevent.sleep(0.02)
    runner.quit()
