"""The end of a client: events nobody read, and what is raised at exit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

from asgi_sio_testclient._client.diagnosis import show_event
from asgi_sio_testclient._client.dispatch import ClientState
from asgi_sio_testclient._client.inbox import ALL
from asgi_sio_testclient._exceptions import Leak, LeakWarning, add_note, ends_test
from asgi_sio_testclient._server.observers import observers

__tracebackhide__ = True


def _unread(state: ClientState) -> list[str]:
    return [
        f"event {show_event(event)} was received and never read" for event in state.inbox.peek(ALL)
    ]


def report_closed(states: Iterable[ClientState]) -> None:
    """Report to tools what these clients exchanged with the app, and which events nobody read."""
    for state in states:
        unread = [(event.namespace, event.name) for event in state.inbox.peek(ALL)]
        for observer in observers:
            observer.client_closed(state.transcript, unread)


def _raise_at_exit(
    body: BaseException | None,
    failures: Sequence[BaseException],
    leaks: Sequence[str],
    *,
    strict: bool,
    own: Sequence[BaseException] = (),
) -> None:
    """Raise, or add to what the block raised, what nobody has seen yet.

    Args:
        body: what the block raised.
        failures: what the app and the test's own handlers raised.
        leaks: a line for each thing that was left over.
        strict: raise `Leak` for them.
        own: those of the failures that the test's own handlers raised.
    """
    if body is not None:
        for failure in failures:
            notes = "; ".join(getattr(failure, "__notes__", ()))
            whose = _whose([failure], own)
            text = f"{whose} also raised {type(failure).__name__}: {failure}"
            body.add_note(f"{text} ({notes})" if notes else text)
        return
    endings = [failure for failure in failures if ends_test(failure)]
    if endings:
        # Alone, never in a group: pytest skips on no group.
        for failure in failures:
            if failure is not endings[0]:
                add_note(endings[0], f"the app also raised {type(failure).__name__}: {failure}")
        raise endings[0]
    if len(failures) == 1:
        raise failures[0]
    if failures:
        whose = _whose(failures, own)
        raise BaseExceptionGroup(f"{whose} raised several exceptions", list(failures))
    if leaks and strict:
        raise Leak(leaks)
    for leak in leaks:
        warnings.warn(f"left over at exit: {leak}", LeakWarning, stacklevel=3)


def _whose(failures: Sequence[BaseException], own: Sequence[BaseException]) -> str:
    """Who raised: the app, handlers of the test, or both."""
    mine = [any(failure is other for other in own) for failure in failures]
    if all(mine):
        return "a handler of this client" if len(mine) == 1 else "handlers of this client"
    return "the app and handlers of this client" if any(mine) else "the app"
