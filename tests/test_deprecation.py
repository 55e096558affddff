"""Deprecated names warn, say the same everywhere, and go when they said they would."""

from __future__ import annotations

import ast
import asyncio
import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import asgi_sio_testclient
from asgi_sio_testclient._deprecation import Notice, deprecated, warn_deprecated

PACKAGE = Path(asgi_sio_testclient.__file__).parent
CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
MESSAGE = "wait() is deprecated since 0.4 and goes in 1.0: use await_event()"
DIRECTIVE = ".. deprecated:: 0.4\n   Goes in 1.0: use await_event()"


@pytest.fixture
def line_of_the_warning():
    """Runs something, and gives the line of this file that its one warning names."""

    def line_of(run):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run()
        (warning,) = caught
        assert warning.category is DeprecationWarning
        assert str(warning.message) == MESSAGE
        assert warning.filename == __file__
        return warning.lineno

    return line_of


@deprecated(MESSAGE)
def wait(count: int, *, of: str = "event") -> str:
    """Wait for events.

    Args:
        count: how many.
    """
    return f"{count} x {of}"


@deprecated(MESSAGE)
async def wait_async() -> str:
    return "came"


@deprecated(MESSAGE)
class Waiter:
    """Waits."""

    def __init__(self, count: int) -> None:
        self.count = count


class Client:
    @property
    @deprecated(MESSAGE)
    def waiting(self) -> int:
        return 3

    @classmethod
    @deprecated(MESSAGE)
    def make(cls) -> Client:
        return cls()

    def connect(self, **options: int) -> None:
        if "wait" in options:
            warn_deprecated(MESSAGE)

    def connect_and_wait(self) -> None:
        self._connect_and_wait()

    def _connect_and_wait(self) -> None:
        warn_deprecated(MESSAGE, stacklevel=2)


def here() -> int:
    return inspect.currentframe().f_back.f_lineno


async def line_of_an_await() -> int:
    return here()


class TestAWarning:
    def test_names_the_line_of_the_call(self, line_of_the_warning):
        line = here() + 1
        assert line_of_the_warning(lambda: wait(1)) == line

    def test_names_the_line_that_awaits(self, line_of_the_warning):
        async def main():
            assert await wait_async() == "came"

        assert line_of_the_warning(lambda: asyncio.run(main())) == here() - 2

    @pytest.mark.parametrize(
        "use",
        [
            pytest.param(lambda: Waiter(2), id="class"),
            pytest.param(lambda: Client().waiting, id="property"),
            pytest.param(Client.make, id="classmethod"),
            pytest.param(lambda: Client().connect(wait=1), id="argument"),
            pytest.param(lambda: Client().connect_and_wait(), id="further up"),
        ],
    )
    def test_of_whatever_a_name_is(self, line_of_the_warning, use):
        assert line_of_the_warning(use)

    def test_is_not_given_without_use(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert not isinstance(Client(), Waiter)
            Client().connect()
        assert caught == []


class TestWhatIsMarked:
    def test_does_what_it_did(self):
        with pytest.deprecated_call():
            assert wait(2, of="ack") == "2 x ack"
        with pytest.deprecated_call():
            assert Waiter(3).count == 3

    def test_is_what_it_was(self):
        assert list(inspect.signature(wait).parameters) == ["count", "of"]
        assert inspect.iscoroutinefunction(wait_async)
        assert inspect.isclass(Waiter)
        assert wait.__name__ == "wait"

    def test_says_so_in_the_reference(self):
        assert wait.__doc__ == f"Wait for events.\n\nArgs:\n    count: how many.\n\n{DIRECTIVE}"
        assert Waiter.__doc__ == f"Waits.\n\n{DIRECTIVE}"
        assert wait_async.__doc__ == DIRECTIVE

    def test_says_so_as_pep_702_has_it(self):
        for marked in (wait, wait_async, Waiter):
            assert marked.__deprecated__ == MESSAGE

    @pytest.mark.parametrize("thing", [here, line_of_an_await, Client], ids=lambda it: it.__name__)
    def test_keeps_its_name_and_place(self, thing):
        class_or_function = type(thing.__name__, (thing,), {}) if inspect.isclass(thing) else thing
        marked = deprecated(MESSAGE)(class_or_function)
        assert (marked.__name__, marked.__module__) == (thing.__name__, __name__)
        assert marked.__deprecated__ == MESSAGE


class TestAMessage:
    def test_has_its_parts(self):
        assert Notice.read(MESSAGE) == Notice("wait()", "0.4", "1.0", "use await_event()")

    @pytest.mark.parametrize(
        "message",
        [
            "",
            "use await_event()",
            "wait() is deprecated",
            "wait() is deprecated since 0.4: use await_event()",
            "wait() is deprecated since 0.4 and goes in 1.0",
            "wait() is deprecated since 0.4 and goes in 1.0: ",
            "wait() is deprecated since 0.4 and goes in soon: use await_event()",
            " is deprecated since 0.4 and goes in 1.0: use await_event()",
        ],
    )
    def test_of_another_form_is_refused(self, message):
        with pytest.raises(ValueError, match="NAME is deprecated since VERSION and goes in"):
            deprecated(message)
        with pytest.raises(ValueError, match="has not the form"):
            warn_deprecated(message)

    @pytest.mark.parametrize("removal", ["0.9", "0.10"])
    def test_of_a_removal_that_is_not_later_is_refused(self, removal):
        message = f"wait() is deprecated since 0.10 and goes in {removal}: use await_event()"
        with pytest.raises(ValueError, match=f"{removal} is not after 0.10"):
            deprecated(message)

    @pytest.mark.parametrize(
        ("version", "overdue"),
        [("0.4.0", False), ("0.10.0", False), ("1.0", True), ("1.0.0", True), ("1.2", True)],
    )
    def test_knows_when_the_name_is_overdue(self, version, overdue):
        assert Notice.read(MESSAGE).is_overdue(version) is overdue


def messages(tree: ast.AST) -> Iterator[ast.expr]:
    """The first argument of each use of the two helpers."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="deprecated" | "warn_deprecated"), args=[message, *_]):
                yield message


def wrong_in(source: str, version: str, changelog: str) -> Iterator[str]:
    """What the policy has against the deprecations of a module, in this version."""
    for message in messages(ast.parse(source)):
        where = f"line {message.lineno}"
        if not (isinstance(message, ast.Constant) and isinstance(message.value, str)):
            yield f"{where}: type checkers read literals only"
            continue
        notice = Notice.read(message.value)
        if notice.is_overdue(version):
            yield f"{where}: {notice.name} was to go in {notice.removal}"
        if f"`{notice.name}`" not in changelog:
            yield f"{where}: the changelog does not have {notice.name}"


# The helper itself hands on what it is given.
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.stem != "_deprecation")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_name_outlives_its_time(path: Path) -> None:
    changelog = CHANGELOG.read_text(encoding="utf-8")
    source = path.read_text(encoding="utf-8")
    assert list(wrong_in(source, asgi_sio_testclient.__version__, changelog)) == []


@pytest.mark.parametrize(
    ("source", "version", "wrong"),
    [
        (f"@deprecated({MESSAGE!r})\ndef wait(): ...", "0.4.0", []),
        (f"@deprecated({MESSAGE!r})\ndef wait(): ...", "0.99", []),
        (
            f"@deprecated({MESSAGE!r})\ndef wait(): ...",
            "1.0.0",
            ["line 1: wait() was to go in 1.0"],
        ),
        (
            f"def f():\n    warn_deprecated({MESSAGE!r}, stacklevel=2)",
            "1.1",
            ["line 2: wait() was to go in 1.0"],
        ),
        ("deprecated(MESSAGE)", "0.4", ["line 1: type checkers read literals only"]),
        (
            f"deprecated({MESSAGE.replace('wait()', 'hold()')!r})",
            "0.4",
            ["line 1: the changelog does not have hold()"],
        ),
    ],
)
def test_the_policy_is_held(source: str, version: str, wrong: list[str]) -> None:
    assert list(wrong_in(source, version, "### Deprecated\n\n- `wait()`: ...")) == wrong
