"""Writes ``docs/faults.md`` from the catalogue: ``python -m tests.faults.page``."""

from pathlib import Path

from . import FAMILIES
from .catalogue import KNOWN_EARLY, Family

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

PREFACE = """\
# What went wrong?

<!-- Written by `python -m tests.faults.page` from tests/faults/; a test holds it up to date. -->

Find the line that you read in your test, and what to do about it. Each fault on this page is a
test: a real app, the mistake, the literal first line, and a bound on the time until it is said.
*At once* means long before any timeout: the cause is known, so nothing is waited for. *At the
timeout* means that only the clock can tell.

Each error of the client carries the address of its entry here as a note, which Python and pytest
print with it: `what to do: faults.html#wrong-path`. What the app raised is raised as it is: its
traceback leads to the line.

What differs between two runs is blanked out: `<sid>` is a session id, `<line>` a line number.
"""


def page() -> str:
    return "\n".join([PREFACE, *(section(family.faults, heading(family)) for family in FAMILIES)])


def heading(family) -> str:
    """The summary of the family's module, without its details after the colon."""
    return family.__doc__.split(":", 1)[0].split("\n", 1)[0].rstrip(".")


def section(faults: Family, title: str) -> str:
    return "\n".join([f"## {title}\n", *(entry(fault) for fault in faults)])


def anchor(fault) -> str:
    """The end of the fault's address on the page."""
    return fault.name.replace("_", "-")


def entry(fault) -> str:
    says = [fault.first_line, *([fault.note] if fault.note else [])]
    when = "at once" if fault.within == KNOWN_EARLY else "at the timeout"
    return "\n".join(
        [
            f"({anchor(fault)})=",
            "",
            f"[#](#{anchor(fault)}) **{fault.mistake}**",
            "",
            "```text",
            *says,
            "```",
            "",
            f"Said {when}. {fault.remedy}",
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
