"""``--sio-trace``: which tests write a page, and the page's contents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

TESTS = """
    import asyncio
    import pytest
    import socketio
    from asgi_sio_testclient import TestClient

    @pytest.fixture
    def sio_app():
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def book(sid, seat):
            await asyncio.sleep(0)
            await sio.emit("booked", {"seat": seat})
            return seat

        return socketio.ASGIApp(sio)

    async def test_passes(sio_client):
        assert await sio_client.call("book", 1) == 1

    async def test_fails(sio_client, sio_client_factory):
        bob = await sio_client_factory()
        await sio_client.call("book", 1)
        assert (await bob.await_event("booked")).data == {"seat": 2}

    @pytest.mark.parametrize("name", ["a/b: c" + "x" * 200])
    async def test_times_out(sio_app, name):
        async with TestClient(sio_app, auth={"token": "s3cret"}) as client:
            await client.connect()
            await client.await_event("never", timeout=0.01)

    def test_sync(sio_sync_client):
        assert sio_sync_client.call("book", 1) == 2

    def test_without_a_client():
        assert False
"""

EXPLORED = """
    import asyncio
    import socketio
    from asgi_sio_testclient import TestClient
    from asgi_sio_testclient.schedules import explored

    @explored(runs=40)
    async def test_race():
        sio = socketio.AsyncServer(async_mode="asgi")
        texts = []

        @sio.event
        async def save(sid, text):
            await asyncio.sleep(0.01)
            texts.append(text)

        async with TestClient(socketio.ASGIApp(sio)) as client:
            bob = client.clone()
            await client.connect()
            await bob.connect()
            await client.emit("save", "first")
            await bob.emit("save", "second")
            await client.settle()
        assert texts == ["first", "second"]
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Any:
    def run_tests(*arguments: str, source: str = TESTS) -> tuple[pytest.RunResult, list[Path]]:
        pytester.makepyfile(test_it=source)
        options = ("-p", "no:cacheprovider", "-p", "no:randomly", "-o", "asyncio_mode=auto")
        loop_scope = ("-o", "asyncio_default_fixture_loop_scope=function")
        result = pytester.runpytest_inprocess(*options, *loop_scope, *arguments)
        return result, sorted(pytester.path.glob("**/*.html"))

    return run_tests


def page(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.slow
def test_without_the_option_nothing_is_written(run: Any) -> None:
    _, pages = run()
    assert pages == []


@pytest.mark.slow
def test_on_writes_a_page_for_each_test_with_a_client(run: Any, pytester: pytest.Pytester) -> None:
    result, pages = run("--sio-trace=on")
    result.assert_outcomes(passed=1, failed=4)
    assert len(pages) == 4
    assert all(page.parent == pytester.path / "sio-traces" for page in pages)
    result.stdout.fnmatch_lines(["sio-trace: on, to *sio-traces"])


@pytest.mark.slow
def test_retain_on_failure_writes_those_that_failed(run: Any) -> None:
    result, pages = run("--sio-trace=retain-on-failure", "--sio-trace-dir=out/traces")
    assert len(pages) == 3
    fails = next(path for path in pages if path.name == "test_it.py-test_fails.html")
    result.stdout.fnmatch_lines(["*Socket.IO trace*", "open out/traces/test_it.py-test_fails.html"])
    data = page(fails)
    assert data["outcome"] == "failed"
    assert data["lanes"][0][:2] == ["test", "test"]
    (problem, _) = data["problems"][0]
    assert problem.startswith("test failed: AssertionError: assert {'seat': 1} == {'seat': 2}")
    assert problem.endswith("(test_it.py:24)")
    assert {"client1", "client2"} <= {lane[0] for lane in data["lanes"]}
    assert any("emit 'booked'" in text for text in data["strings"])
    assert any("await asyncio.sleep(0)" in text for text in data["strings"])
    texts = [path.read_text(encoding="utf-8") for path in pages]
    assert any("await_event('never')" in text for text in texts)


@pytest.mark.slow
def test_a_page_of_an_earlier_run_goes_when_the_test_passes(
    run: Any, pytester: pytest.Pytester
) -> None:
    folder = pytester.path / "sio-traces"
    folder.mkdir()
    stale = folder / "test_it.py-test_passes.html"
    stale.write_text("old")
    run("--sio-trace=retain-on-failure", "-k", "test_passes")
    assert not stale.exists()


@pytest.mark.slow
def test_an_explored_test_shows_its_last_run(run: Any) -> None:
    _, pages = run("--sio-trace=on", source=EXPLORED)
    (path,) = pages
    clients = [lane[0] for lane in page(path)["lanes"] if lane[1] == "client"]
    assert clients == ["client1", "client2"]
    assert any(" is held " in text for text, _ in page(path)["problems"])
    assert "schedule" in {lane[0] for lane in page(path)["lanes"]}


FAIL_TWICE = """
    import pytest
    import socketio

    @pytest.fixture
    def sio_app():
        return socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))

    @pytest.fixture
    def broken():
        yield
        raise OSError("at the end")

    async def test_fails_and_its_fixture_does(broken, sio_client):
        assert sio_client.sid == "the test"

    async def test_wants_a_fixture_that_is_not_there(sio_client, nobodys):
        pass
"""


@pytest.mark.slow
def test_what_failed_first_stands_on_the_page(run: Any) -> None:
    result, pages = run("--sio-trace=on", source=FAIL_TWICE)
    result.assert_outcomes(failed=1, errors=2)
    problems = {path.name: page(path)["problems"][0][0] for path in pages}
    first = problems["test_it.py-test_fails_and_its_fixture_does.html"]
    assert "the test" in first
    assert "at the end" not in first
    second = problems["test_it.py-test_wants_a_fixture_that_is_not_there.html"]
    assert "nobodys" in second


@pytest.mark.slow
def test_an_unknown_mode_is_refused(run: Any) -> None:
    result, _ = run("--sio-trace=sometimes")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
