"""The OPEN packet: each field that is wrong by itself is malformed."""

import json

import pytest

from asgi_sio_testclient import ProtocolError
from asgi_sio_testclient._protocol.engineio import EngineIO, State

FIELDS = {"sid": "abc", "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000}


@pytest.mark.parametrize(
    "wrong", [{"sid": 1}, {"sid": None}, {"upgrades": "websocket"}, {"upgrades": {}}], ids=str
)
def test_one_wrong_field_is_enough(wrong):
    engine = EngineIO()
    with pytest.raises(ProtocolError, match="malformed handshake"):
        engine.receive("0" + json.dumps(FIELDS | wrong))
    assert engine.state is not State.OPEN
