"""Racy programs fail under a schedule, which is shrunk, described and replayed; correct ones pass.

`nox -s schedules` does the same with more seeds and runs, on each interpreter.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from load import FAKES, NAMES, RACY, scenario_of

from asgi_sio_testclient.schedules import explore, replay

# One program of each kind; `nox -s proofs` runs all programs.
FEW = {"c01_last_seat", "c08_online_counter", "k04_emit_order"}
SEEDS = [int(seed) for seed in os.environ.get("SCHEDULES_SEEDS", "0").split(",")]
RUNS_OF_CORRECT_ONES = int(os.environ.get("SCHEDULES_RUNS", "15"))


def few_at_first(names):
    return [name if name in FEW else pytest.param(name, marks=pytest.mark.proof) for name in names]


CHILD = """
import json, sys
from load import scenario_of
from asgi_sio_testclient.schedules import replay

for name, code in json.load(sys.stdin):
    try:
        replay(scenario_of(name, fixed=False), code)
    except Exception as exc:
        print(name, type(exc).__name__, str(exc).splitlines()[0])
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "io", [pytest.param((), id="all", marks=pytest.mark.proof), pytest.param(FAKES, id="io")]
)
@pytest.mark.parametrize("name", few_at_first(RACY))
def test_the_race_is_found_and_replayed(name, io, seed):
    scenario = scenario_of(name, fixed=False)

    failure = explore(scenario, seed=seed, io=io, raises=False).failure

    assert failure is not None
    assert len(failure.holds) <= 3
    assert f"{name}.py:" in failure.story
    for _ in range(3):
        with pytest.raises(type(failure.error)) as caught:
            replay(scenario, failure.code)
        assert str(caught.value) == str(failure.error)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", few_at_first(NAMES))
def test_a_correct_program_does_not_fail(name, seed):
    scenario = scenario_of(name, fixed=True)

    found = explore(scenario, runs=RUNS_OF_CORRECT_ONES, seed=seed, io=FAKES, raises=False)

    assert found.failure is None
    assert found.runs == RUNS_OF_CORRECT_ONES


@pytest.mark.slow
def test_a_code_is_good_in_another_process():
    names = ("c01_last_seat", "c08_online_counter", "c27_reconnect")
    failures = {
        name: explore(scenario_of(name, fixed=False), raises=False).failure for name in names
    }

    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([(name, failure.code) for name, failure in failures.items()]),
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
            "PYTHONHASHSEED": "77",
        },
    )

    assert child.stdout.splitlines() == [
        f"{name} {type(failure.error).__name__} {str(failure.error).splitlines()[0]}"
        for name, failure in failures.items()
    ]
