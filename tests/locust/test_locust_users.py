"""`asgi_sio_testclient.locust.SocketIOUser` under Locust itself, in separate processes
on loopback.
"""

import json
import re
import subprocess
import sys

import pytest
from locust_runs import HERE, ROOT, Run, Server, finish, free_port, locust, needs_locust, start

pytestmark = [needs_locust, pytest.mark.timeout(300)]

LOCUSTFILE = ROOT / "docs" / "examples" / "locustfile.py"


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        yield server


def counted(server, before, name):
    return server.counts().get(name, 0) - before.get(name, 0)


def test_every_way_to_write_a_user(server):
    before = server.counts()

    run = locust("locustfile_everything.py", "--host", server.url, users=10)

    assert run.code == 0, run.log
    assert run.report["exceptions"] == []
    assert "Traceback" not in run.log
    assert run.requests == {
        "CONNECT /": 9,
        "CONNECT /,/chat": 1,
        "CONNECT another": 1,
        "EMIT repeat": 2,
        "EVENT repeated": 4,
        "CALL scenario as a method": 1,
        "CALL /chat say": 1,
        "EMIT greeting": 1,
        "EMIT of both": 2,
        "EMIT say one": 1,
        "EMIT repeat once": 1,
        "EVENT arrived": 1,
        "EMIT message": 1,
        "CALL from another": 1,
        "CALL repeat": 1,
        "CALL outer on_start": 2,
        "CALL first of a sequence": 4,
        "EMIT inner on_stop": 2,
        "CALL first of a chain": 2,
    }
    assert not any(each["failures"] for each in run.report["requests"].values())
    done = "DONE [('handled', 1), ('on_stop', 1), ('outer on_stop', 2), ('plain', 1)]"
    assert done in run.output
    assert counted(server, before, "connect") == 11
    assert counted(server, before, "repeat") == 4
    assert counted(server, before, "message") == 1


FAILURES = {
    "CALL later": "EventTimeout: no ack within 0.02 s",
    "EVENT * said": "EventTimeout: no event within 0.02 s",
    "EVENT two": "EventTimeout: no event within 0.05 s",
    "CONNECT /,/chat": "ConnectionRefused: namespace '/chat' refused: not you",
    "CALL until the end": "NotConnected: the connection ended: server disconnect",
    "EVENT until chat ends": "NotConnected: the connection ended: server disconnect",
    "EMIT /news say": "NotConnected: not connected to namespace '/news', only to '/'",
    "CONNECT /": "ConnectionError: no login",
    "CALL in on_start": "EventTimeout: no ack within 0.02 s",
    "EMIT in on_stop": "NotConnected: not connected to namespace '/news', only to '/'",
}


def test_failures_are_grouped_and_users_go_on(server):
    least = {key: 2 for key in FAILURES if key != "EMIT in on_stop"}
    least |= {"CALL after the login": 2, "CALL after on_start": 2, "CALL say": 3, "EXCEPTIONS -": 2}

    run = locust(
        "locustfile_failures.py", "--host", server.url, users=10, QUIT_AFTER=json.dumps(least)
    )

    assert run.code == 1, run.log
    errors = {name: text for name, text, _ in run.report["errors"]}
    assert errors == FAILURES
    assert len(run.report["errors"]) == len(FAILURES)
    assert {message.rpartition(": ")[2] for message, _ in run.report["exceptions"]} == {
        "Object of type type is not JSON serializable",
        "not two",
    }
    requests = run.report["requests"]
    assert requests["CALL after the login"]["failures"] == 0
    assert requests["CALL after on_start"]["failures"] == 0


def test_users_connect_again_after_the_server_was_killed():
    with Server() as server:
        process = start(
            *("-f", "locustfile_restart.py,reporting.py", "--host", server.url),
            *("--headless", "--only-summary", "-u", "3", "-r", "100"),
        )
        assert process.stdout.readline() == "KILL IT\n"
        server.kill()
        assert process.stdout.readline() == "START IT\n"
        server.start()
        run = finish(process)
        counts = server.counts()

    requests = run.report["requests"]
    assert run.code == 1
    assert requests["CALL after"]["failures"] == 0
    assert requests["CALL after"]["requests"] == counts["say"]
    assert counts["connect"] == 3
    connect = requests["CONNECT /"]
    assert connect["requests"] - connect["failures"] == 6
    texts = {text for name, text, _ in run.report["errors"] if name == "CONNECT /"}
    assert any("connection refused: nothing listens at localhost" in text for text in texts), texts
    assert len(texts) <= 3, texts


def test_a_stop_waits_for_calls_in_flight_and_cancels_the_rest(server):
    before = server.counts()

    run = locust("locustfile_stop.py", "--host", server.url, users=12)

    assert run.code == 0, run.log
    assert "Traceback" not in run.log
    assert run.requests["CALL say"] == counted(server, before, "say")
    assert run.requests["CALL later"] == counted(server, before, "later")
    assert run.requests["CALL on_stop"] == 12
    assert "CANCELLED 12" in run.output


def test_a_task_may_end_the_run(server):
    run = locust("locustfile_quit.py", "--host", server.url, users=3)

    assert run.code == 0, run.log
    assert run.requests["CALL say"] >= 3
    assert "Traceback" not in run.log


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ((), "no host: give the server's URL as `host` of the user class or --host"),
        (("--host", "localhost:1"), "host: no scheme in the url 'localhost:1'"),
    ],
)
def test_without_a_server(host, message):
    run = locust("locustfile_quit.py", *host)

    assert message in run.log
    assert run.code == 1
    assert run.requests == {}


def test_a_connect_that_is_wrong_use_is_an_exception_of_the_user(server):
    run = locust("locustfile_mistake.py", "--host", server.url, users=2)

    assert run.code == 1
    assert run.requests == {}
    expected = "namespace is 'no slash'; did you mean '/no slash'?"
    assert run.report["exceptions"] == [[expected, 2]]


def test_a_user_keeps_the_newest_events_and_packets(server):
    run = locust("locustfile_growth.py", "--host", server.url, users=1)

    assert run.code == 0, run.log
    assert "KEPT 20 True" in run.output


def test_what_a_users_own_handler_raised_is_an_exception_of_the_user(server):
    run = locust("locustfile_handler.py", "--host", server.url, users=1)

    assert run.code == 1
    assert [message for message, _ in run.report["exceptions"]] == ["raised by the handler"]


def test_a_master_and_two_workers_run_the_example(server):
    before = server.counts()
    port = str(free_port())
    common = ("-f", f"{LOCUSTFILE},reporting.py", "--only-summary")
    workers = [
        start(*common, "--worker", "--master-host", "127.0.0.1", "--master-port", port)
        for _ in range(2)
    ]
    try:
        master = finish(
            start(
                *common,
                *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
                *("--expect-workers", "2", "--headless", "-u", "6", "-r", "100"),
                *("--host", server.url),
                QUIT_AFTER=json.dumps({"CALL say": 10, "EVENT repeated": 20}),
            )
        )
    finally:
        ends: list[Run] = [finish(worker) for worker in workers]

    assert master.code == 0, master.log
    assert [end.code for end in ends] == [0, 0], ends
    assert not master.report["errors"]
    assert not master.report["exceptions"]
    requests = master.requests
    assert requests["CONNECT /"] == counted(server, before, "connect") == 6
    assert requests["CALL say"] == counted(server, before, "say")
    assert requests["EMIT repeat"] == counted(server, before, "repeat")


def test_the_public_names():
    """The test uses another process and another record, because importing Locust
    patches a process.
    """
    script = (
        "from asgi_sio_testclient import locust; import test_public_api;"
        "print('\\n'.join(test_public_api.describe(locust)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parent,
        env={"PYTHONPATH": f"{ROOT}:{HERE.parent}"},
    )
    record = (HERE / "public_api_locust.txt").read_text(encoding="utf-8")
    assert done.stdout.strip() == record.strip(), done.stderr


def test_nothing_else_of_the_package_imports_locust():
    script = (
        "import sys, asgi_sio_testclient, asgi_sio_testclient.remote, asgi_sio_testclient.bench;"
        "print(sorted({'locust', 'gevent'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert re.fullmatch(r"\[\]\s*", done.stdout)
