"""What this client costs beside a bare driver and beside its peers, measured in one run.

`python -m benchmarks` measures and writes `docs/benchmarks.md`; `python -m benchmarks.profile`
shows where a call's cost goes; `python -m benchmarks.guard` is what CI runs: it counts instead of
timing, so noise can't fail it.

The rule of this package: each contender gets the same app, the same clock and the same
garbage collector, and takes turns with the others. A figure without its floor is never printed.
"""
