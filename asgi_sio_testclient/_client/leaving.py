"""The end of a client: events nobody read, and what is raised at exit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from asgi_sio_testclient._client.diagnosis import show_event
from asgi_sio_testclient._client.dispatch import ClientState
from asgi_sio_testclient._client.inbox import ALL
from asgi_sio_testclient._exceptions import Leak, add_note, ends_test


def _unread(state: ClientState) -> list[str]:
    return [
        f"event {show_event(event)} was received and never read" for event in state.inbox.peek(ALL)
    ]


def _raise_at_exit(
    body: BaseException | None,
    failures: Sequence[BaseException],
    leaks: Sequence[str],
    *,
    strict: bool,
) -> None:
    if body is not None:
        for failure in failures:
            notes = "; ".join(getattr(failure, "__notes__", ()))
            text = f"the app also raised {type(failure).__name__}: {failure}"
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
        raise BaseExceptionGroup("the app raised several exceptions", list(failures))
    if leaks and strict:
        raise Leak(leaks)
    for leak in leaks:
        warnings.warn(f"left over at exit: {leak}", ResourceWarning, stacklevel=3)
