"""The table of a session's states: which transitions are allowed."""

import pytest

from asgi_sio_testclient._connection.states import SessionState, next_state

EVENTS = ("upgrade", "open", "close", "finish")
LEGAL = {
    ("connecting", "open"): "open",
    ("connecting", "upgrade"): "upgrading",
    ("connecting", "close"): "closing",
    ("upgrading", "open"): "open",
    ("upgrading", "close"): "closing",
    ("open", "close"): "closing",
    ("closing", "finish"): "over",
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", SessionState, ids=lambda state: state.value)
def test_every_step_is_in_the_table_or_an_error_that_names_it(state, event):
    target = LEGAL.get((state.value, event))
    if target is not None:
        assert next_state(state, event) is SessionState(target)
        return
    with pytest.raises(RuntimeError, match=f"illegal step: '{event}' of a session that is"):
        next_state(state, event)
