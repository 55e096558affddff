"""Writes ``docs/fidelity.md`` from the table of deviations: ``python -m tests.fidelity.page``."""

from pathlib import Path

from .deviations import ALLOWANCES, BEYOND_THE_RECORDINGS, DEVIATIONS
from .scenarios import SCENARIOS

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"

PREFACE = """\
# Fidelity

<!-- Written by `python -m tests.fidelity.page` from tests/fidelity/; a test compares the two. -->

In memory an app gets the same scopes, messages and disconnect reasons as behind uvicorn, except for
the differences on this page. They are measured. An ASGI middleware records what an app gets and
sends: the scopes with every header, the messages in order, close codes, http.disconnect, the
lifespan, the arguments of the app's handlers, and the disconnect reasons. Each scenario (see the
end of the page) is run three times: by python-socketio's own client over aiohttp and a real
uvicorn, by the same client over [`ASGIClientSession`](stock.md), and by `TestClient`. Then the
recordings are compared. The tests fail if there is a difference that this page does not list, and
also if the page lists a difference that no recording shows any more.

No recording is stored: uvicorn is recorded again whenever the tests run.
"""

STOCK = """\
## The stock client in memory

With `ASGIClientSession` in the place of aiohttp's session, the recordings are **equal**: in all
scenarios that the stock client supports, over all transports, headers and their order included.
"""

TEST_CLIENT = """\
## `TestClient`

`TestClient` is a separate implementation of a client. It differs from python-socketio's client in
these points, on purpose, and in no other point:
"""

JAVASCRIPT = """\
## The official JavaScript client

socket.io-client (Node.js) is recorded through uvicorn as well, if npm is available: packets, the
content type of requests, and the disconnect reason, over each transport. If the JavaScript client
and python-socketio's client differ, `TestClient` does what the JavaScript client does, except in
the last line:

| what | python-socketio's client | JavaScript client | `TestClient` |
|---|---|---|---|
| CONNECT without auth | `40{}` | `40` | as the JavaScript client |
| a POST's content type | `text/plain` | `text/plain;charset=UTF-8` | as the JavaScript client |
| the NOOP of an upgrade | over the websocket | ends a pending GET | as the JavaScript client |
| CONNECT in an upgrade | after it, over the websocket | before it, over polling | after it |

`TestClient` sends CONNECT after the end of the upgrade, as python-socketio's client does, because
its upgrades are compared with the recordings of that client. The JavaScript client sends CONNECT by
a POST and opens the websocket at the same time, on two connections. An app can notice two
differences:

- In a connect handler, `eio.transport(sid)` is "polling". With the two other clients it is
  "websocket".
- The answer to CONNECT, and what the connect handler emits, arrive in a GET or over the websocket,
  depending on which of the two requests the server processes first.

The packets, their order, the handlers' arguments and the disconnect reason are the same. With
`transports=("polling",)`, `TestClient` connects over polling, as the JavaScript client does during
an upgrade.
"""

BEYOND = """\
## Differences that no scenario shows

These differences are outside of the recordings, or only a server has them:
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
            "## Values that are replaced\n",
            "Before the comparison, values that differ from run to run are replaced:\n",
            *(f"- {what}: {why}" for what, why in ALLOWANCES),
            "\n## The scenarios\n",
            f"{len(SCENARIOS)} scenarios; {count} runs, over each transport that applies: {names}.",
            "",
        ]
    )


def table(entries) -> str:
    rows = [f"| {e.title} | {e.real} | {e.ours} | {e.reason} |" for e in entries]
    head = ["| what | over the network | here | why |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
