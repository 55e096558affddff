"""Measures the cost of this client beside a bare driver and other clients, in one run.

`python -m benchmarks` measures and writes `docs/benchmarks.md`. `python -m benchmarks.profile`
shows the time of a call by line. CI runs `python -m benchmarks.guard`, which counts function calls
instead of measuring time, so that it does not depend on the machine's load.

The rule of this package: each contender gets the same app, the same clock and the same settings of
the garbage collector, and takes turns with the others. A figure is printed with the floor's figure
only.
"""
