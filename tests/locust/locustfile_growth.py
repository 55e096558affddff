"""A user that reads almost none of the events that arrive."""

import gevent
from locust import constant, events, task
from locust.exception import StopUser

from asgi_sio_testclient.locust import SocketIOUser

kept = []


class User(SocketIOUser):
    wait_time = constant(0)

    @task
    async def takes_no_notice(self):
        await self.client.emit("repeat", 1101)
        await self.client.await_event(match=lambda event: event.data == 1100, timeout=60)
        kept.append(len(self.client.transcript))
        kept.append([event.data for event in self.client.get_received()])
        raise StopUser


@events.init.add_listener
def quit_when_done(environment, **_):
    gevent.spawn(_quit, environment.runner)


def _quit(runner):
    while runner.state != "running" or runner.user_count:
        gevent.sleep(0.02)
    packets, numbers = kept
    print("KEPT", packets, numbers == list(range(100, 1100)), flush=True)  # noqa: T201
    runner.quit()
