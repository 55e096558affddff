"""The commands `from-har` and `replay-har`."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_app import Board
from recorded_files import RECORDINGS

from asgi_sio_testclient._cli import main

pytestmark = pytest.mark.usefixtures("password")


def test_from_har_prints_a_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["from-har", str(RECORDINGS / "websocket.har"), "--app", "shop:app"]) == 0
    printed = capsys.readouterr().out
    assert "async def test_websocket():" in printed
    compile(printed, "generated", "exec")


def test_replay_har_prints_the_diff(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    har = str(RECORDINGS / "websocket.har")
    assert main(["replay-har", "recorded_app:app", har]) == 0
    assert capsys.readouterr().out.startswith("the same: ")
    monkeypatch.setattr("recorded_app.create_app", lambda: Board("crash").app)
    assert main(["replay-har", "recorded_app:create_app", har, "--factory"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("--- recorded\n+++ now\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["from-har", "missing.har"], 2),
        (["from-har", __file__], 1),
        (["replay-har", "recorded_app:app", "missing.har"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == code
    assert capsys.readouterr().err.startswith("python -m asgi_sio_testclient")


def test_an_app_without_an_attribute_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["from-har", str(RECORDINGS / "websocket.har"), "--app", "shop"])
    assert stopped.value.code == 2
    assert "expected MODULE:APP" in capsys.readouterr().err


RECORDING = Path(__file__).parent / "recordings" / "websocket.har"


def test_the_command_says_what_the_app_raised(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    assert main(["replay-har", "crashing_app:app", str(RECORDING), "--timeout", "0.05"]) == 1
    printed = capsys.readouterr().out
    assert "--- recorded" in printed
    assert "the app raised LookupError: no notes today" in printed
