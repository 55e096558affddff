"""Writes ``docs/faults.md`` from the catalogue: ``python -m tests.faults.page``."""

from pathlib import Path

from . import FAMILIES
from .catalogue import KNOWN_EARLY, Family

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

PREFACE = """\
# What went wrong?

<!-- Written by `python -m tests.faults.page` from tests/faults/; checked by a test. -->

This page lists the first lines of errors and warnings, each with its cause and what to do. The
project's tests produce each of them with a real app. *At once* means that the error is raised long
before any timeout, because the cause is certain. *At the timeout* means that the wait has to
expire.

Each error of the client has a note with the address of its entry on this page, which Python and
pytest print: `what to do: faults.html#wrong-path`. Exceptions of the app are raised unchanged, and
their tracebacks show the line.

Values that differ between runs are replaced: `<sid>` is a session id, `<line>` a line number, `<n>`
a number.
"""


def page() -> str:
    return "\n".join([PREFACE, *(section(family.faults, heading(family)) for family in FAMILIES)])


def heading(family) -> str:
    """Return the summary of the family's module, without the details after the colon."""
    return family.__doc__.split(":", 1)[0].split("\n", 1)[0].rstrip(".")


def section(faults: Family, title: str) -> str:
    return "\n".join([f"## {title}\n", *(entry(fault) for fault in faults)])


def anchor(fault) -> str:
    """Return the anchor of the fault's address on the page."""
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
            f"Reported {when}. {fault.remedy}",
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
