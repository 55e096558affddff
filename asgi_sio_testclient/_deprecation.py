"""Deprecated names: one way to mark them, so that warning, docs and type checkers say the same.

The policy is in CONTRIBUTING.md. The shape is that of PEP 702's `warnings.deprecated`, which type
checkers know and which Python has from 3.13 on: one literal message. Here it has a fixed form that
names the version since which, the version in which the name goes, and what to use instead;
tests/test_deprecation.py reads each message from the source, and fails once a name has outlived
its time. Nothing of Socket.IO may be known here, and nothing of ours imported.
"""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["Notice", "deprecated", "warn_deprecated"]

Marked = TypeVar("Marked", bound=Callable[..., Any])

FORM = "NAME is deprecated since VERSION and goes in VERSION: WHAT TO USE INSTEAD"
_FORM = re.compile(
    r"(?P<name>\S.*) is deprecated since (?P<since>\d+(\.\d+)+)"
    r" and goes in (?P<removal>\d+(\.\d+)+): (?P<instead>\S.*)"
)


def version_number(version: str) -> tuple[int, ...]:
    """A version as what can be compared: its numbers."""
    return tuple(int(number) for number in version.split("."))


@dataclass(frozen=True)
class Notice:
    """What a deprecation message says, in its parts."""

    name: str
    since: str
    removal: str
    instead: str

    @classmethod
    def read(cls, message: str) -> Notice:
        """The parts of a message.

        Raises:
            ValueError: it has another form, or the name would go before it is deprecated.
        """
        parts = _FORM.fullmatch(message)
        if parts is None:
            raise ValueError(f"{message!r} has not the form {FORM!r}")
        notice = cls(parts["name"], parts["since"], parts["removal"], parts["instead"])
        if version_number(notice.removal) <= version_number(notice.since):
            raise ValueError(f"{message!r}: {notice.removal} is not after {notice.since}")
        return notice

    def is_overdue(self, version: str) -> bool:
        """Should the name be gone in this version?"""
        return version_number(version) >= version_number(self.removal)

    @property
    def directive(self) -> str:
        """The same for the reference, as Sphinx has it."""
        return f".. deprecated:: {self.since}\n   Goes in {self.removal}: {self.instead}"


def warn_deprecated(message: str, *, stacklevel: int = 1) -> None:
    """Warn of what is no function and no class: an argument, a value, a name of a module.

    Args:
        message: a literal of the form `FORM`.
        stacklevel: how many calls up the user is: 1 is whoever called the caller of this.

    Raises:
        ValueError: the message has another form.
    """
    Notice.read(message)
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel + 2)


def _wrap(function: Callable[..., Any], message: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):
        # Stays what it is for all who ask; so the line that it names is the one that awaits.
        @functools.wraps(function)
        async def warning_first(*args: Any, **kwargs: Any) -> Any:
            warn_deprecated(message)
            return await function(*args, **kwargs)

    else:

        @functools.wraps(function)
        def warning_first(*args: Any, **kwargs: Any) -> Any:
            warn_deprecated(message)
            return function(*args, **kwargs)

    return warning_first


def _mark(message: str) -> Callable[[Marked], Marked]:
    """Mark a function, method or class as deprecated: a decorator.

    Whoever calls it is warned, with the line of the call; a class warns when it is instantiated,
    not when it is looked at or caught. The docstring says it, too, and `__deprecated__` does, as
    PEP 702 has it. Decorate the getter of a property, and put this under `staticmethod` and
    `classmethod`.

    Args:
        message: a literal of the form `FORM`.

    Raises:
        ValueError: the message has another form.
    """
    notice = Notice.read(message)

    def mark(thing: Any) -> Any:
        marked: Any = thing if inspect.isclass(thing) else _wrap(thing, message)
        if marked is thing:
            marked.__init__ = _wrap(marked.__init__, message)
        marked.__doc__ = f"{inspect.cleandoc(thing.__doc__ or '')}\n\n{notice.directive}".lstrip()
        marked.__deprecated__ = message
        return marked

    return mark


if TYPE_CHECKING:
    # What they know: a call of a marked name is reported, with the message.
    from typing_extensions import deprecated
else:
    deprecated = _mark
