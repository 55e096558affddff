"""Users of every form; each task runs once, and then the run ends."""

import collections
import threading

import gevent
from locust import MarkovTaskSet, SequentialTaskSet, TaskSet, constant, events, task, transition
from locust.exception import StopUser

from asgi_sio_testclient.locust import SocketIOUser

done = collections.Counter()


async def scenario(client):
    await client.emit("repeat", 2)
    events = await client.await_events(2, "repeated")
    assert [event.data for event in events] == [0, 1]
    raise StopUser


class Base(SocketIOUser):
    abstract = True
    wait_time = constant(0)
    fixed_count = 1


class WithScenario(Base):
    scenario = staticmethod(scenario)


class ScenarioAsMethod(Base):
    async def scenario(self, client):
        assert client is self.client
        assert await client.call("say", "scenario", name="scenario as a method") == "scenario"
        raise StopUser


class ScenarioAsFunction(Base):
    scenario = scenario


class Greets(Base):
    abstract = True

    async def on_start(self):
        await self.client.emit("say", name="greeting")


class Hooks(Greets):
    namespaces = ("/", "/chat")

    async def on_start(self):
        await super().on_start()
        assert await self.client.call("say", "start", namespace="/chat") == "start"

    async def on_stop(self):
        await self.client.send("bye")
        done["on_stop"] += 1

    @task
    async def several(self):
        await self.helper()
        await self.emit_late()
        raise StopUser

    async def helper(self):
        await self.client.emit("say", 1, name="say one")

    async def emit_late(self):
        await self.client.emit("repeat", 1, name="repeat once")
        event = await self.client.await_event(timeout=50, name="arrived")
        assert event.name == "repeated"


class Concrete(Base):
    async def on_start(self):
        await self.client.emit("say", name="of both")

    @task
    async def nothing(self):
        raise StopUser


class OfConcrete(Concrete):
    """The base class is a user with coroutines for hooks, too."""

    async def on_start(self):
        await super().on_start()


class Silent(Base):
    """An event without an emit before it, a user with two connections, and polling."""

    transports = ("polling", "websocket")

    @task
    async def waits(self):
        other = self.client.clone()
        await other.connect(name="another")
        await other.call("say", name="from another")
        self.client.on("repeated", lambda number: done.update(["handled"]))
        await self.client.call("repeat", 1)
        await other.disconnect()
        raise StopUser


class Plain(Base):
    """Tasks that are plain functions, and threads, which are greenlets."""

    @task
    def plain(self):
        thread = threading.Thread(target=done.update, args=(["plain"],))
        thread.start()
        thread.join()
        raise StopUser


class Sets(Base):
    @task
    class Outer(TaskSet):
        async def on_start(self):
            await self.client.call("say", name="outer on_start")

        def on_stop(self):
            done["outer on_stop"] += 1

        @task
        class Inner(SequentialTaskSet):
            @task
            async def first(self):
                await self.client.call("say", name="first of a sequence")

            @task
            async def second(self):
                await self.first()
                self.interrupt()

            async def on_stop(self):
                await self.client.emit("say", name="inner on_stop")
                self.parent.tasks = [self.parent.Last]

        class Last(MarkovTaskSet):
            @transition("two")
            async def one(self):
                await self.client.call("say", name="first of a chain")

            @transition("one")
            async def two(self):
                raise StopUser


class Again(Sets.tasks[0]):
    """A TaskSet whose coroutines are those of its base class."""


class SetsAgain(Base):
    tasks = [Again]  # noqa: RUF012


@events.init.add_listener
def quit_when_done(environment, **_):
    def quit_later():
        while environment.runner.state != "running" or environment.runner.user_count:
            gevent.sleep(0.02)
        print("DONE", sorted(done.items()), flush=True)  # noqa: T201
        environment.runner.quit()

    gevent.spawn(quit_later)
