"""Writes ``docs/fidelity.md`` from the table of deviations: ``python -m tests.fidelity.page``."""

from pathlib import Path

from .deviations import ALLOWANCES, BEYOND_THE_RECORDINGS, DEVIATIONS
from .scenarios import SCENARIOS

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"

PREFACE = """\
# How like the real thing

<!-- Written by `python -m tests.fidelity.page` from tests/fidelity/; a test holds it so. -->

An app can't tell whether it is tested in memory. That is measured, not claimed: an ASGI middleware
records everything an app sees and does: scopes with every header, messages in order, close codes,
what its handlers were called with, and the reasons that its disconnect handlers are given. Each
scenario is played three times: by python-socketio's own client over aiohttp and a real uvicorn, by
the same client over [`ASGIClientSession`](stock.md), and by `TestClient`. Then the recordings are
compared. A difference that is not on this page fails the tests; so does a line of this page that
nothing differs by any more.
"""

STOCK = """\
## The stock client in memory

With `ASGIClientSession` in the place of aiohttp's session, the recordings are **equal**, in all
scenarios, over all transports, headers and their order included. These differences lie outside of
what is recorded:
"""

TEST_CLIENT = """\
## `TestClient`

It is a client of its own, and differs from python-socketio's on purpose in these points, and in no
other:
"""


def page() -> str:
    count = sum(len(scenario.transports) for scenario in SCENARIOS.values())
    names = ", ".join(name.replace("_", " ") for name in SCENARIOS)
    return "\n".join(
        [
            PREFACE,
            STOCK,
            table(BEYOND_THE_RECORDINGS),
            TEST_CLIENT,
            table(DEVIATIONS),
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
