"""The same test for every framework and transport, without pytest: unittest, Django's cases, plain
asyncio, the REPL, a notebook's cell, doctest. Also both clients in a test case with a Flask app.
"""

import ast
import asyncio
import code
import doctest
import unittest

import django
import flask
import flask_socketio
import pytest
from a2wsgi import WSGIMiddleware
from django.test import SimpleTestCase
from frameworks import FRAMEWORKS, SYNC_SOURCE, converse, converse_sync, pairwise

from asgi_sio_testclient import ConnectionRefused, SyncTestClient, TestClient

django.setup()


class Each:
    """Runs each test for every framework, with ``self.app`` and ``self.transports``."""

    def each(self, runner):
        for name, self.transports in pairwise(runner):
            self.app = FRAMEWORKS[name]
            with self.subTest(name, transports=self.transports):
                yield

    async def in_the_loop(self):
        async with TestClient(self.app, transports=self.transports) as client:
            await converse(client)

    def without_await(self):
        with SyncTestClient(self.app, transports=self.transports) as client:
            converse_sync(client)


class OfUnittest(Each, unittest.IsolatedAsyncioTestCase):
    async def test_async(self):
        # unittest.IsolatedAsyncioTestCase sets the debug mode, which is slow; unittest_case.py
        # keeps it.
        asyncio.get_running_loop().set_debug(False)
        for _ in self.each(7):
            await self.in_the_loop()

    def test_sync(self):
        for _ in self.each(8):
            self.without_await()


class OfDjango(Each, SimpleTestCase):
    async def test_async(self):
        for _ in self.each(9):
            await self.in_the_loop()

    def test_sync(self):
        for _ in self.each(10):
            self.without_await()


CELL = """
async with TestClient(app, transports=transports) as client:
    await converse(client)
with SyncTestClient(app, transports=transports) as client:
    converse_sync(client)
done = True
"""

SESSION = """
with SyncTestClient(app, transports=transports) as client:
    converse_sync(client)
    done = True

"""

DOCTEST = """
>>> with SyncTestClient(app, transports=transports) as client:
...     converse_sync(client)
"""


class WithoutARunner(Each, unittest.TestCase):
    def names(self):
        return {
            "ConnectionRefused": ConnectionRefused,
            "pytest": pytest,
            "SyncTestClient": SyncTestClient,
            "TestClient": TestClient,
            "app": self.app,
            "converse": converse,
            "converse_sync": converse_sync,
            "transports": self.transports,
        }

    def test_asyncio(self):
        for _ in self.each(11):
            asyncio.run(self.in_the_loop())

    def test_a_cell_of_a_notebook(self):
        """A cell of a notebook runs within a running loop, as in ipykernel and ``python -m
        asyncio``.
        """
        cell = compile(CELL, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for _ in self.each(12):
            names = self.names()

            async def kernel(names=names):
                await eval(cell, names)

            asyncio.run(kernel())
            assert names["done"]

    def test_a_repl(self):
        for _ in self.each(13):
            console = code.InteractiveConsole(self.names())
            for line in [*SYNC_SOURCE.replace("\n\n", "\n").splitlines(), *SESSION.splitlines()]:
                console.push(line)
            assert console.locals["done"]

    def test_a_doctest(self):
        for _ in self.each(14):
            found = doctest.DocTestParser().get_doctest(DOCTEST, self.names(), "it", None, 0)
            assert doctest.DocTestRunner().run(found) == (0, 1)


class AroundFlask(unittest.TestCase):
    def setUp(self):
        app = flask.Flask(__name__)
        app.get("/")(lambda: "hello")
        program = flask_socketio.SocketIO(app, async_mode="threading")
        program.on_event("echo", lambda value: value)
        self.web = app.test_client()
        client = SyncTestClient(WSGIMiddleware(app), transports="polling")
        self.client = self.enterContext(client).connect()

    def test_both_clients_on_one_app(self):
        assert self.web.get("/").text == "hello"
        assert self.client.call("echo", "two") == "two"
