"""The parts of a run, each in its own process, so that a failed part does not affect the others.

A part returns its figures, and `merge` adds them to the run. If a part fails, the run and the page
have the reason under "missing".
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    forms,
    growth,
    hotpath,
    instructions,
    measures,
    memory,
    method,
    once,
    payloads,
    peers,
    profile,
    scale,
    split,
)

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 900  # for one part
OPERATIONS = tuple(measure.key for measure in measures.MEASURES)


def _measures(key: str, options: argparse.Namespace) -> dict:
    everybody = peers.load(only_peers(options))
    chosen = [measure for measure in measures.MEASURES if measure.key == key]
    found = measures.run(everybody, chosen, options.rounds, _slice_ns(options), _progress)
    return {
        "titles": {who.key: who.title for who in everybody},
        "variants": [who.key for who in everybody if getattr(who, "variant", False)],
        "measures": found,
    }


def _memory(options: argparse.Namespace) -> dict:
    size = memory.QUICK_SIZE if options.quick else memory.SIZE
    return {"memory": {who: memory.measure(who, size) for who in growth.USERS}}


def _growth(options: argparse.Namespace) -> dict:
    sizes = growth.QUICK_SIZES if options.quick else growth.SIZES
    return {"sizes": list(sizes), "growth": growth.measure(growth.ROUNDS, sizes, _progress)}


def _profile(options: argparse.Namespace) -> dict:
    return {"profile": profile.measure("call", 1.0 if options.quick else 8.0)}


def _forms(options: argparse.Namespace) -> dict:
    clients = forms.QUICK_CLIENTS if options.quick else forms.CLIENTS
    found = forms.measure(method.MIN_ROUNDS, _slice_ns(options), clients, _progress)
    return {"forms": found, "forms_clients": clients}


def _scale(options: argparse.Namespace) -> dict:
    if options.quick:
        return {"scale": scale.measure(scale.QUICK_SIZES, scale.QUICK_UNREAD, _progress)}
    return {"scale": scale.measure(progress=_progress)}


def _linear(options: argparse.Namespace) -> dict:
    return {"linear": scale.measure_linear(shrunk=20 if options.quick else 1)}


def _once(options: argparse.Namespace) -> dict:
    return {"once": once.measure(once.QUICK_TESTS if options.quick else once.TESTS, _progress)}


def _payloads(options: argparse.Namespace) -> dict:
    sizes = payloads.QUICK_SIZES_MIB if options.quick else payloads.SIZES_MIB
    return {"payloads": payloads.measure_all(sizes, _progress)}


def _instructions(options: argparse.Namespace) -> dict:
    if not instructions.is_available():
        raise RuntimeError("valgrind is not installed")
    operations = ["call"] if options.quick else list(measures.GOALS)
    return {"instructions": instructions.measure(operations)}


def _split(options: argparse.Namespace) -> dict:
    repetitions = 5 if options.quick else 50
    return {"split": {name: split.measure(name, repetitions) for name in hotpath.OPERATIONS}}


SECTIONS: dict[str, Callable[[argparse.Namespace], dict]] = {
    "instructions": _instructions,
    "split": _split,
    "scale": _scale,
    "linear": _linear,
    "once": _once,
    "payloads": _payloads,
    "memory": _memory,
    "growth": _growth,
    "profile": _profile,
    "forms": _forms,
}
NAMES = (*OPERATIONS, *SECTIONS)


def measure_part(name: str, options: argparse.Namespace) -> dict:
    """Measure one part in this process."""
    return SECTIONS[name](options) if name in SECTIONS else _measures(name, options)


def measure_apart(name: str, options: argparse.Namespace) -> dict:
    """Measure one part in a new process.

    Raises:
        RuntimeError: the process failed, with the last line that it printed; or it took longer than
            `LIMIT_S`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "part.json"
        command = [sys.executable, "-m", "benchmarks", "--part", name, "--json", str(file)]
        command += ["--rounds", str(options.rounds)]
        command += [f"--{flag}" for flag in ("quick", "gc", "cpu") if getattr(options, flag)]
        command += ["--only", options.only] if options.only else []
        with tempfile.TemporaryFile("w+") as said:
            child = subprocess.Popen(
                command, stdout=said, stderr=said, cwd=ROOT, start_new_session=True
            )
            try:
                status = child.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"no result within {LIMIT_S} s") from None
            finally:
                _end(child)
            if status == 0:
                return json.loads(file.read_text())
            said.seek(0)
            lines = [line.strip() for line in said if line.strip()]
            raise RuntimeError(lines[-1] if lines else f"exit code {status}")


def _end(child: subprocess.Popen) -> None:
    """End the process and its children, such as a server or valgrind."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    child.wait()


def measure_all(
    names: list[str], options: argparse.Namespace, run: dict, say: Callable[[str], None]
) -> None:
    """Measure these parts, each in a new process; add each to the run, and save the run."""
    run.setdefault("missing", {})
    run.setdefault("seconds", {})
    for number, name in enumerate(names, 1):
        say(f"{number}/{len(names)} {name}")
        start = time.monotonic()
        run["missing"].pop(name, None)
        try:
            merge(run, measure_apart(name, options))
        except (RuntimeError, ValueError) as exc:
            run["missing"][name] = str(exc)
            say(f"  failed: {exc}")
        run["seconds"][name] = round(time.monotonic() - start)
        if options.json:
            options.json.write_text(json.dumps(run, indent=1) + "\n")


def merge(run: dict, part: dict) -> None:
    """Add a part's figures to the run."""
    for key, value in part.items():
        if key in ("measures", "titles") and key in run:
            run[key].update(value)
        else:
            run[key] = value


def has(run: dict, name: str) -> bool:
    """Return whether the run has the figures of a part."""
    return name in run or name in run.get("measures", {})


def only_peers(options: argparse.Namespace) -> set[str]:
    """Return the contenders that `--only` names, or none for all contenders."""
    return chosen(options) & set(peers.MODULES)


def chosen(options: argparse.Namespace) -> set[str]:
    return set(options.only.split(",")) if options.only else set()


def _slice_ns(options: argparse.Namespace) -> int:
    return method.QUICK_SLICE_NS if options.quick else method.SLICE_NS


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
