"""Load tests with Locust: users that each run one client against a live server.

::

    from locust import between, task

    from asgi_sio_testclient.locust import SocketIOUser


    class Shopper(SocketIOUser):
        host = "http://localhost:8000"
        wait_time = between(1, 2)

        @task
        async def search(self):
            await self.client.call("search", "tea")

This package needs Locust and aiohttp: ``pip install asgi-sio-testclient[locust]``. Importing Locust
patches `socket` and `threading` of the whole process, so no other module imports this package.
"""

from asgi_sio_testclient.locust._user import SocketIOUser

__all__ = ["SocketIOUser"]
