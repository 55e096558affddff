"""Compares the public names and signatures with a record.

After an intended change, write the record with ``python -m tests.test_public_api >
tests/public_api.txt``, and add the change to the changelog.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import asgi_sio_testclient

RECORD = Path(__file__).with_name("public_api.txt")
MODULES = (
    "asgi_sio_testclient",
    "asgi_sio_testclient.asgi",
    "asgi_sio_testclient.bench",
    "asgi_sio_testclient.conformance",
    "asgi_sio_testclient.coverage",
    "asgi_sio_testclient.faults",
    "asgi_sio_testclient.fuzz",
    "asgi_sio_testclient.pubsub",
    "asgi_sio_testclient.remote",
    "asgi_sio_testclient.schedules",
    "asgi_sio_testclient.stock",
)


def signature(function: object) -> str:
    """Return the parameters with kinds and defaults, without annotations, which type checkers
    check.
    """
    try:
        whole = inspect.signature(function)
    except ValueError:
        return "(...)"
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in whole.parameters.values()
    ]
    text = str(whole.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    # A default that is a function is written as its name, without its address.
    return re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", text)


def kind(function: object) -> str:
    return "async def" if inspect.iscoroutinefunction(function) else "def"


def describe_member(name: str, member: object) -> str:
    match member:
        case property():
            return f"    {name}"
        case staticmethod() | classmethod():
            return f"    {kind(member.__func__)} {name}{signature(member.__func__)}"
        case _ if inspect.isfunction(member):
            return f"    {kind(member)} {name}{signature(member)}"
        case _:
            return f"    {name}"


def describe_class(name: str, cls: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in cls.__bases__)
    constructor = "" if issubclass(cls, enum.Enum) else signature(cls)
    yield f"class {name}({bases}){': ' + constructor if constructor else ''}"
    fields = list(inspect.get_annotations(cls))
    for field in sorted(field for field in fields if not field.startswith("_")):
        yield f"    {field}"
    for member_name, member in sorted(vars(cls).items()):
        if not member_name.startswith("_") and member_name not in fields:
            yield describe_member(member_name, member)


def describe(module: ModuleType) -> Iterator[str]:
    yield f"# {module.__name__}"
    for name in sorted(module.__all__):
        exported = getattr(module, name)
        if inspect.isclass(exported):
            yield from describe_class(name, exported)
        elif inspect.isfunction(exported):
            yield f"{kind(exported)} {name}{signature(exported)}"
        elif not inspect.ismodule(exported):
            yield name
    yield ""


def describe_all(names: tuple[str, ...]) -> str:
    return "\n".join(line for name in names for line in describe(importlib.import_module(name)))


def test_the_public_api_is_the_recorded_one() -> None:
    assert describe_all(MODULES) == RECORD.read_text(encoding="utf-8").removesuffix("\n")


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for exported in module.__all__:
        thing = getattr(module, exported)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), exported


if __name__ == "__main__":
    print(describe_all(MODULES))  # noqa: T201 (it writes the record)


def test_dir_lists_names_that_are_not_imported_yet() -> None:
    assert set(asgi_sio_testclient.__all__) <= set(dir(asgi_sio_testclient))
