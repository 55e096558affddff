"""Load with Locust: ``locust -f locustfile.py --host http://localhost:8000``."""

from locust import between, task

from asgi_sio_testclient.locust import SocketIOUser


async def watch(client):
    """A scenario that also works in a test in memory and in `bench.swarm`."""
    await client.emit("repeat", 3)
    events = await client.await_events(3, "repeated")
    assert [event.data for event in events] == [0, 1, 2]


class Visitor(SocketIOUser):
    wait_time = between(0.05, 0.1)
    scenario = staticmethod(watch)

    @task(3)
    async def say(self):
        assert await self.client.call("say", "hello") == "hello"
