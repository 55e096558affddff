"""A task that ends the run."""

from locust import constant, task

from asgi_sio_testclient.locust import SocketIOUser

calls = []


class User(SocketIOUser):
    wait_time = constant(0.01)

    @task
    async def say(self):
        calls.append(await self.client.call("say"))
        if len(calls) == 20:
            self.environment.runner.quit()
