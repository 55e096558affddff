"""The settings of the running test."""

from asgi_sio_testclient.schedules._settings import Settings, current, use


def test_without_a_plugin_they_are_the_defaults():
    settings = current()
    assert settings == current()
    assert settings is not current()
    assert (settings.runs, settings.code, settings.known) == (None, "", "")
    settings.keep("a code")
    settings.remarks.append("one")
    assert current().remarks == []


def test_the_innermost_are_in_use_until_they_are_restored():
    outer, inner = Settings(runs=5), Settings(code="x")
    restore_outer = use(outer)
    restore_inner = use(inner)
    assert current() is inner
    restore_inner()
    assert current() is outer
    restore_outer()
    assert current() == Settings(keep=current().keep)
