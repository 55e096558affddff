"""Parts of recordings: how values are written, and how a replay reports unsupported parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asgi_sio_testclient import HandshakeFailed
from asgi_sio_testclient._cli import main
from asgi_sio_testclient.har import read_har, replay
from asgi_sio_testclient.har._render import expression
from asgi_sio_testclient.har._replay import _shown_as
from asgi_sio_testclient.har._values import ANYTHING

RECORDING = Path(__file__).parent / "recordings" / "websocket.har"
LONG = bytes(range(256)) * 2


@pytest.mark.parametrize(
    "value",
    [
        LONG,
        {"blob": LONG, "words": ["a" * 60, "b" * 60]},
        ["a" * 60, LONG, {}],
        ("a" * 60, "b" * 60),
        (LONG,),
        [],
        (),
        {"a": ("one",)},
    ],
)
def test_any_value_is_written_as_python(value: Any) -> None:
    source = expression(value)
    assert eval(f"({source}\n)", {"base64": __import__("base64")}) == value
    assert max(map(len, source.splitlines())) <= 100


def test_a_text_that_is_longer_than_a_line_stays_whole() -> None:
    assert expression("a" * 120) == f'"{"a" * 120}"'


def test_what_stands_for_values_is_shown() -> None:
    assert expression(ANYTHING) == repr(ANYTHING) == "ANY"
    assert _shown_as(ANYTHING) == "(any)"
    assert _shown_as(LONG) == f"<512 bytes: {LONG[:16].hex(' ')}>"
    assert _shown_as("x") == "'x'"


@pytest.mark.slow
async def test_an_app_without_a_server_can_not_be_replayed_against() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] in {"http", "websocket"}, "no lifespan"
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})
        else:
            await send({"type": "websocket.close"})

    with pytest.raises(HandshakeFailed):
        await replay(read_har(RECORDING), app)


def test_the_command_says_what_the_app_raised(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    assert main(["replay-har", "crashing_app:app", str(RECORDING), "--timeout", "0.05"]) == 1
    printed = capsys.readouterr().out
    assert "--- recorded" in printed
    assert "the app raised LookupError: no notes today" in printed
