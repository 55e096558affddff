"""Calls before the server is killed, and after it has started again."""

import gevent
from locust import constant, events, task

from asgi_sio_testclient.locust import SocketIOUser

name = "before"


class User(SocketIOUser):
    wait_time = constant(0.01)
    client_options = {"timeout": 20}  # noqa: RUF012

    @task
    async def say(self):
        await self.client.call("say", name=name)


@events.init.add_listener
def watch(environment, **_):
    gevent.spawn(_tell, environment.runner)


def _tell(runner):
    """Print when the test should kill the server, and when it should start it again; end the run
    after each of the three users has reconnected.
    """
    stats = runner.stats
    global name  # noqa: PLW0603
    while stats.total.num_requests < 20:
        gevent.sleep(0.02)
    print("KILL IT", flush=True)  # noqa: T201
    while stats.get("/", "CONNECT").num_failures < 5:
        gevent.sleep(0.02)
    name = "after"
    print("START IT", flush=True)  # noqa: T201
    connects = stats.get("/", "CONNECT")
    while connects.num_requests - connects.num_failures < 6:
        gevent.sleep(0.02)
    while stats.get("after", "CALL").num_requests < 5:
        gevent.sleep(0.02)
    runner.stop()
    runner.quit()
