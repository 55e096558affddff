"""Writes ``docs/fidelity.md`` from the table of deviations: ``python -m tests.fidelity.page``."""

from pathlib import Path

from .deviations import ALLOWANCES, BEYOND_THE_RECORDINGS, DEVIATIONS
from .scenarios import SCENARIOS

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"

PREFACE = """\
# How like the real thing

<!-- Written by `python -m tests.fidelity.page` from tests/fidelity/; a test holds it so. -->

What an app sees in memory is what it sees behind uvicorn, but for what this page lists. It is
measured: an ASGI middleware records the scopes with every header, the messages in order, close
codes, http.disconnect, the lifespan, what the app's handlers were called with, and the reasons that
its disconnect handlers are given. Each scenario is played three times: by python-socketio's own
client over aiohttp and a real uvicorn, by the same client over [`ASGIClientSession`](stock.md), and
by `TestClient`. Then the recordings are compared. In these scenarios, at the end of the page, a
difference that is not on it fails the tests; so does a line of it that nothing differs by any more.

Nothing is stored: uvicorn is recorded anew whenever the tests run. The page itself is written by
`python -m tests.fidelity.page`.
"""

STOCK = """\
## The stock client in memory

With `ASGIClientSession` in the place of aiohttp's session, the recordings are **equal**, in all
scenarios that a client can play, over all transports, headers and their order included.
"""

TEST_CLIENT = """\
## `TestClient`

It is a client of its own, and differs from python-socketio's on purpose in these points, and in no
other:
"""

JAVASCRIPT = """\
## The official JavaScript client

socket.io-client (Node.js) is recorded through uvicorn as well, where npm can be had: packets, the
content type of requests, and the reason of the end, over each transport. Where it differs from
python-socketio's client, `TestClient` is as JavaScript's, but for the last line:

| what | python-socketio's client | JavaScript's | `TestClient` |
|---|---|---|---|
| CONNECT without auth | `40{}` | `40` | as JavaScript's |
| a POST's content type | `text/plain` | `text/plain;charset=UTF-8` | as JavaScript's |
| the NOOP of an upgrade | over the websocket | ends a pending GET | as JavaScript's |
| CONNECT in an upgrade | after it, over the websocket | before it, over polling | after it |

`TestClient` waits with CONNECT for the end of the upgrade, as python-socketio's client does; that
client's recordings of upgrades are what `TestClient` is compared with above, and it can't follow
both.
JavaScript's client POSTs CONNECT and opens the websocket at the same moment, on two connections. An
app can see two things of that:

- A connect handler finds `eio.transport(sid)` at "polling". Under the two other clients it finds
  "websocket".
- The answer to CONNECT, and what the connect handler emits, come in a GET or over the websocket:
  it depends on which of the two requests the server takes first.

The packets, their order, the handlers' arguments and the reason of the end are the same. With
`transports=("polling",)` a connect handler runs under `TestClient` as it does under JavaScript's
client during an upgrade.
"""

BEYOND = """\
## What no scenario shows

These differences lie outside of what is recorded, or in what only a server does:
"""


def page() -> str:
    count = sum(len(scenario.transports) for scenario in SCENARIOS.values())
    names = ", ".join(name.replace("_", " ") for name in SCENARIOS)
    return "\n".join(
        [
            PREFACE,
            STOCK,
            TEST_CLIENT,
            table(DEVIATIONS),
            JAVASCRIPT,
            BEYOND,
            table(BEYOND_THE_RECORDINGS),
            "## What is evened out\n",
            "Before recordings are compared, what differs from run to run anyway is replaced:\n",
            *(f"- {what}: {why}" for what, why in ALLOWANCES),
            "\n## The scenarios\n",
            f"{len(SCENARIOS)} scenarios, {count} with each transport that they apply to: {names}.",
            "",
        ]
    )


def table(entries) -> str:
    rows = [f"| {e.title} | {e.real} | {e.ours} | {e.reason} |" for e in entries]
    head = ["| what | over the network | here | why |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
