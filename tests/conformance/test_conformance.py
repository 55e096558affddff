"""Runs both suites with python-socketio, and compares its answers, case by case."""

import asyncio
import logging
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import engineio
import pytest

from asgi_sio_testclient import LifespanFailed, conformance
from asgi_sio_testclient._cli import CommandLineError, conformance as the_command
from asgi_sio_testclient.conformance import CASES, SUITES, Case, Result
from asgi_sio_testclient.conformance._probe import Probe

from .by_the_book import by_the_book
from .known import AUTH_FIRST, DEVIATIONS, NOTES, RACES
from .page import PAGE, page
from .servers import both, engineio_app, socketio_app

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def servers_are_silent():
    """Disable logging: the servers log each malformed packet."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def run_in_time(is_right, *arguments, **options):
    """Run the suites, and repeat the cases whose result is not `is_right`, up to five times.

    Some cases depend on time: the heartbeat takes 0.3 s, and a busy machine may be too late. A
    wrong server is wrong in each repetition.
    """
    results = {
        result.case: result for result in asyncio.run(conformance.run(*arguments, **options))
    }
    for _ in range(5):
        wrong = tuple(case for case, result in results.items() if not is_right(result))
        if not wrong:
            break
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conformance, "CASES", wrong)
            again = asyncio.run(conformance.run(*arguments, **options))
        results |= {result.case: result for result in again}
    return list(results.values())


def is_known(result):
    name = result.case.name
    answers = [] if name in DEVIATIONS and name not in RACES else result.case.answers
    right = result.answer in answers or result.answer == DEVIATIONS.get(name)
    return right and ", ".join(result.notes) == NOTES.get(name, "")


@pytest.fixture(scope="module")
def results(servers_are_silent):
    results = run_in_time(is_known, both())
    return {result.case.name: result for result in results}


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_python_socketio(case, results):
    result = results[case.name]

    if case.name in RACES:
        assert result.conforms or result.answer == DEVIATIONS[case.name]
    elif case.name in DEVIATIONS:
        assert result.answer == DEVIATIONS[case.name]
        assert not result.conforms
    else:
        assert result.answer in case.answers
    assert ", ".join(result.notes) == NOTES.get(case.name, "")


def test_every_case_can_be_passed():
    # The suite does not require more: a conforming server closes at once, but waits for a CONNECT
    # as long as for a pong.
    noted = {"closes if no CONNECT comes"}

    results = run_in_time(
        lambda result: result.conforms and bool(result.notes) == (result.case.title in noted),
        *(by_the_book(), tuple(SUITES)),
        lifespan=False,
    )

    assert [result for result in results if not result.conforms] == []
    assert {result.case.title for result in results if result.notes} == noted


def test_every_case_of_both_suites():
    assert Counter(case.suite for case in CASES) == {"engine.io": 25, "socket.io": 32}
    assert len({case.name for case in CASES}) == len(CASES)


def test_what_is_known_names_cases():
    assert (DEVIATIONS.keys() | NOTES.keys()) <= {case.name for case in CASES}


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.conformance.page"


def test_connect_conforms_with_always_connect(servers_are_silent):
    known = {name for name in DEVIATIONS.keys() - AUTH_FIRST.keys() if name.startswith("socket.io")}

    results = run_in_time(
        lambda result: result.case.name in RACES or result.conforms != (result.case.name in known),
        socketio_app(always_connect=True),
    )

    assert {result.case.suite for result in results} == {"socket.io"}
    assert known - RACES <= differing(results) <= known


def differing(results):
    return {result.case.name for result in results if not result.conforms}


async def test_an_app_gets_the_suites_whose_path_it_serves():
    assert await conformance.served(engineio_app()) == ("engine.io",)
    assert await conformance.served(socketio_app()) == ("socket.io",)
    assert await conformance.served(both(), {"socket.io": "/elsewhere/"}) == ("engine.io",)


async def test_unknown_suite():
    with pytest.raises(ValueError, match=r"no suite \['http'\]; there are \['engine.io', 'socket"):
        await conformance.run(both(), ["http"])


# -- apps that are no such server


def only(title: str) -> list[Case]:
    return [case for case in CASES if case.title == title]


def hurried(title: str, limit: float) -> list[Case]:
    """Return the case with a short limit, for an app that does not answer."""
    return [Case(**{**vars(case), "limit": limit}) for case in only(title)]


async def answers(app, *titles, monkeypatch) -> dict[str, list[Result]]:
    chosen = tuple(case for title in titles for case in only(title))
    monkeypatch.setattr(conformance, "CASES", chosen)
    return await conformance.run(app, tuple(SUITES), lifespan=False)


async def raises(scope, receive, send):
    await receive()
    raise LookupError("not today")


async def test_app_that_raises(monkeypatch):
    titles = ("refuses a POST and a PUT", "echoes a text packet")
    results = await answers(raises, *titles, monkeypatch=monkeypatch)

    assert [result.answer for result in results] == ["500; 500", "500; 500", "closed"]
    assert {result.notes for result in results} == {("the app raised LookupError",)}


async def refuses(scope, receive, send):
    await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})


async def test_app_that_refuses(monkeypatch):
    results = await answers(
        refuses, "pings, and takes pongs", "echoes an event", monkeypatch=monkeypatch
    )

    assert [result.answer for result in results] == [
        "no session: 403",
        "closed",
        "no session: 403",
        "closed",
        "closed",
    ]


def says(*frames):
    """Return an app that accepts websockets and sends the frames; it answers requests with the
    first.
    """

    async def app(scope, receive, send):
        await receive()
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": frames[0].encode()})
            return
        await send({"type": "websocket.accept"})
        for frame in frames:
            await send({"type": "websocket.send", "text": frame})
        await send({"type": "websocket.close"})

    return app


@pytest.mark.parametrize(
    ("first", "answer"),
    [
        ("0{}", "no session: 200 0{}"),
        ("0[1]", "no session: 200 0[1]"),
        ("0nonsense", "no session: 200 0nonsense"),
        ("0{nonsense}", "no session: 200 0{nonsense}"),
        ('0{"sid":1}', 'no session: 200 0{"sid":1}'),
        ("<html>", "no session: 200 <html>"),
    ],
)
async def test_app_with_another_handshake(first, answer, monkeypatch):
    (result,) = await answers(says(first), "echoes one packet", monkeypatch=monkeypatch)

    assert result.answer == answer


async def test_app_that_closes_before_it_lets_in(monkeypatch):
    open_packet = '0{"sid":"1"}'
    (result,) = await answers(says(open_packet), "echoes an event", monkeypatch=monkeypatch)

    assert result.answer == "closed"


async def test_app_that_closes_an_upgrade(monkeypatch):
    (result, _) = await answers(
        says('0{"sid":"1"}', "3probe"),
        "upgrades from polling to websocket",
        monkeypatch=monkeypatch,
    )

    assert result.answer == '0{"sid":"<sid>"}; 200 0{"sid":"<sid>"}; 3probe'


async def test_app_that_dies_with_the_websocket_open(monkeypatch):
    async def dies(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        raise LookupError("later")

    (result,) = await answers(dies, "closes if no CONNECT comes", monkeypatch=monkeypatch)

    assert (result.answer, result.notes) == ("closed", ("the app raised LookupError",))


class Stubborn:
    """An app that never ends by itself, and delays its cancellation."""

    def __init__(self):
        self.over = asyncio.Event()
        self.all_ended = asyncio.Event()
        self._running = 0

    async def __call__(self, scope, receive, send):
        self._running += 1
        while not self.over.is_set():
            try:
                await self.over.wait()
            except asyncio.CancelledError:
                continue
        self._running -= 1
        if not self._running:
            self.all_ended.set()


@pytest.fixture
def impatient(monkeypatch):
    """Set short timeouts."""
    monkeypatch.setattr(conformance, "CHECK_TIMEOUT", 0.05)
    monkeypatch.setattr("asgi_sio_testclient.conformance._probe.END_LIMIT", 0.05)


async def test_app_that_never_answers(impatient, monkeypatch):
    app = Stubborn()
    assert await conformance.served(app) == ()
    cases = tuple(hurried("closes if no CONNECT comes", limit=0.05))
    monkeypatch.setattr(conformance, "CASES", cases)

    (result,) = await conformance.run(app, lifespan=False, suites=["socket.io"])

    assert result.answer == "nothing within 0.05 s"
    assert not result.conforms
    app.over.set()
    await app.all_ended.wait()


async def test_waits_until_what_was_sent_is_taken(monkeypatch):
    taken = []

    async def slow(scope, receive, send):
        await receive()
        if scope["type"] == "http":
            body = b'0{"sid":"1"}' if b"sid" not in scope["query_string"] else b"%d" % len(taken)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
            return
        await send({"type": "websocket.accept"})
        await asyncio.sleep(0.01)
        while (message := await receive())["type"] == "websocket.receive":
            taken.append(message["text"])

    (result,) = await answers(slow, "refuses a poll after it", monkeypatch=monkeypatch)

    assert taken == ["2probe", "5"]
    assert result.answer == "200"


async def test_lifespan_and_headers(monkeypatch):
    seen = []
    inner = refuses

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            scope["state"]["db"] = "open"
            await send({"type": "lifespan.startup.complete"})
            seen.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append((scope["type"], scope["state"]["db"], dict(scope["headers"])[b"x-key"]))
        await inner(scope, receive, send)

    monkeypatch.setattr(conformance, "CASES", tuple(only("closes if no CONNECT comes")))
    await conformance.run(app, ["socket.io"], headers=[(b"x-key", b"k")])

    assert seen == [("websocket", "open", b"k"), "lifespan.shutdown"]


async def test_app_that_does_not_start():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanFailed, match="no database"):
        await conformance.run(app)


async def test_ping_between_the_polls(monkeypatch):
    bodies = iter(['0{"sid":"1"}', "ok", "2", "2", "4hello"])

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": next(bodies).encode()})

    (result,) = await answers(app, "echoes one packet", monkeypatch=monkeypatch)

    assert result.conforms


async def test_client_that_asked_for_nothing_has_nothing_to_leave():
    probe = Probe(raises, "/socket.io/")

    await probe.close()

    assert asyncio.all_tasks() == {asyncio.current_task()}


# -- the command line


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "asgi_sio_testclient", "conformance", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_command_prints_the_table():
    done = command("tests.conformance.servers:app")

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].split("  ")[0] == "case"
    assert "engine.io: handshake, polling" in lines
    assert "socket.io: message" in lines
    # A busy machine may add cases that differ; other tests repeat those.
    differ = re.fullmatch(rf"(\d+) of {len(CASES)} cases differ from the specification", lines[-1])
    assert int(differ[1]) >= len(DEVIATIONS) - len(RACES)


async def test_command_names_the_rules_where_nothing_echoes(servers_are_silent, monkeypatch):
    nothing = engineio.ASGIApp(engineio.AsyncServer(async_mode="asgi"), engineio_path="socket.io")
    chosen = only("refuses a missing and an unknown EIO") + hurried("echoes an event", limit=0.2)
    monkeypatch.setattr(conformance, "CASES", tuple(chosen))
    found = await conformance.run(nothing, ("socket.io",), lifespan=False)

    *_, summary, hint = the_command.table(found, 80)

    assert summary == "1 of 3 cases differ from the specification"
    assert hint.startswith("The app did not echo (socket.io: message: echoes an event). Where")


def test_command_tells_of_no_rule_where_the_app_echoes():
    case = only("refuses a missing and an unknown EIO")[0]
    found = [Result(case, "something else")]
    *_, summary = the_command.table(found, 80)
    assert summary == "1 of 1 cases differ from the specification"


def test_command_tells_where_it_looked(capsys):
    arguments = ["tests.conformance.servers:both", "--factory", "--engineio-path=x"]

    with pytest.raises(CommandLineError, match=r"servers:both serves neither /x/ nor /y/y/: where"):
        the_command.main([*arguments, "--socketio-path=/y/y"], "prog")

    assert capsys.readouterr().out == ""


def test_command_states_the_rules(capsys):
    with pytest.raises(SystemExit) as exit_:
        the_command.main(["--help"], "prog")

    assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert all(line.strip() in out for line in conformance.RULES.splitlines())


def test_command_when_all_conform(monkeypatch, capsys):
    monkeypatch.setattr(conformance, "CASES", tuple(only("refuses a missing and an unknown EIO")))

    assert the_command.main(["tests.conformance.servers:app", "--suite", "socket.io"], "prog") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "all 2 cases conform"
