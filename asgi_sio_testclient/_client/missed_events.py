"""Why an event that the app emitted did not reach a client: it went to a room, to another
namespace, or to another client.

All facts are arguments: the module imports neither the server nor the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from asgi_sio_testclient._error_texts import cause_first

__all__ = ["Missed", "Recipient", "why_missed"]

__tracebackhide__ = True

_ALL = "*"


class Emit(Protocol):
    """One emit of a server; see `asgi_sio_testclient._server.emits.Emitted`."""

    @property
    def event(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def rooms(self) -> tuple[Any, ...] | None: ...
    @property
    def skipped(self) -> tuple[Any, ...]: ...
    @property
    def time(self) -> float: ...


@dataclass
class Recipient:
    """The client that waited.

    Attributes:
        sids: the client's session ids, by namespace.
        engineio_sid: the client's Engine.IO session id, "" without one.
        former_sids: session ids that were disconnected, with the name of the client of each; ""
            for the client's own.
        others: session ids of other clients of the test, with the name of each client.
        since: when each namespace was connected, in seconds of `time.perf_counter`.
        rooms_of: the rooms that the server has the client in, by namespace.
        entered: when the client last entered a room of a namespace, in seconds of
            `time.perf_counter`; 0 if it is unknown.
    """

    sids: Mapping[str, str]
    engineio_sid: str
    former_sids: Mapping[str, str]
    others: Mapping[str, str]
    since: Callable[[], Mapping[str, float]]
    rooms_of: Callable[[str], Sequence[Any]]
    entered: Callable[[str, Any], float]


@dataclass
class Missed:
    """The explanation of an emit that the client did not receive.

    Attributes:
        cause: the sentence for the first line.
        time: when it was emitted, in seconds of `time.perf_counter`.
        rooms: the rooms that the client is in, if they explain the cause.
    """

    cause: str
    time: float
    rooms: Sequence[Any] = field(default=())


def why_missed(
    emits: Iterable[Emit], recipient: Recipient, event: str | None, namespace: str
) -> Missed | None:
    """Find out why the latest emit of `event` (None: of any event) did not reach `recipient`.

    Args:
        emits: latest first.
        recipient: the client that waited in `namespace` ("*": in any).
        event: the awaited event.
        namespace: the namespace of the wait.

    Returns:
        The explanation; None if the event was not emitted, or if the client should have received
        it.
    """
    latest = next((emit for emit in emits if event in {None, emit.event}), None)
    return None if latest is None else _missed(latest, recipient, namespace)


def _missed(emit: Emit, recipient: Recipient, namespace: str) -> Missed | None:
    """Return why the client did not receive an emit; None if it should have received it."""
    name, rooms = repr(emit.event), emit.rooms
    sid = recipient.sids.get(emit.namespace)
    if sid is None or namespace not in {_ALL, emit.namespace}:
        there = f"namespace {emit.namespace!r}"
        joined = ", ".join(map(repr, recipient.sids))
        where = f"this client is connected to {joined}" if sid is None else "not to the awaited one"
        text = f"{name} went to {there}, and {where}"
        return Missed(cause_first("went to", "another namespace", text), emit.time)
    if sid in emit.skipped:
        to = "" if rooms is None else f", as it went to {_named(rooms)}"
        return Missed(f"skip_sid left this client out of {name}{to}", emit.time)
    mine = recipient.rooms_of(emit.namespace)
    if rooms is None or any(room in mine for room in rooms):
        return _too_early(emit, recipient)
    return Missed(_elsewhere(name, rooms, recipient, mine), emit.time, mine)


def _too_early(emit: Emit, recipient: Recipient) -> Missed | None:
    """Return the explanation for an emit that the client would receive now."""
    name = repr(emit.event)
    if emit.time < recipient.since().get(emit.namespace, emit.time):
        return Missed(f"too early: {name} was emitted before this client connected", emit.time)
    mine = recipient.rooms_of(emit.namespace)
    shared = [room for room in emit.rooms or () if room in mine]
    if shared and all(recipient.entered(emit.namespace, room) > emit.time for room in shared):
        to = _named(emit.rooms or ())
        text = f"too early: {name} went to {to} before this client entered "
        return Missed(text + ("it" if len(emit.rooms or ()) == 1 else "any of them"), emit.time)
    return None


def _elsewhere(name: str, rooms: Sequence[Any], recipient: Recipient, mine: Sequence[Any]) -> str:
    """Return the cause for an emit to rooms that the client is not in."""
    room = rooms[0] if len(rooms) == 1 else None
    if isinstance(room, str) and room in recipient.former_sids:
        owner = recipient.former_sids[room]
        whose = f"the sid of {owner}" if owner else "this client's sid in an earlier connection"
        return f"the recipient is gone: {name} went to {room!r}, {whose}"
    if isinstance(room, str) and room in recipient.others:
        return (
            f"another client got {name}: it went to {room!r}, the sid of {recipient.others[room]}"
        )
    one = "it" if len(rooms) == 1 else "any of them"
    text = f"{name} went to {_named(rooms)}, and this client is not in {one}"
    return cause_first("went to", "another room", text) + _mistaken(room, recipient, mine)


def _mistaken(room: Any, recipient: Recipient, mine: Sequence[Any]) -> str:
    """Return a hint for a room that the client is not in, such as a misspelt name."""
    if room is None:
        return ""
    if room == recipient.engineio_sid:
        return "; that is the client's Engine.IO sid, not its sid"
    for namespace, sid in recipient.sids.items():
        if room == sid:
            return f"; that is the client's sid in namespace {namespace!r}"
    import difflib  # noqa: PLC0415 (a wait has failed: nobody else needs it)

    same = [other for other in mine if str(other) == str(room)]
    names = [other for other in mine if isinstance(other, str)]
    similar = same or difflib.get_close_matches(str(room), names, n=1, cutoff=0.7)
    return f"; the client is in {similar[0]!r}" if similar else ""


def _named(rooms: Sequence[Any]) -> str:
    return f"room{'' if len(rooms) == 1 else 's'} {', '.join(map(repr, rooms))}"
