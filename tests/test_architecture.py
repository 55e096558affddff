"""Holds the import rule: imports run downwards only, and some modules must not know some things.

The picture that belongs to it is in docs/how-it-works.md.
"""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import asgi_sio_testclient

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "asgi_sio_testclient"
ROOT = Path(asgi_sio_testclient.__file__).parent
PICTURE = Path(__file__).parents[1] / "docs" / "_pictures" / "layers.svg"

# Bottom-up. A unit is a module or a whole sub-package. It imports from layers below its own only:
# neither from above, nor from beside. What only a type checker reads does not count: nothing runs.
LAYERS: tuple[set[str], ...] = (
    {
        *("_demo", "_deprecation", "_events", "_handlers", "_places", "_version", "_waiting"),
        "faults",
    },
    {"_acks", "_exceptions", "_inbox", "pubsub"},
    {"_engineio", "_server", "_socketio", "_time", "asgi"},
    {"_conformance", "_handshake", "_threaded", "_transcript"},
    {"_explain", "_http", "_options", "_runtime", "_transports", "conformance"},
    {"_session", "_state", "_stock"},
    {"_client", "stock"},
    {"_bench", "_sync"},
    {"__init__", "bench"},
    {"_cli", "pytest_plugin"},
    {"__main__", "_commands"},
)
LAYER = {unit: number for number, layer in enumerate(LAYERS) for unit in layer}

CLOCKS_AND_LOOPS = {"anyio", "asyncio", "concurrent", "sched", "threading", "time", "trio"}
INPUT_AND_OUTPUT = {"aiohttp", "httpx", "http", "select", "socket", "urllib"}
SOCKET_IO = {"engineio", "socketio"}
MUST_NOT_KNOW = {
    "_engineio": CLOCKS_AND_LOOPS | INPUT_AND_OUTPUT,
    "_socketio": CLOCKS_AND_LOOPS | INPUT_AND_OUTPUT,
    "asgi": SOCKET_IO,
    "_handshake": SOCKET_IO,
}

# For each of python-socketio's servers: the async one, and the one that runs in threads.
KNOW_THE_SERVERS_INSIDE = {"_server", "_threaded"}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name inside of it; a package by its own name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        found[name] = path
    return found


MODULES = modules()


def unit(module: str) -> str:
    return module.partition(".")[0]


def inside(dotted: str) -> str:
    """The module of the package that a dotted import leads to: a name in it, or itself."""
    name = dotted.removeprefix(PACKAGE).removeprefix(".")
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or "__init__"


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads, inside of functions as well."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from running(node)


@functools.cache
def imported(tree: ast.AST) -> tuple[str, ...]:
    """Dotted names of all that is imported."""
    return tuple(_imported(tree))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_ours(dotted: str) -> bool:
    return dotted.partition(".")[0] == PACKAGE


def our_imports(tree: ast.AST) -> set[str]:
    return {inside(dotted) for dotted in imported(tree) if is_ours(dotted)}


def upward_imports(module: str, tree: ast.AST) -> list[str]:
    return sorted(
        target
        for target in our_imports(tree)
        if unit(target) != unit(module) and LAYER[unit(target)] >= LAYER[unit(module)]
    )


def foreign_imports(tree: ast.AST) -> set[str]:
    return {dotted.partition(".")[0] for dotted in imported(tree) if not is_ours(dotted)}


def names_the_server(node: ast.AST) -> bool:
    """Is this expression python-socketio's server, or its engine, by the names that they go by?"""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.lstrip("_") in {"eio", "sio"}


def is_a_touch(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=owner, attr=name, ctx=context) if names_the_server(owner):
            return name.startswith("_") or not isinstance(context, ast.Load)
        case ast.Call(func=ast.Name(id="setattr" | "delattr" | "vars"), args=[owner, *_]):
            return names_the_server(owner)
        case _:
            return False


def touches_of_the_servers_inside(tree: ast.AST) -> list[str]:
    """Private attributes of the server that are read, and attributes of it that are set."""
    return [
        f"line {node.lineno}: {ast.unparse(node)}" for node in ast.walk(tree) if is_a_touch(node)
    ]


@functools.cache
def parse(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_every_unit_has_its_layer() -> None:
    assert sorted(LAYER) == sorted({unit(module) for module in MODULES})


def test_the_picture_shows_every_unit() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    shown = set(re.findall(r"<tspan>(\w+)</tspan>", picture))
    assert shown == set(LAYER) - {"__init__", "__main__"}


def test_modules_of_a_unit_import_each_other_in_one_order() -> None:
    within = {
        module: {other for other in our_imports(parse(module)) if unit(other) == unit(module)}
        for module in MODULES
    }
    order = graphlib.TopologicalSorter(within)
    assert len(list(order.static_order())) == len(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_downwards(module: str) -> None:
    assert upward_imports(module, parse(module)) == []


@pytest.mark.parametrize("module", sorted(MUST_NOT_KNOW))
def test_what_a_module_must_not_know(module: str) -> None:
    assert foreign_imports(parse(module)) & MUST_NOT_KNOW[module] == set()


@pytest.mark.parametrize("module", sorted(set(MODULES) - KNOW_THE_SERVERS_INSIDE))
def test_the_servers_inside_is_left_to_those_that_know_it(module: str) -> None:
    assert touches_of_the_servers_inside(parse(module)) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import asgi_sio_testclient._client", ["_client"]),
        ("from asgi_sio_testclient import TestClient", ["__init__"]),
        ("from asgi_sio_testclient import asgi", ["asgi"]),
        ("from asgi_sio_testclient.asgi import Lifespan", ["asgi"]),
        ("def later():\n    from asgi_sio_testclient._client import TestClient", ["_client"]),
        ("from asgi_sio_testclient._exceptions import ProtocolError", []),
        ("if TYPE_CHECKING:\n    from asgi_sio_testclient import TestClient", []),
        ("import asyncio", []),
    ],
)
def test_the_rule_sees_an_import_upwards(source: str, found: list[str]) -> None:
    assert upward_imports("_socketio", ast.parse(source)) == found


def test_the_rule_sees_a_foreign_import() -> None:
    tree = ast.parse("import os.path\nif x:\n    from time import monotonic")
    assert foreign_imports(tree) == {"os", "time"}


@pytest.mark.parametrize(
    "source",
    [
        "self._sio._handlers",
        "eio.handlers = {}",
        "del server.eio.start",
        "sio._call(1)",
        "setattr(self.eio, name, value)",
    ],
)
def test_the_rule_sees_a_touch_of_the_servers_inside(source: str) -> None:
    assert touches_of_the_servers_inside(ast.parse(source)) != []


def test_the_rule_lets_public_use_pass() -> None:
    assert touches_of_the_servers_inside(ast.parse("sio.rooms(sid)\nself._rooms = sio")) == []
