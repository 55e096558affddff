"""The report of the counts."""

import asyncio

from covered_use import use

from asgi_sio_testclient import coverage


def test_the_report(world):
    with coverage.record() as covered:
        asyncio.run(use(world))
    lines = covered.report().splitlines()
    assert lines[0].split() == [
        "namespace", "event", "handler", "ran", "acked", "raised", "refused",
    ]  # fmt: skip
    assert ["/", "say", "say", "2", "1", "1", "0"] in [line.split() for line in lines]
    assert any(line.startswith("never ran: /chat leave (Chat.on_leave, ") for line in lines)
    assert "emitted, never read: / logged (2 times)" not in lines
    assert "emitted, never read: / logged (once)" in lines
    assert "sent, no handler: / nobody (once)" in lines
    assert lines[-1].endswith(f"of 22 handlers ran: {int(covered.percent)} %")


def test_without_any_server():
    with coverage.record() as covered:
        pass
    assert covered.percent == 100
    assert covered.report() == "no server with handlers was used by a client"
