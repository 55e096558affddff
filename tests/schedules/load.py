"""Loads the programs of `programs/` as scenarios."""

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(path.stem for path in PROGRAMS.glob("[ck][0-9]*.py"))
RACY = [name for name in NAMES if name.startswith("c")]
FAKES = ("_kit.py",)


@contextmanager
def importable():
    sys.path.insert(0, str(PROGRAMS))
    try:
        yield
    finally:
        sys.path.remove(str(PROGRAMS))


def scenario_of(name, *, fixed):
    """Return the scenario of one program, with its racy or its fixed app."""
    with importable():
        program = importlib.import_module(name)

    async def scenario():
        await program.scenario(lambda: program.build(fixed))

    return scenario
