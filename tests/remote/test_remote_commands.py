"""The commands with a URL instead of an app."""

import asyncio
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from live import HOST, Node, answering, serve

from asgi_sio_testclient import HandshakeFailed, conformance
from asgi_sio_testclient._cli import main
from asgi_sio_testclient.conformance import CASES, Result
from asgi_sio_testclient.remote import RemoteServer

ROOT = Path(__file__).parents[2]
PATIENCE = 60

# Both suites' rules, see conformance.RULES.
NODE_BY_THE_RULES = """
const handle = (socket) => {
  socket.emit("auth", socket.handshake.auth);
  socket.on("message", (...args) => socket.emit("message-back", ...args));
  socket.on("message-with-ack", (...args) => args.pop()(...args));
};
io.on("connection", handle);
io.of("/custom").on("connection", handle);
const engine = new (require("engine.io").Server)(OPTIONS);
engine.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
engine.attach(server, { path: "/engine.io/", destroyUpgrade: false });
"""
OPTIONS = "{ pingInterval: 300, pingTimeout: 200, maxHttpBufferSize: 1e6, destroyUpgrade: false }"


def run_process(*arguments, timeout=PATIENCE):
    return subprocess.run(
        [sys.executable, "-m", "asgi_sio_testclient", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        cwd=ROOT,
    )


@pytest.fixture
def run(capfd):
    """Run a command in this process; a new process would need a second for its imports."""

    def run(*arguments):
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
        out, err = capfd.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    return run


class TestEmit:
    @pytest.mark.slow
    def test_the_ack(self, server_url):
        done = run_process("emit", server_url, "echo", '"hi"', "--ack")
        assert (done.returncode, json.loads(done.stdout)) == (0, "hi")

    @pytest.mark.slow
    def test_what_comes_within_the_timeout(self, run, server_url):
        done = run("emit", server_url, "repeat", "2", '"v"', "--timeout", "1")
        names = [json.loads(line)["name"] for line in done.stdout.splitlines()]
        assert (done.returncode, names) == (0, ["hello", "repeated", "repeated"])

    @pytest.mark.slow
    def test_until_the_server_ends_the_connection(self, run, server_url):
        done = run("emit", server_url, "end_connection", "--timeout", "50")
        assert done.returncode == 0
        assert "hello" in done.stdout

    def test_an_event_that_is_awaited(self, run, server_url):
        done = run("emit", server_url, "repeat", "1", "1", "-w", "repeated", "--transport=polling")
        assert json.loads(done.stdout)["args"] == [0, 1]

    def test_a_closed_port(self, run, unused_tcp_port):
        url = f"http://{HOST}:{unused_tcp_port}"
        done = run("emit", url, "echo")
        assert done.returncode == 1
        assert f"connection refused: nothing listens at {HOST}:{unused_tcp_port}" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        ("url", "options", "said"),
        [
            ("http://u:s3cret@h/chat", (), "a path in the url 'http://***@h/chat'"),
            ("http://h?token=s3cret", (), "http://h?token=***: a query in the url"),
            ("ftp://u:s3cret@h?token=s3cret", (), "expected the ASGI app itself"),
            ("http://u:s3cret@h", ("--factory",), "--factory is for an app, and http://***@h is"),
        ],
    )
    def test_wrong_arguments(self, run, url, options, said):
        done = run("emit", url, "echo", *options)
        assert done.returncode == 2
        assert said in done.stderr
        assert "s3cret" not in done.stderr


@pytest.mark.slow
def test_bench(run, server_url):
    done = run("bench", server_url, "echo", '"hi"', "--calls", "20")
    assert done.returncode == 0
    assert "20 answered" in done.stdout
    assert "no handler times: the server is elsewhere" in done.stdout + done.stderr


class TestConformance:
    @pytest.mark.slow
    def test_the_official_server_passes(self):
        with Node(NODE_BY_THE_RULES.replace("OPTIONS", OPTIONS), OPTIONS) as node:
            done = run_process("conformance", node.url)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all 57 cases conform")

    @pytest.mark.slow
    def test_python_socketio_as_in_memory(self):
        logging.disable(logging.CRITICAL)
        try:
            from tests.conformance.known import RACES  # noqa: PLC0415
            from tests.conformance.servers import both  # noqa: PLC0415

            suites = ["socket.io"]
            in_memory = asyncio.run(conformance.run(both(), suites))
            with serve(both()) as url:
                live = asyncio.run(conformance.run(url, suites))
        finally:
            logging.disable(logging.NOTSET)
        names = [result.case.name for result in live]
        assert names == [result.case.name for result in in_memory]
        # On a busy machine the heartbeat of 0.3 s is late in memory, where cases are not repeated.
        late = [
            (ours, theirs)
            for ours, theirs in zip(in_memory, live, strict=True)
            if ours.answer != theirs.answer and ours.case.name not in RACES
        ]
        assert all(theirs.conforms or not ours.conforms for ours, theirs in late)
        assert len(late) <= 3

    def test_a_closed_port(self, run, unused_tcp_port):
        url = f"http://{HOST}:{unused_tcp_port}"
        for options in ((), ("--suite", "engine.io")):
            done = run("conformance", url, *options)
            assert done.returncode == 1
            assert f"nothing listens at {HOST}:{unused_tcp_port}" in done.stderr
            assert "Traceback" not in done.stderr

    def test_a_url_with_a_path(self, run):
        done = run("conformance", "http://h/socket.io/")
        assert done.returncode == 2
        assert "a path in the url" in done.stderr

    async def test_a_server_that_is_gone_in_the_middle(self, unused_tcp_port):
        server = RemoteServer(f"http://{HOST}:{unused_tcp_port}")
        case = next(case for case in CASES if case.section == "message, polling")
        result = await conformance._result(case, conformance.Probe(server, "/engine.io/"))
        assert result.answer == f"connection refused: nothing listens at {HOST}:{unused_tcp_port}"

    async def test_a_server_that_ends_the_connection_without_a_response(self):
        async with await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0) as peer:
            at = f"{HOST}:{peer.sockets[0].getsockname()[1]}"
            server = RemoteServer(f"http://{at}")
            case = next(case for case in CASES if case.section == "message, polling")
            result = await conformance._result(case, conformance.Probe(server, "/engine.io/"))
        assert not result.conforms
        assert result.notes == (f"connection lost: {at} ended it without a response",)


class TestRepeated:
    """How `conformance.run` repeats a case that differs."""

    async def repeated(self, *answers):
        """Return the reported answer, and the number of answers that were not requested."""
        left = [Result(CASES[0], answer) for answer in answers]

        async def result(case):
            return left.pop(0)

        reported = await conformance._alone(Result(CASES[0], "first"), result)
        return reported.answer, len(left)

    async def test_until_two_agree(self):
        assert await self.repeated("a", "a", "b") == ("a", 1)
        assert await self.repeated("a", "b", "a", "c") == ("a", 1)

    async def test_not_for_ever(self):
        assert await self.repeated("a", "b", "c", "d", "e", "f") == ("e", 1)


@pytest.mark.parametrize("suites", [None, ["engine.io"]])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-x\r\n", "no HTTP: {} answered 'SSH-2.0-x' (http://{}/engine.io/)"),
        (b"", "connection lost: {} ended it without a response (http://{}/engine.io/)"),
        (None, "no answer within 0.1 s; is the path '/engine.io/' right? (http://{1}/engine.io/)"),
    ],
)
async def test_a_port_without_http(monkeypatch, suites, answer, said):
    monkeypatch.setattr(conformance, "CHECK_TIMEOUT", 0.1 if answer is None else PATIENCE)
    async with answering(answer) as port:
        at = f"{HOST}:{port}"
        with pytest.raises(HandshakeFailed, match=re.escape(said.format(at, at))):
            await conformance.run(f"http://{at}", suites)


async def test_a_server_elsewhere_that_cant_be_reached(unused_tcp_port):
    with pytest.raises(HandshakeFailed, match="nothing listens"):
        await conformance.run(f"http://{HOST}:{unused_tcp_port}")
