"""Which exceptions of an app's code end a test, such as that of ``pytest.skip()``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

__tracebackhide__ = True

_NOT_OF_A_TEST_RUNNER = (
    Exception, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError
)  # fmt: skip


def ends_test(exc: BaseException) -> bool:
    """Return whether an exception has to end the test, even if the app's code raised it.

    These are the exceptions of ``pytest.fail()``, ``skip()``, ``xfail()`` and pytest-timeout. They
    are derived from BaseException, so that no ``except Exception`` of a library handles them.
    KeyboardInterrupt, SystemExit and CancelledError are not among them: the interpreter and asyncio
    pass these on.
    """
    if isinstance(exc, _NOT_OF_A_TEST_RUNNER):
        return False
    return not isinstance(exc, BaseExceptionGroup) or any(map(ends_test, exc.exceptions))


def reaches_test(exc: BaseException) -> bool:
    """Return whether an exception of the app or of a handler is raised in the test: an Exception,
    or an exception that ends the test (see `ends_test`).
    """
    return isinstance(exc, Exception) or ends_test(exc)


def ungrouped(exc: BaseException) -> BaseException:
    """Return the first exception of a group whose exceptions all end the test; else `exc` itself.

    A task group raises an ExceptionGroup, and pytest does not skip a test for a group.
    """
    leaves = list(_leaves(exc))
    return leaves[0] if all(map(ends_test, leaves)) else exc


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    if not isinstance(exc, BaseExceptionGroup):
        yield exc
        return
    for part in exc.exceptions:
        yield from _leaves(part)
