"""The OPEN packet: each invalid field makes the packet malformed."""

import json

import pytest

from asgi_sio_testclient import ProtocolError
from asgi_sio_testclient._protocol.engineio import OPEN, EngineIO, State

FIELDS = {"sid": "abc", "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000}


@pytest.mark.parametrize(
    "wrong", [{"sid": 1}, {"sid": None}, {"upgrades": "websocket"}, {"upgrades": {}}], ids=str
)
def test_one_wrong_field_makes_the_packet_malformed(wrong):
    engine = EngineIO()
    with pytest.raises(ProtocolError, match="malformed handshake"):
        engine.receive("0" + json.dumps(FIELDS | wrong))
    assert engine.state is not State.OPEN


def compact(**fields):
    """Return an OPEN packet as python-engineio's servers write it."""
    return "0" + json.dumps(FIELDS | fields, separators=(",", ":"))


@pytest.mark.parametrize("sid", ["abc", "-_aB9", "ünïcode", 'quo"te', "", "new\nline"])
def test_any_session_id(sid):
    engine = EngineIO()
    assert engine.receive(compact(sid=sid)) == (OPEN, FIELDS | {"sid": sid})
    assert (engine.sid, engine.upgrades, engine.ping_timeout) == (sid, ("websocket",), 20.0)


def test_one_server_gives_its_clients_parameters_of_their_own():
    first, second = (EngineIO().receive(compact(sid=sid))[1] for sid in ("a", "b"))
    assert (first["sid"], second["sid"]) == ("a", "b")


@pytest.mark.parametrize("wrong", [{"upgrades": "websocket"}, {"pingInterval": None}], ids=str)
def test_one_wrong_field_makes_a_compact_packet_malformed(wrong):
    with pytest.raises(ProtocolError, match="malformed handshake"):
        EngineIO().receive(compact(**wrong))


def test_the_last_of_two_session_ids_counts():
    packet = compact().replace('"upgrades"', '"sid":"second","upgrades"', 1)
    engine = EngineIO()
    engine.receive(packet)
    assert engine.sid == "second"


@pytest.mark.parametrize("rest", ['","upgrades":', "", '","a":' + "[" * 100_000, '"]'])
def test_what_is_cut_off_or_too_deep_is_malformed(rest):
    engine = EngineIO()
    with pytest.raises(ProtocolError, match="malformed"):
        engine.receive('0{"sid":"abc' + rest)
    assert engine.state is not State.OPEN
