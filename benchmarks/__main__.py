"""`python -m benchmarks`: measures all contenders and writes `docs/benchmarks.md`."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks import machine, method, parts, peers, report


def main() -> int:
    options = _options()
    if options.gc:
        method.leave_collector_on()
    if options.cpu:
        method.use_processor_time()
    if options.part:
        options.json.write_text(json.dumps(parts.measure_part(options.part, options)) + "\n")
        return 0
    run = json.loads(options.render.read_text()) if options.render else _measure(options)
    print(report.as_text(run))
    if options.only is None and not options.quick and not options.cpu:
        written = report.write(run, options.docs)
        print(f"\nwritten: {written}")
    else:
        print("\nnot written to the docs, which need a whole run (no --quick, --only, --cpu)")
    for name, why in run.get("missing", {}).items():
        print(f"missing: {name}: {why}", file=sys.stderr)
    return 1 if run.get("missing") else 0


def _measure(options: argparse.Namespace) -> dict:
    run = {}
    if options.resume and options.json.exists():
        run = json.loads(options.json.read_text())
    run |= {
        "machine": machine.describe(),
        "rounds": options.rounds,
        "collector": "on" if options.gc else "off",
    }
    only_parts = parts.chosen(options) - set(peers.MODULES)
    names = [name for name in parts.NAMES if not only_parts or name in only_parts]
    if options.resume:
        names = [name for name in names if not parts.has(run, name)]
    parts.measure_all(names, options, run, lambda text: print(text, file=sys.stderr, flush=True))
    return run


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="short slices, few clients, small payloads"
    )
    parser.add_argument(
        "--only",
        help=f"comma-separated: {', '.join((*parts.NAMES, *peers.MODULES))}; measure only these "
        "parts, with these clients",
    )
    parser.add_argument(
        "--rounds", type=int, default=method.ROUNDS, help="at least 9 (default: %(default)s)"
    )
    parser.add_argument("--gc", action="store_true", help="leave the garbage collector on")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="measure processor time instead of elapsed time, on a busy machine; not for the docs",
    )
    parser.add_argument(
        "--json", type=Path, help="write every round's figures to this file, part by part"
    )
    parser.add_argument(
        "--resume", action="store_true", help="measure only the parts that --json's file has not"
    )
    parser.add_argument("--render", type=Path, help="write the page from such a file")
    parser.add_argument("--docs", type=Path, default=parts.ROOT / "docs", help="the page's folder")
    parser.add_argument("--part", choices=parts.NAMES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < method.MIN_ROUNDS:
        parser.error(f"--rounds: a median of fewer than {method.MIN_ROUNDS} says nothing")
    if (options.resume or options.part) and not options.json:
        parser.error("--resume: needs --json")
    unknown = sorted(parts.chosen(options) - {*parts.NAMES, *peers.MODULES})
    if unknown:
        parser.error(f"--only: {', '.join(unknown)}: none of {', '.join(parts.NAMES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
