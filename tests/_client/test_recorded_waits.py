"""The lines of a trace about the client's own waits."""

import pytest

from asgi_sio_testclient._client.recorded_waits import _call


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ((), "call()"),
        (("order", 7), "call('order', 7)"),
        (("order", 7, "third"), "call('order', 7)"),
        (("order", {"card": "4242"}), "call('order')"),
    ],
)
def test_a_call_is_shown_by_its_first_arguments_and_without_data(args, line):
    assert _call("call", args) == line
