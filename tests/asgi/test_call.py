"""Every kind of ASGI callable is called with three arguments."""

import functools

import pytest
from led_apps import SOON, asgi3, exchange

from asgi_sio_testclient.asgi import single_callable


def _plain_def(scope, receive, send):
    return asgi3(scope, receive, send)


def _two_step(scope):
    return functools.partial(asgi3, scope)


class _TwoStepClass:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await asgi3(self.scope, receive, send)


class _Instance:
    async def __call__(self, scope, receive, send):
        await asgi3(scope, receive, send)


class _PlainInstance:
    def __call__(self, scope, receive, send):
        return asgi3(scope, receive, send)


class _AwaitedClass:
    def __init__(self, scope, receive, send):
        self._run = asgi3(scope, receive, send)

    def __await__(self):
        return self._run.__await__()


async def _with_prefix(prefix, scope, receive, send):
    await asgi3(scope, receive, send)


@pytest.mark.parametrize(
    "app",
    [
        asgi3,
        _plain_def,
        _two_step,
        _TwoStepClass,
        _Instance(),
        _PlainInstance(),
        _AwaitedClass,
        _Instance().__call__,
        functools.partial(_with_prefix, "prefix"),
        functools.partial(_plain_def),
    ],
    ids=[
        "asgi3",
        "plain def",
        "asgi2 function",
        "asgi2 class",
        "instance",
        "instance with a plain def",
        "awaited class",
        "bound method",
        "partial",
        "partial of a plain def",
    ],
)
async def test_every_kind_of_callable_is_called_with_three_arguments(app):
    request = exchange(single_callable(app))
    request.start()
    assert (await request.response(SOON)).body == b"GET"


def test_an_app_that_takes_three_arguments_is_left_as_it_is():
    for app in (asgi3, _plain_def, _AwaitedClass):
        assert single_callable(app) is app


def test_a_callable_whose_signature_nobody_knows_is_taken_for_a_two_step_one():
    # asgiref's own guess; inspect.signature(str) raises ValueError.
    assert single_callable(str) is not str
