"""Many clients that go through one scenario."""

import pytest
import socketio
from laboratory import behind_a_pump, laboratory
from socketio.exceptions import ConnectionRefusedError as Refused

from asgi_sio_testclient import ConnectionRefused, LeakWarning, bench
from asgi_sio_testclient._connection import transcript


@pytest.fixture
def lab():
    return laboratory()


class TestSwarm:
    @pytest.mark.slow
    async def test_everybody_goes_through_the_scenario(self, lab):
        async def scenario(client):
            await client.call("echo", 1)
            await client.emit("ping")
            await client.await_event("pong")
            await client.emit("echo", 2, callback=lambda *args: None)

        report = await bench.swarm(lab[0], clients=5, scenario=scenario, rounds=2, warmup=1)
        assert lab[1]["calls"] == 5 * 3 * 2
        assert (report.count, report.errors) == (10, {})
        assert report.subject.mode == "scenario"
        assert report.subject.concurrency == 5
        assert "5 clients" in str(report)
        assert "scenario" in report.subject.event
        assert list(report.events) == ["connect", "echo"]
        assert report.events["connect"].count == 5
        assert report.events["echo"].count == 20
        assert report.events["echo"].handler.count == 20
        # Every scenario awaits its first echo, and none awaits its second.
        assert report.events["echo"].min <= report.min
        assert repr(bench.LatencyReport.from_json(report.to_json())) == repr(report)

    @pytest.mark.slow
    async def test_on_a_schedule(self, lab):
        async def scenario(client):
            await client.call("echo", namespace="/chat")

        report = await bench.swarm(
            lab[0], clients=3, scenario=scenario, rounds=2, rate=200, namespaces=("/", "/chat")
        )
        assert [part.begin for part in report.timeline] == pytest.approx(
            [n / 200 for n in range(6)], abs=1e-6
        )
        assert report.waited.count == 6
        assert report.events["echo (/chat)"].count == 6

    @pytest.mark.slow
    async def test_scenarios_that_fail(self, lab):
        async def scenario(client):
            await client.call("fail_every", 2)

        report = await bench.swarm(lab[0], clients=6, scenario=scenario)
        assert (report.count, report.errors) == (3, {"ZeroDivisionError": 3})
        assert report.events["fail_every"].count == 3

    @pytest.mark.slow
    async def test_errors_that_no_scenario_waits_for(self, lab):
        async def scenario(client):
            await client.emit("fail", "LookupError")
            await client.emit("fail", "TypeError")

        report = await bench.swarm(lab[0], clients=3, scenario=scenario)
        assert report.count == 3
        assert report.errors == {"LookupError": 3, "TypeError": 3}

    @pytest.mark.slow
    async def test_handlers_that_do_not_end(self, lab):
        async def scenario(client):
            await client.emit("fail", "LookupError")
            await client.emit("hang")

        with pytest.warns(LeakWarning, match="hang"):
            report = await bench.swarm(lab[0], clients=2, scenario=scenario, timeout=0.15)
        assert report.errors == {"EventTimeout": 1, "LookupError": 2}

    @pytest.mark.slow
    async def test_some_that_are_refused(self):
        app = one_in(2)
        report = await bench.swarm(app, clients=4, scenario=lambda client: client.call("echo"))
        assert report.events["connect"].count == report.count == 2
        assert report.events["connect"].errors == {"ConnectionRefused": 2}

    async def test_all_that_are_refused(self):
        with pytest.raises(ConnectionRefused, match="full"):
            await bench.swarm(one_in(100), clients=4, scenario=lambda client: client.call("echo"))

    @pytest.mark.slow
    async def test_more_packets_than_the_transcript_keeps(self, lab, monkeypatch):
        monkeypatch.setattr(transcript, "MAX_PACKETS", 10)

        async def scenario(client):
            for number in range(20):
                await client.call("echo", number)

        report = await bench.swarm(lab[0], clients=2, scenario=scenario)
        assert report.count == 2
        assert "of 2 clients" in report.notes[0]

    @pytest.mark.slow
    async def test_a_server_that_is_not_found(self, lab):
        report = await bench.swarm(
            behind_a_pump(lab[0]), clients=2, scenario=lambda client: client.call("echo")
        )
        assert report.count == 2
        assert report.events["echo"].handler is None

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"clients": 0}, ValueError),
            ({"rounds": 0}, ValueError),
            ({"warmup": -1}, ValueError),
            ({"rate": 0}, ValueError),
            ({"scenario": None}, TypeError),
            ({"nonsense": 1}, TypeError),
        ],
    )
    async def test_arguments_that_cannot_be(self, lab, options, error):
        with pytest.raises(error, match=next(iter(options))):
            await bench.swarm(lab[0], **{"scenario": lambda client: client.call("echo")} | options)


def one_in(nth):
    """Return an app that accepts every nth client only."""
    sio = socketio.AsyncServer(async_mode="asgi")
    seen = []

    @sio.event
    async def connect(sid, environ, auth):
        seen.append(sid)
        if len(seen) % nth:
            raise Refused("full")

    @sio.event
    async def echo(sid, *args):
        return args

    return socketio.ASGIApp(sio)
