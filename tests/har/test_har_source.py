"""The source of a test that repeats a recording."""

from __future__ import annotations

import pytest
from handwritten import run_on_a_virtual_clock
from recorded_app import PASSWORD, Board
from recorded_files import CHANGES, RECORDINGS, TRANSPORTS, function_of

from asgi_sio_testclient.har import read_har, source_of_test

pytestmark = pytest.mark.usefixtures("password")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_test_passes_on_the_same_app(transport: str) -> None:
    test = function_of(source_of_test(read_har(RECORDINGS / f"{transport}.har")))
    await test(Board().app)


@pytest.mark.parametrize("change", CHANGES)
def test_the_test_fails_on_a_changed_app(change: str) -> None:
    test = function_of(source_of_test(read_har(RECORDINGS / "websocket.har")))
    with pytest.raises((AssertionError, LookupError)):
        run_on_a_virtual_clock(test(Board(change).app))


def test_secrets_are_left_out() -> None:
    source = source_of_test(read_har(RECORDINGS / "websocket.har"))
    assert PASSWORD not in source
    assert 'PASSWORD = os.environ.get("SIO_PASSWORD", "***")' in source
    kept = source_of_test(read_har(RECORDINGS / "websocket.har"), with_secrets=True)
    assert PASSWORD in kept
    assert "os.environ" not in kept


def test_what_the_server_made_up_is_kept_and_put_in() -> None:
    source = source_of_test(read_har(RECORDINGS / "upgrade.har"))
    assert 'login_token = response.json()["token"]' in source
    assert 'auth={"token": login_token' in source
    assert 'note_value = await client.call("note", {"text": "first"})' in source
    assert 'client.http.post(f"/notes/{note_value}")' in source
    assert '"who": client.sid' in source
    assert '"created_at": ANY' in source
    assert 'transports=("polling", "websocket")' in source


def test_the_test_takes_an_app_that_is_named() -> None:
    source = source_of_test(read_har(RECORDINGS / "websocket.har"), app="shop.main:site.app")
    assert "from shop.main import site as app" in source
    assert "app.app," in source or "TestClient(app.app" in source
    assert "def test_websocket():" in source
