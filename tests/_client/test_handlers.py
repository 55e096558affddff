"""The test's own handlers: which handler gets an event, and with which arguments."""

import asyncio
import functools

import pytest
import socketio
from hypothesis import assume, given, strategies as st

from asgi_sio_testclient._client.handlers import RESERVED, HandlerRunner, Handlers

EVENTS = ["e", "f", "*", "connect", "disconnect", "connect_error"]
NAMESPACES = ["/", "/chat", "*"]


def none():
    """A handler that is only looked up, and never called."""


def test_there_are_none_at_first():
    handlers = Handlers()
    assert not handlers
    assert handlers.find("e", "/", (1,)) == (None, (1,))
    handlers.add("e", none, "/")
    assert handlers


def test_a_later_handler_replaces_an_earlier_one():
    handlers = Handlers()
    handlers.add("e", none, "/")
    handlers.add("e", print, "/")
    assert handlers.find("e", "/", ()) == (print, ())


@pytest.mark.parametrize(
    ("registered", "args"),
    [
        (("e", "/"), (1, 2)),
        (("*", "/"), ("e", 1, 2)),
        (("e", "*"), ("/", 1, 2)),
        (("*", "*"), ("e", "/", 1, 2)),
    ],
)
def test_a_catch_all_gets_event_and_namespace_first(registered, args):
    handlers = Handlers()
    handlers.add(registered[0], none, registered[1])
    assert handlers.find("e", "/", (1, 2)) == (none, args)


def test_what_is_nearer_goes_before_a_catch_all():
    handlers, expected = Handlers(), []
    for event, namespace in (("*", "*"), ("e", "*"), ("*", "/"), ("e", "/")):
        handler = functools.partial(none)
        handlers.add(event, handler, namespace)
        expected.append(handlers.find("e", "/", ())[0] is handler)
    assert expected == [True] * 4


@pytest.mark.parametrize("event", sorted(RESERVED))
def test_a_catch_all_event_does_not_take_reserved_events(event):
    handlers = Handlers()
    handlers.add("*", none, "/")
    handlers.add("*", none, "*")
    assert handlers.find(event, "/", ()) == (None, ())
    handlers.add(event, none, "*")
    assert handlers.find(event, "/", ()) == (none, ("/",))


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(NAMESPACES)), unique=True),
    st.sampled_from(["e", "g", "connect", "disconnect"]),
    st.sampled_from(["/", "/chat", "/other"]),
)
def test_handlers_are_found_as_in_python_socketios_client(registered, event, namespace):
    # A comment in python-socketio says that namespace "*" is used if a namespace has no handler
    # for the event; its code uses it only if the namespace has no handler at all.
    assume(len({space for _, space in registered} & {namespace, "*"}) < 2)
    handlers, peer = Handlers(), socketio.AsyncClient()
    for name, space in registered:
        handler = functools.partial(none)
        handlers.add(name, handler, space)
        peer.on(name, handler, namespace=space)
    handler, args = handlers.find(event, namespace, (1,))
    expected, expected_args = peer._get_event_handler(event, namespace, (1,))
    assert handler is expected
    if handler is not None:
        assert args == tuple(expected_args)


# -- answering


class Table:
    """Collects acks and errors of handlers."""

    def __init__(self):
        self.answers, self.errors, self.tasks = [], [], []
        self.answering = HandlerRunner(
            self.spawn, lambda exc, what: self.errors.append((exc, what))
        )

    def spawn(self, coroutine, what):
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine, name=what))

    async def run(self, handler, *args, answer=True):
        self.answering.run(handler, args, "event 'e'", self.answers.append if answer else None)
        if self.tasks:
            await asyncio.wait_for(asyncio.gather(*self.tasks), 1)


async def asynchronous(*args):
    await asyncio.sleep(0)
    return args


def returns_a_future(*args):
    future = asyncio.get_running_loop().create_future()
    future.set_result(args)
    return future


@pytest.mark.parametrize("handler", [lambda *args: args, asynchronous, returns_a_future])
async def test_what_a_handler_returns_is_the_answer(handler):
    table = Table()
    await table.run(handler, 1, 2)
    assert table.answers == [(1, 2)]
    assert table.errors == []


@pytest.mark.parametrize("handler", [lambda *args: args, asynchronous])
async def test_an_answer_that_nobody_wants_is_dropped(handler):
    table = Table()
    await table.run(handler, 1, answer=False)
    assert (table.answers, table.errors) == ([], [])


def raises():
    raise LookupError("mine")


async def raises_later():
    await asyncio.sleep(0)
    raise LookupError("mine")


@pytest.mark.parametrize("handler", [raises, raises_later])
async def test_what_a_handler_raises_is_told_with_its_name(handler):
    table = Table()
    await table.run(handler)
    [(exc, what)] = table.errors
    assert str(exc) == "mine"
    assert what.startswith(handler.__name__)
    assert "event 'e'" in what
    assert table.answers == []


@pytest.mark.parametrize("handler", [lambda: 1, asynchronous])
async def test_what_the_answering_raises_is_told_too(handler):
    table = Table()
    table.answering.run(handler, (), "event 'e'", lambda result: 1 / 0)
    await asyncio.gather(*table.tasks)
    [(exc, _)] = table.errors
    assert isinstance(exc, ZeroDivisionError)


async def test_a_handler_without_a_name_is_told_by_its_repr():
    table = Table()
    handler = functools.partial(raises)
    await table.run(handler)
    assert table.errors[0][1].startswith(repr(handler))


async def test_the_task_of_a_handler_has_its_name():
    table = Table()
    await table.run(asynchronous)
    [task] = table.tasks
    assert task.get_name().startswith("asynchronous")


async def test_what_ends_the_process_is_raised_where_the_handler_runs():
    def interrupt():
        raise KeyboardInterrupt

    table = Table()
    with pytest.raises(KeyboardInterrupt):
        await table.run(interrupt)
    assert table.errors == []
