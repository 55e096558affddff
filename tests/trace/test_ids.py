"""Values that differ from run to run, by their shape."""

from __future__ import annotations

from asgi_sio_testclient.trace import kind_of


def test_kinds_are_known_by_their_shape() -> None:
    assert kind_of("7c9e6679-7425-40de-944b-e07fc1f90ae7") == "uuid"
    assert kind_of("7c9e6679742540de944be07fc1f90ae7") == "uuid"
    assert kind_of("2026-11-28T16:00:00.123Z") == "time"
    assert kind_of("2n9gnYGJr_De1PkMAAAG") == "sid"
    assert kind_of("ConfigurationManager") == ""
    assert kind_of("hello") == ""
