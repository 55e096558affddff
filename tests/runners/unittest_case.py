"""unittest.IsolatedAsyncioTestCase: set-up and tear-down, and enterAsyncContext."""

import unittest

from shared_app import TRANSPORTS, app, converse

from asgi_sio_testclient import TestClient


class SetUpAndTearDown(unittest.IsolatedAsyncioTestCase):
    transports = TRANSPORTS[0]

    async def asyncSetUp(self):
        self.client = TestClient(app, transports=self.transports)
        await self.client.__aenter__()
        await self.client.connect()

    async def asyncTearDown(self):
        await self.client.__aexit__(None, None, None)

    async def test_one(self):
        await converse(self.client)

    async def test_two(self):
        await converse(self.client)


class OverPolling(SetUpAndTearDown):
    transports = TRANSPORTS[1]


class OverAnUpgrade(SetUpAndTearDown):
    transports = TRANSPORTS[2]


class EnterAsyncContext(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.client = await self.enterAsyncContext(TestClient(app))
        await self.client.connect()

    async def test_one(self):
        await converse(self.client)


if __name__ == "__main__":
    unittest.main()
