"""An event from the server, as a test reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__tracebackhide__ = True

_FIELDS = ("name", "args", "namespace")


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event from the server.

    Attributes:
        name: the event's name.
        args: its arguments.
        namespace: the namespace in which the event arrived, "/" by default.

    ``event["name"]``, ``event["args"]`` (a list) and ``event["namespace"]`` work too, as in
    Flask-SocketIO's ``get_received()``.
    """

    name: str
    args: tuple[Any, ...] = ()
    namespace: str = "/"

    def __init__(self, name: str, args: tuple[Any, ...] = (), namespace: str = "/") -> None:
        # In the hot path: a dataclass's own __init__ looks up object.__setattr__ for each field.
        _set_name(self, name)
        _set_args(self, args)
        _set_namespace(self, namespace)

    @property
    def data(self) -> Any:
        """The only argument; None without arguments; the tuple of several arguments."""
        if len(self.args) == 1:
            return self.args[0]
        return self.args or None

    def __getitem__(self, key: str) -> Any:
        if key not in _FIELDS:
            raise KeyError(f"{key!r}: an event has 'name', 'args', 'namespace'; its data is .data")
        return list(self.args) if key == "args" else getattr(self, key)


_SLOTS: Any = vars(ReceivedEvent)
_set_name = _SLOTS["name"].__set__
_set_args = _SLOTS["args"].__set__
_set_namespace = _SLOTS["namespace"].__set__
