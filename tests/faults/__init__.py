"""The catalogue of faults: what testers and apps do wrong, and what the tester then reads first.

One module per family. ``page`` writes ``docs/faults.md`` from it, ``test_faults`` holds every
promise in it.
"""

from . import connecting, events, handlers, leaving, lifespan, misuse, namespaces, payloads

#: In the order of the page.
FAMILIES = (misuse, connecting, namespaces, handlers, events, payloads, lifespan, leaving)
FAULTS = tuple(fault for family in FAMILIES for fault in family.faults)
