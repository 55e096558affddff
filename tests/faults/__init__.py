"""The catalogue of faults: mistakes of tests and apps, and the first line of the error of each.

There is one module per family. ``page`` writes ``docs/faults.md`` from the catalogue, and
``test_faults`` checks each of its first lines and times.
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
