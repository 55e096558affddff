"""The catalogue of faults: what testers and apps do wrong, and what the tester then reads first.

One module per family. ``page`` writes ``docs/faults.md`` from it, ``test_faults`` holds every
promise in it.
"""

from . import (
    connecting,
    events,
    handlers,
    leaving,
    lifespan,
    misuse,
    namespaces,
    payloads,
    rest,
    rooms,
    spelling,
)

#: In the order of the page.
FAMILIES = (
    misuse, spelling, connecting, namespaces, handlers, events, rooms, rest, payloads, lifespan,
    leaving,
)  # fmt: skip
FAULTS = tuple(fault for family in FAMILIES for fault in family.faults)
