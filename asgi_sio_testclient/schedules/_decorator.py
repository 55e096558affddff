"""The decorator `explored`: makes an async test a sync test, which any test runner can call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, overload
from unittest import TestCase

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.schedules._explore import RUNS, Explorer
from asgi_sio_testclient.schedules._settings import current

__all__ = ["explored"]

__tracebackhide__ = True

Test = Callable[..., Any]


@overload
def explored(runs: Test) -> Callable[..., None]: ...
@overload
def explored(
    runs: int = RUNS, *, seed: int = 0, io: Any = ()
) -> Callable[[Test], Callable[..., None]]: ...
def explored(runs: Any = RUNS, *, seed: int = 0, io: Any = ()) -> Any:
    """Decorate an async test: it becomes a sync test that runs under many schedules.

    Use the decorator bare, or with arguments, which are those of `explore`. Values of sync fixtures
    are shared by all runs. Async fixtures are refused: they belong to another event loop.

    Args:
        runs: the most schedules to run; or the test, if the decorator is bare.
        seed: the seed of the order of schedules.
        io: the files and modules whose sleeps stand for I/O; see `explore`.

    Raises:
        UsageError: the test is no async function; or, when the test is called, an argument is a
            coroutine or an async generator.
        TypeError: `runs` is no number.
    """
    if not callable(runs) and not isinstance(runs, int):
        raise TypeError(f"runs is {runs!r}; expected a number, or the test")
    if callable(runs):
        return _explored(runs, RUNS, seed, io)
    return functools.partial(_explored, runs=runs, seed=seed, io=io)


def _explored(test: Test, runs: int, seed: int, io: Any) -> Callable[..., None]:
    if not inspect.iscoroutinefunction(test):
        raise UsageError(f"not an async test: {test!r}; explored() runs a coroutine")

    @functools.wraps(test)
    def sync(*args: Any, **kwargs: Any) -> None:
        _check(test, {**dict(enumerate(args)), **kwargs})
        explorer = _explorer(test, args, kwargs, seed, io)
        explorer.explore(runs, current(), raises=True)

    sync.sio_scenario = test  # type: ignore[attr-defined]
    sync.sio_explored = True  # type: ignore[attr-defined]
    return sync


def _explorer(test: Test, args: Any, kwargs: Any, seed: int, io: Any) -> Explorer:
    from asgi_sio_testclient.schedules._explore import _scenario_of  # noqa: PLC0415

    scenario = _scenario_of(functools.partial(test, *args, **kwargs))
    name = _name_of(test, args)
    return Explorer(scenario, seed=seed, io=io, name=name, arguments=bool(args or kwargs))


def _name_of(test: Test, args: Any) -> str:
    """Return the expression for a test in the line for a replay; for a method, of a new instance of
    its class.
    """
    name = test.__name__
    if not args or not hasattr(type(args[0]), name):
        return name
    given = f'"{name}"' if isinstance(args[0], TestCase) else ""
    return f"{type(args[0]).__name__}({given}).{name}"


def _check(test: Test, arguments: dict[Any, Any]) -> None:
    for name, value in arguments.items():
        if inspect.isawaitable(value) or inspect.isasyncgen(value):
            if inspect.iscoroutine(value):
                value.close()
            raise UsageError(
                f"an async fixture ({name}) belongs to another event loop: build its value "
                f"within {test.__name__}, or make the fixture a sync function"
            )
