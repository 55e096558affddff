"""Requests that fail, each in a separate user; the run ends after each has failed twice."""

import asyncio

from locust import TaskSet, constant, task

from asgi_sio_testclient.locust import SocketIOUser


class Base(SocketIOUser):
    abstract = True
    wait_time = constant(0.01)
    fixed_count = 1
    client_options = {"timeout": 20}  # noqa: RUF012


class NoAck(Base):
    @task
    async def late(self):
        await self.client.call("later", 60, timeout=0.02)


class NoEvent(Base):
    @task
    async def never(self):
        await self.client.emit("say", 1, 2, 3)
        await self.client.await_event("said", namespace="*", timeout=0.02)

    @task
    async def too_few(self):
        await self.client.emit("repeat", 1)
        await self.client.await_events(2, timeout=0.05, name="two")


class Refused(Base):
    client_options = {"auth": {"token": "wrong"}, "timeout": 20}  # noqa: RUF012
    namespaces = ("/", "/chat")

    @task
    async def never_called(self):
        raise AssertionError


class Left(Base):
    @task
    async def left(self):
        await self.client.emit("leave_me")
        await self.client.call("later", 60, name="until the end")


class LeftInPart(Base):
    namespaces = ("/", "/chat")

    @task
    async def left(self):
        await self.client.emit("leave_chat", namespace="/chat")
        await self.client.await_event("never", namespace="/chat", name="until chat ends")


class NotJoined(Base):
    @task
    async def emit(self):
        async with asyncio.TaskGroup() as group:
            group.create_task(self.client.emit("say", namespace="/news"))


class Login(Base):
    """Failures during the connection that are no requests of the client."""

    attempts = 0

    async def connect_client(self):
        self.attempts += 1
        if self.attempts < 3:
            raise ConnectionError("no login")
        await super().connect_client()

    @task
    async def say(self):
        await self.client.call("say", name="after the login")


class StartsLate(Base):
    attempts = 0

    async def on_start(self):
        self.attempts += 1
        if self.attempts < 3:
            await self.client.call("later", 60, timeout=0.02, name="in on_start")

    async def on_stop(self):
        await self.client.emit("say", namespace="/news", name="in on_stop")

    @task
    async def say(self):
        await self.client.call("say", name="after on_start")


class Mistake(Base):
    """Exceptions that the server did not cause."""

    @task
    async def unserializable(self):
        await self.client.call("say", object)


class MistakeInSet(Base):
    @task
    class Set(TaskSet):
        @task
        async def wrong(self):
            assert await self.client.call("say", 1) == 2, "not two"
