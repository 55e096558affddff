"""The active recording."""

from asgi_sio_testclient.trace import recording
from asgi_sio_testclient.trace._active import active


def test_the_innermost_recording_is_active_within_its_block():
    assert active() is None
    with recording() as outer:
        assert active() is outer
        with recording() as inner:
            assert active() is inner
        assert active() is outer
    assert active() is None
