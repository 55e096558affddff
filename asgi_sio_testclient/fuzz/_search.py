"""The search for failing examples: first simple wrong values in a fixed order, then examples from
Hypothesis, which also makes a failing example smaller.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, strategies as st

from asgi_sio_testclient.fuzz._app import Fault, FuzzedApp
from asgi_sio_testclient.fuzz._loop import HandlerHang
from asgi_sio_testclient.fuzz._targets import Call, Target
from asgi_sio_testclient.fuzz._values import MISSING, literal, replaced

__all__ = ["Found", "search_handler", "search_sequences"]

__tracebackhide__ = True

_SHARE = 0.6  # the part of the examples that are simple wrong values
_ROUNDS = 3  # runs of Hypothesis; each takes up what the runs before have found
_MOST_SEEDS = 12  # examples with new behaviour that a run takes up
_SHRINKING = 400  # the most examples after the first failure
_HANGS = 12  # the most of them that never end
_REDUCING = 100  # examples that make a simple wrong value smaller
_MOST_PLACES = 24  # values in a failing example that are removed one by one
_MANY_TURNS = 1000  # turns of the event loop: an example that takes hours of virtual time
_DEEPEST = 6  # levels of lists and mappings from which values are removed

Calls = tuple[Call, ...]


class Found(Exception):
    """The smallest failing example so far.

    Attributes:
        calls: the calls.
        fault: the failure.
        examples: how many examples were run until the first failure.
    """

    def __init__(self, calls: Calls, fault: Fault, examples: int) -> None:
        super().__init__()
        self.calls = calls
        self.fault = fault
        self.examples = examples


class _Enough(BaseException):
    """Raised to end Hypothesis' shrinking."""


class _Property:
    """Runs examples, and keeps the smallest failing example.

    Args:
        fuzzed_app: the running app.
        seen: outcomes of examples that are known already.
        repeat: whether an example that does not fail is run a second time on one connection.

    Attributes:
        examples: how many examples were run until the first failure.
        found: the smallest failing example; None before the first failure.
        new: examples with an outcome that was not in `seen`.
    """

    def __init__(self, fuzzed_app: FuzzedApp, seen: set[str], *, repeat: bool) -> None:
        self.examples = 0
        self.found: Found | None = None
        self.new: list[Calls] = []
        self._fuzzed_app = fuzzed_app
        self._seen = seen
        self._repeat = repeat
        self._left = _SHRINKING
        self._hangs = _HANGS

    def __call__(self, calls: Calls) -> Fault | None:
        """Run an example, and return its failure, or None. With `repeat`, an example that does not
        fail is run with its call sent twice on one connection.

        Raises:
            _Enough: enough examples were run after the first failure.
        """
        if self.found is not None:
            self._left -= 1
            if not self._left or not self._hangs:
                raise _Enough
        else:
            self.examples += 1
        fault = self._run(calls)
        brief = self._fuzzed_app.turns < _MANY_TURNS
        if fault is None and self._repeat and brief and len(calls) == 1:
            calls *= 2
            fault = self._run(calls)
        if fault is None:
            self._remember(calls)
        elif self.found is None or _size(calls) <= _size(self.found.calls):
            self.found = Found(calls, fault, self.examples)
        return fault

    def failed(self) -> bool:
        """Return whether an example has failed."""
        return self.found is not None

    def _run(self, calls: Calls) -> Fault | None:
        fault = self._fuzzed_app.run(calls)
        if fault is not None and fault.fatal:
            self._hangs -= 1
            self._fuzzed_app.restart()
        return fault

    def _remember(self, calls: Calls) -> None:
        outcome = "; ".join(dict.fromkeys(self._fuzzed_app.outcome))
        if outcome not in self._seen:
            self._seen.add(outcome)
            self.new.append(calls)


def _size(calls: Calls) -> tuple[int, int]:
    """Return the size of an example, for comparison: the number of calls, then their length."""
    return len(calls), sum(len(literal(call.args)) for call in calls)


def search_handler(
    fuzzed_app: FuzzedApp, target: Target, *, max_examples: int, seed: int
) -> tuple[int, Found | None]:
    """Search for a failing example of one handler.

    Returns:
        How many examples were run, and the smallest failing example, or None.
    """
    seen: set[str] = set()
    check = _Property(fuzzed_app, seen, repeat=True)
    simple = list(itertools.islice(_distinct(target.systematic()), int(max_examples * _SHARE) or 1))
    for call in simple:
        if check((call,)) is not None:
            break
    if not check.failed():
        left = max_examples - check.examples
        for round_ in range(_ROUNDS):
            target.seeds += [calls[0].args for calls in check.new[:_MOST_SEEDS]]
            check.new.clear()
            share = left // _ROUNDS if round_ < _ROUNDS - 1 else left - 2 * (left // _ROUNDS)
            lists = st.lists(target.strategy(), min_size=1, max_size=2).map(tuple)
            _explore(check, lists, share, seed + round_)
            if check.failed():
                break
    elif check.found is not None and not check.found.fault.fatal:
        # A simple wrong value is nearly the smallest; Hypothesis removes the values beside it.
        _explore(check, _smaller(check.found.calls, target.counts), _REDUCING, seed)
    return check.examples, check.found


def search_sequences(
    fuzzed_app: FuzzedApp, targets: Sequence[Target], *, max_examples: int, seed: int, length: int
) -> tuple[int, Found | None]:
    """Search for a failing sequence of at most `length` events of all handlers.

    Returns:
        How many sequences were run, and the smallest failing sequence, or None.
    """
    check = _Property(fuzzed_app, set(), repeat=False)
    calls = st.lists(
        st.one_of([target.strategy() for target in targets]), min_size=1, max_size=length
    ).map(tuple)
    _explore(check, calls, max_examples, seed)
    return check.examples, check.found


def _distinct(calls: Iterator[Call]) -> Iterator[Call]:
    seen = set()
    for call in calls:
        text = f"{call.event} {literal(call.args)}"
        if text not in seen:
            seen.add(text)
            yield call


def _explore(
    check: Callable[[Calls], Fault | None],
    strategy: st.SearchStrategy[Calls],
    examples: int,
    seed: int,
) -> None:
    """Run Hypothesis: call `check` with examples of the strategy. `check` keeps the failures.

    Raises:
        Exception: `check` raised; so the example could not be run.
    """
    if examples < 1:
        return
    broken: list[Exception] = []

    # Each setting is given that the active profile could change: in CI, Hypothesis loads another
    # profile, and prints a decorator that is of no use here.
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        backend="hypothesis",
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @hypothesis.given(strategy)
    def holds(calls: Calls) -> None:
        try:
            fault = check(calls)
        except Exception as exc:
            broken.append(exc)
            raise
        if fault is not None:
            if isinstance(fault.error, HandlerHang | SystemExit):
                raise _Failed
            # Hypothesis distinguishes failures by their line in the app.
            raise fault.error

    # `check` has the exception of the example. Hypothesis may raise Flaky in its place, if the app
    # has state that makes the same example pass the next time.
    with contextlib.suppress(_Enough, Exception):
        holds()
    if broken:
        raise broken[0]


class _Failed(Exception):
    """Raised to Hypothesis in the place of a `HandlerHang` or SystemExit, which would end it."""


def _smaller(calls: Calls, counts: Sequence[int]) -> st.SearchStrategy[Calls]:
    """Return a strategy for parts of a failing example: fewer calls, arguments and values.

    A value for which False is drawn is removed: False is the boolean to which Hypothesis shrinks.
    """
    places = min(max(len(list(_places(call.args))) for call in calls), _MOST_PLACES)
    return st.builds(
        lambda count, length, kept: tuple(
            Call(call.namespace, call.event, _parts(call.args[:length], kept))
            for call in calls[:count]
        ),
        st.integers(1, len(calls)),
        st.sampled_from(sorted(counts)),
        st.lists(st.booleans(), min_size=places, max_size=places),
    )


def _places(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the values that can be removed from arguments, outer values first."""
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while waiting:
        path, inner = waiting.pop(0)
        if len(path) < _DEEPEST and isinstance(inner, dict | list | tuple):
            pairs = inner.items() if isinstance(inner, dict) else enumerate(inner)
            for key, child in pairs:
                if path:
                    yield (*path, key)
                waiting.append(((*path, key), child))


def _parts(args: tuple[Any, ...], kept: Sequence[bool]) -> tuple[Any, ...]:
    """Return the arguments without the values for whose path `kept` has False."""
    removed = [path for path, keep in zip(_places(args), kept, strict=False) if not keep]
    # Backwards, so that the indexes of earlier values in a list stay valid.
    for path in reversed(removed):
        with contextlib.suppress(KeyError, IndexError, TypeError):
            args = replaced(args, path, MISSING)
    return args
