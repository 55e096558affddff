"""`python -m benchmarks`: measure everybody, write `docs/benchmarks.md`."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    forms,
    growth,
    instructions,
    machine,
    measures,
    memory,
    method,
    once,
    payloads,
    peers,
    profile,
    report,
    scale,
)

SECTIONS = ("memory", "growth", "profile", "forms", "scale", "once", "payloads", "instructions")
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    options = _options()
    if options.gc:
        method.leave_collector_on()
    if options.cpu:
        method.use_processor_time()
    run = json.loads(options.render.read_text()) if options.render else _measure(options)
    if options.json:
        options.json.write_text(json.dumps(run, indent=1) + "\n")
    print(report.as_text(run))
    if options.only is None and not options.quick and not options.cpu:
        written = report.write(run, options.docs)
        print(f"\nwritten: {written}")
    else:
        print("\nnot written to the docs: that takes a whole run (no --quick, --only, --cpu)")
    return 0


def _options() -> argparse.Namespace:
    names = [measure.key for measure in measures.MEASURES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short slices, to 1,000 clients")
    parser.add_argument(
        "--only",
        help=f"comma-separated: {', '.join((*names, *SECTIONS, *peers.MODULES))}; names of peers "
        "leave out the other peers, the rest leave out the other measures",
    )
    parser.add_argument("--rounds", type=int, default=50, help="at least 9 (default: 50)")
    parser.add_argument("--gc", action="store_true", help="leave the garbage collector on")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="processor time instead of the clock's, for a busy machine: to look, not to publish",
    )
    parser.add_argument("--json", type=Path, help="write every round's figures to this file")
    parser.add_argument("--render", type=Path, help="measure nothing: use such a file")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page goes")
    options = parser.parse_args()
    if options.rounds < method.MIN_ROUNDS:
        parser.error(f"--rounds: a median of fewer than {method.MIN_ROUNDS} says nothing")
    known = {*names, *SECTIONS, *peers.MODULES}
    unknown = sorted(set((options.only or "").split(",")) - known - {""})
    if unknown:
        parser.error(f"--only: {', '.join(unknown)}: none of {', '.join(sorted(known))}")
    return options


def _measure(options: argparse.Namespace) -> dict:
    only = set(options.only.split(",")) if options.only else set()
    only_peers = only & set(peers.MODULES)
    only_parts = only - only_peers
    everybody = peers.load(only_peers)
    chosen = [m for m in measures.MEASURES if not only_parts or m.key in only_parts]

    def wanted(section: str) -> bool:
        return section in only_parts or not only_parts

    slice_ns = method.QUICK_SLICE_NS if options.quick else method.SLICE_NS
    run = {
        "machine": machine.describe(),
        "rounds": options.rounds,
        "collector": "on" if options.gc else "off",
        "titles": {who.key: who.title for who in everybody},
        "variants": [who.key for who in everybody if getattr(who, "variant", False)],
        "measures": measures.run(everybody, chosen, options.rounds, slice_ns, _progress),
    }
    sizes = growth.QUICK_SIZES if options.quick else growth.SIZES
    if wanted("memory"):
        run["memory"] = {}
        for who in growth.USERS:
            _progress(f"memory: {who}")
            run["memory"][who] = memory.measure(who, sizes[-1])
    if wanted("growth"):
        run["sizes"] = list(sizes)
        run["growth"] = growth.measure(method.MIN_ROUNDS, sizes, _progress)
    if wanted("profile"):
        _progress("profile")
        run["profile"] = profile.measure("call", 2.0 if options.quick else 8.0)
    run |= _measure_more(options, wanted, slice_ns)
    _progress("")
    return run


def _measure_more(
    options: argparse.Namespace, wanted: Callable[[str], bool], slice_ns: int
) -> dict:
    run: dict = {}
    if wanted("forms"):
        clients = forms.QUICK_CLIENTS if options.quick else forms.CLIENTS
        run["forms"] = forms.measure(method.MIN_ROUNDS, slice_ns, clients, _progress)
        run["forms_clients"] = clients
    if wanted("scale"):
        run["scale"] = (
            scale.measure(scale.QUICK_SIZES, scale.QUICK_UNREAD, _progress)
            if options.quick
            else scale.measure(progress=_progress)
        )
    if wanted("once"):
        run["once"] = once.measure(once.QUICK_TESTS if options.quick else once.TESTS, _progress)
    if wanted("payloads"):
        big = payloads.QUICK_SIZES_MIB if options.quick else payloads.SIZES_MIB
        run["payloads"] = payloads.measure_all(big, _progress)
    if wanted("instructions") and not options.quick and instructions.is_available():
        _progress("instructions")
        run["instructions"] = instructions.measure(measures.GOALS, workers=2)
    return run


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
