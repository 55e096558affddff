"""`explored` without a test runner."""

import unittest

import pytest
from booking import build, two_book

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.schedules import explore, explored, replay


@explored
async def racy_test():
    """Two users book one seat."""
    await two_book(build())


@pytest.mark.slow
def test_a_decorated_test_explores():
    assert racy_test.__name__ == "racy_test"
    assert racy_test.__doc__ == "Two users book one seat."
    with pytest.raises(AssertionError, match="sold 2 times") as caught:
        racy_test()
    code = caught.value.__notes__[-1].partition('replay(racy_test, "')[2].partition('"')[0]
    with pytest.raises(AssertionError, match="sold 2 times"):
        replay(racy_test, code)


@pytest.mark.slow
def test_explore_takes_it_too():
    assert explore(racy_test, raises=False).failure is not None


def test_arguments_are_handed_on():
    @explored(5)
    async def test(first, *, second):
        assert (first, second) == (1, 2)

    test(1, second=2)


class Methods:
    @explored
    async def test_racy(self):
        assert isinstance(self, Methods)
        await two_book(build())


class Cases(unittest.TestCase):
    @explored
    async def racy(self):
        await two_book(build())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "line"),
    [
        (lambda: Methods().test_racy(), 'replay(Methods().test_racy, "'),
        (lambda: Cases("racy").racy(), 'replay(Cases("racy").racy, "'),
    ],
)
def test_the_line_for_a_method_outside_of_pytest(run, line, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with pytest.raises(AssertionError, match="sold 2 times") as caught:
        run()
    assert line in caught.value.__notes__[-1]
    code = caught.value.__notes__[-1].partition(line)[2].partition('"')[0]
    replayed = f'{line}{code}")'
    with pytest.raises(AssertionError, match="sold 2 times"):
        eval(replayed, {"replay": replay, "Methods": Methods, "Cases": Cases})


@pytest.mark.slow
def test_a_method_is_explored_and_replayed():
    failure = explore(Methods().test_racy, raises=False).failure
    with pytest.raises(AssertionError, match="sold 2 times"):
        replay(Methods().test_racy, failure.code)
    with pytest.raises(UsageError, match=r"arguments are missing \(.*'self'\)"):
        replay(Methods.test_racy, failure.code)


def test_no_number_of_runs():
    with pytest.raises(TypeError, match="runs is '20'; expected a number, or the test"):
        explored("20")


def test_a_coroutine_as_an_argument_is_refused():
    @explored
    async def test(value):
        raise AssertionError("it is not called")

    async def fixture():
        return 1

    async def generator():
        yield 1

    for value in (fixture(), generator()):
        with pytest.raises(UsageError, match=r"an async fixture .* belongs to another event loop"):
            test(value)


def test_no_async_test():
    with pytest.raises(UsageError, match="not an async test"):
        explored(test_no_async_test)


async def test_in_a_running_loop():
    with pytest.raises(UsageError, match="an event loop is running"):
        racy_test()
