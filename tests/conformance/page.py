"""Writes ``docs/conformance.md``: ``python -m tests.conformance.page``."""

from itertools import groupby
from pathlib import Path

from asgi_sio_testclient.conformance import CASES, RULES

from .known import DEVIATIONS, NOTES, REASONS

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

PREFACE = """\
# Protocol conformance

<!-- Written by `python -m tests.conformance.page`; a test fails if the page is out of date. -->

The [Engine.IO v4][eio] and [Socket.IO v5][sio] protocols have official test suites, written in
JavaScript. `asgi_sio_testclient.conformance` has every case of both suites in Python. The cases run
in memory against any ASGI app, in about a second:

```shell
python -m asgi_sio_testclient conformance myserver:app
```

The command prints the answer that the specification requires beside the answer of the app. Its exit
code is 0 if every case conforms, else 1. A URL in the place of `myserver:app` tests
[a live server](guides/live-server.md). From Python:

```python
# test_heartbeat.py
import engineio

from asgi_sio_testclient import conformance

server = engineio.AsyncServer(async_mode="asgi", ping_interval=0.3, ping_timeout=0.2)


@server.on("message")
async def message(sid, data):
    await server.send(sid, data)


async def test_heartbeat():
    results = await conformance.run(engineio.ASGIApp(server))
    heartbeat = [result for result in results if result.case.section == "heartbeat, websocket"]
    assert all(result.conforms for result in heartbeat), heartbeat
```

## What the app has to do

{rules}
If an app serves only one of the two paths, only the suite of that path runs.

## What python-socketio answers

{differing} of {total} cases differ. An answer lists encoded packets and statuses of HTTP responses,
separated by semicolons. `<sid>` is a session id, `closed` a connection that the server closed, and
`then 400` or `poll: 400` the status of a later poll.

*Conforms* means that the official suite accepts the answer. The official suite also accepts a
server that ignores a malformed packet and closes the session later, at the ping timeout; such cases
have the note "only at the ping timeout".

[eio]: https://github.com/socketio/socket.io/tree/main/docs/engine.io-protocol/v4-test-suite
[sio]: https://github.com/socketio/socket.io/tree/main/docs/socket.io-protocol/v5-test-suite
"""


def page() -> str:
    parts = [
        PREFACE.format(rules=RULES, differing=len(DEVIATIONS), total=len(CASES)),
        *(
            section(*place, list(cases))
            for place, cases in groupby(CASES, lambda case: (case.suite, case.section))
        ),
        "## Why it differs\n",
        "".join(f"- {reason}\n" for reason in REASONS),
    ]
    return "\n".join(parts)


def section(suite: str, name: str, cases) -> str:
    lines = [
        f"### {suite}: {name}\n",
        "| the server ... | specification's section | required answer | python-socketio's answer |",
        "|---|---|---|---|",
        *(row(case) for case in cases),
        "",
    ]
    return "\n".join(lines)


def row(case) -> str:
    spec = " or ".join(code(answer) for answer in case.answers)
    deviation = DEVIATIONS.get(case.name)
    answer = "conforms" if deviation is None else code(deviation)
    notes = NOTES.get(case.name)
    return f"| {case.title} | {case.spec} | {spec} | {answer}{f' ({notes})' if notes else ''} |"


def code(answer: str) -> str:
    return f"`{answer}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
