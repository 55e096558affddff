"""Hooks on instances are set and removed, and are left unchanged if other code has
replaced them.
"""

from types import SimpleNamespace

from asgi_sio_testclient._server.instance_hooks import InstanceHooks


class Owner:
    name = "of the class"


def test_an_attribute_of_the_class_shows_again():
    owner, hooks = Owner(), InstanceHooks()
    hooks.put(owner, "name", "hook")
    assert owner.name == "hook"
    hooks.restore()
    assert vars(owner) == {}


def test_an_attribute_of_the_instance_is_put_back_even_if_it_is_none():
    owner, hooks = SimpleNamespace(logger=None), InstanceHooks()
    hooks.put(owner, "logger", "hook")
    hooks.restore()
    assert owner == SimpleNamespace(logger=None)


def test_a_hook_that_somebody_else_has_replaced_stays():
    owner, hooks = SimpleNamespace(emit="original"), InstanceHooks()
    hooks.put(owner, "emit", "hook")
    owner.emit = "somebody else's"
    hooks.restore()
    assert owner.emit == "somebody else's"


def test_hooks_on_one_attribute_are_removed_from_the_last_to_the_first():
    owner, hooks = SimpleNamespace(emit="original"), InstanceHooks()
    hooks.put(owner, "emit", "first")
    hooks.put(owner, "emit", "second")
    hooks.restore()
    assert owner.emit == "original"
    hooks.restore()
    assert owner.emit == "original"
