"""The handlers of an app that can be fuzzed, and the shapes of their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._server.registered_handlers import RegisteredHandler
from asgi_sio_testclient.fuzz._code import signature_of
from asgi_sio_testclient.fuzz._shapes import Shape, constants_of, shapes_of
from asgi_sio_testclient.fuzz._values import arguments, fill, systematic

__all__ = ["Call", "Target", "targets_of"]

__tracebackhide__ = True

ANY_NAMESPACE = "/fuzz"  # the namespace in which a handler of namespace "*" is called
ANY_EVENT = "fuzz"  # an event for which a handler of event "*" is called
RESERVED = {"connect", "disconnect"}
_MORE = 3  # the most arguments that are sent for *args

Recorded = Mapping[tuple[str, str], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class Call:
    """One event that is sent.

    Attributes:
        namespace: the namespace.
        event: the name of the event. "connect" stands for a new connection, whose auth payload is
            the first of `args`.
        args: the arguments.
    """

    namespace: str
    event: str
    args: tuple[Any, ...]


@dataclass
class Target:
    """One handler.

    Attributes:
        handler: the handler as the server has registered it.
        namespace: the namespace in which the handler is called.
        events: the events for which the handler is called; more than one for a catch-all handler.
        shapes: one shape for each argument of the handler.
        counts: the numbers of arguments that are sent.
        constants: the constants in the handler's code.
        seeds: recorded arguments, and arguments that led to new behaviour.
    """

    handler: RegisteredHandler
    namespace: str
    events: list[str]
    shapes: list[Shape]
    counts: list[int]
    constants: list[Any]
    seeds: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def label(self) -> tuple[str, str]:
        """The namespace and the event for which the handler is registered; either may be "*"."""
        return self.handler.namespace, self.handler.event

    def strategy(self) -> st.SearchStrategy[Call]:
        """Return a Hypothesis strategy for calls of this handler."""
        return st.builds(
            Call,
            st.just(self.namespace),
            st.sampled_from(self.events),
            arguments(self.shapes, self.counts, self.constants, self.seeds),
        )

    def systematic(self) -> Iterator[Call]:
        """Yield calls in which one value is wrong or missing, in a fixed order."""
        for count in self.counts:
            if not count:
                for event in self.events:
                    yield Call(self.namespace, event, ())
        longest = max(self.counts)
        shapes = [
            self.shapes[min(index, len(self.shapes) - 1)] if self.shapes else Shape()
            for index in range(longest)
        ]
        seeds = [seed for seed in self.seeds if len(seed) in self.counts]
        for number, args in enumerate(systematic(shapes, self.constants, seeds) if longest else ()):
            yield Call(self.namespace, self.events[number % len(self.events)], args)


def targets_of(
    handlers: Iterable[RegisteredHandler],
    *,
    arity: int | None = None,
    recorded: Recorded | None = None,
) -> list[Target]:
    """Return a target for each handler to which a client can send something.

    Args:
        handlers: the handlers of a server, as they are registered.
        arity: the number of arguments to send; None for as many as each handler takes.
        recorded: recorded arguments by namespace and event.
    """
    handlers = list(handlers)
    named = {(handler.namespace, handler.event) for handler in handlers}
    found = []
    for handler in handlers:
        target = _target(handler, named, arity)
        if target is not None:
            for event in target.events:
                target.seeds += (recorded or {}).get((target.namespace, event), ())
            found.append(target)
    return found


def _target(
    handler: RegisteredHandler, named: set[tuple[str, str]], arity: int | None
) -> Target | None:
    if handler.event == "disconnect":
        return None
    skip = 1 + (handler.namespace == ALL) + (handler.event == ALL) + (handler.event == "connect")
    least, most = _counts(handler.function, skip)
    counts = list(range(least, most + 1)) if arity is None else [arity]
    if handler.event == "connect":
        counts = [1] if most else []
    if not counts:
        return None
    shapes = shapes_of(handler.function, skip)
    for shape in shapes:
        fill(shape)
    constants = constants_of(handler.function)
    namespace = ANY_NAMESPACE if handler.namespace == ALL else handler.namespace
    events = [handler.event]
    if handler.event == ALL:
        named_here = [
            constant
            for constant in constants
            if isinstance(constant, str)
            and constant
            and constant not in RESERVED
            and (handler.namespace, constant) not in named
        ]
        events = [*named_here[:20], ANY_EVENT]
    return Target(handler, namespace, events, shapes, counts, constants)


def _counts(function: Any, skip: int) -> tuple[int, int]:
    """Return the least and the greatest number of arguments that a client may send to a handler.

    Args:
        function: the handler.
        skip: how many arguments the server adds before those of the client.
    """
    signature = signature_of(function)
    if signature is None:
        return 0, 2
    least = most = 0
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            most = max(most, skip) + _MORE
        elif parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}:
            most += 1
            least += parameter.default is inspect.Parameter.empty
    return max(0, least - skip), max(0, most - skip)
