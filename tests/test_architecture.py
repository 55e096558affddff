"""Checks the import rule of each folder, from `import_rules`.

The picture in docs/how-it-works.md is drawn from the same rules.
"""

from __future__ import annotations

import ast
import functools
import graphlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import modules_tested
import pytest
from import_rules import EVERYWHERE, RULES, TOOLS

import asgi_sio_testclient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE = "asgi_sio_testclient"
ROOT = Path(asgi_sio_testclient.__file__).parent
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PICTURE = Path(__file__).parents[1] / "docs" / "_pictures" / "layers.svg"

USES_PRIVATE_PARTS = "_server"
PUBLIC_FACES = {"asgi", "bench", "conformance", "stock", "_cli"}
"""Packages whose modules import from their ``__init__`` and the reverse."""


def modules() -> dict[str, Path]:
    """Return the path of each module of the package by its dotted name in the package."""
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
    """Return the module of the package that a dotted import names or takes a name from."""
    name = dotted.removeprefix(PACKAGE).removeprefix(".")
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or "__init__"


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes except those under ``if TYPE_CHECKING``, also within functions."""
    nodes = [tree]
    while nodes:
        for node in ast.iter_child_nodes(nodes.pop()):
            if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
                yield node
                nodes.append(node)


@functools.cache
def imported(tree: ast.AST, *, types: bool = False) -> tuple[str, ...]:
    """Return the dotted names of all imports; with `types`, also of those under ``if
    TYPE_CHECKING``.
    """
    return tuple(_imported(ast.walk(tree) if types else running(tree)))


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_ours(dotted: str) -> bool:
    return dotted.partition(".")[0] == PACKAGE


def our_imports(tree: ast.AST, *, types: bool = False) -> set[str]:
    return {inside(dotted) for dotted in imported(tree, types=types) if is_ours(dotted)}


def forbidden_imports(module: str, tree: ast.AST, *, types: bool = False) -> list[str]:
    """Return the imported modules that the rule of the module's unit does not allow."""
    own = unit(module)
    allowed = RULES[own].imports
    return sorted(
        target
        for target in our_imports(tree, types=types) - EVERYWHERE
        if unit(target) not in allowed | {own}
    )


def foreign_imports(tree: ast.AST) -> set[str]:
    return {dotted.partition(".")[0] for dotted in imported(tree) if not is_ours(dotted)}


def names_the_server(node: ast.AST) -> bool:
    """Return whether an expression is python-socketio's server or its engine, judged by
    its name.
    """
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.lstrip("_") in {"eio", "sio"}


def is_private_use(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=owner, attr=name, ctx=context) if names_the_server(owner):
            return name.startswith("_") or not isinstance(context, ast.Load)
        case ast.Call(func=ast.Name(id="setattr" | "delattr" | "vars"), args=[owner, *_]):
            return names_the_server(owner)
        case _:
            return False


def uses_of_private_parts(tree: ast.AST) -> list[str]:
    """Return the places where private attributes of the server are read, or attributes of it are
    set.
    """
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if is_private_use(node)
    ]


@functools.cache
def parse(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_every_unit_has_a_rule() -> None:
    assert sorted(RULES) == sorted({unit(module) for module in MODULES})


def test_rules_have_no_circle() -> None:
    order = graphlib.TopologicalSorter({name: rule.imports for name, rule in RULES.items()})
    assert set(order.static_order()) == set(RULES)


# Each test checks all modules, so that a failure lists every module that breaks the rule, and
# because thousands of tests would take seconds in pytest.


def test_what_every_module_may_import_imports_nothing_of_the_package() -> None:
    imports = {module: our_imports(parse(module), types=True) for module in EVERYWHERE}
    assert {module: found for module, found in imports.items() if found} == {}


def test_nothing_but_the_command_line_imports_a_tool() -> None:
    importers = {name for name, rule in RULES.items() if rule.imports & set(TOOLS)}
    assert importers <= {"_cli"}


def test_the_picture_shows_every_folder() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    shown = set(re.findall(r"<tspan>(\w+)</tspan>", picture))
    assert shown == {name for name, rule in RULES.items() if rule.row is not None}


def test_modules_of_a_unit_import_each_other_in_one_order() -> None:
    within = {
        module: {other for other in our_imports(parse(module)) if unit(other) == unit(module)}
        - {module}
        for module in MODULES
        if module not in PUBLIC_FACES
    }
    order = graphlib.TopologicalSorter(within)
    assert len(list(order.static_order())) >= len(within)


def test_modules_of_the_benchmarks_import_each_other_in_one_order() -> None:
    trees = {
        ".".join(path.relative_to(BENCHMARKS.parent).with_suffix("").parts): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in BENCHMARKS.rglob("*.py")
        if path.name != "__init__.py"
    }
    within = {
        module: {
            other
            for other in trees
            if any(f"{dotted}.".startswith(f"{other}.") for dotted in imported(tree))
        }
        for module, tree in trees.items()
    }
    assert any(within.values())
    order = graphlib.TopologicalSorter(within)
    assert set(order.static_order()) == set(trees)


@pytest.mark.parametrize("types", [False, True], ids=["running", "type checkers"])
def test_a_module_imports_only_what_its_rule_allows(*, types: bool) -> None:
    imports = {module: forbidden_imports(module, parse(module), types=types) for module in MODULES}
    assert {module: found for module, found in imports.items() if found} == {}


def test_a_module_imports_no_forbidden_package() -> None:
    imports = {m: foreign_imports(parse(m)) & RULES[unit(m)].never for m in MODULES}
    assert {module: found for module, found in imports.items() if found} == {}


def test_units_of_the_standard_library_only() -> None:
    units = [module for module in MODULES if RULES[unit(module)].standard_library_only]
    imports = {module: foreign_imports(parse(module)) - sys.stdlib_module_names for module in units}
    assert {module: found for module, found in imports.items() if found} == {}


def test_only_one_folder_uses_private_parts_of_the_server() -> None:
    others = [module for module in MODULES if unit(module) != USES_PRIVATE_PARTS]
    uses = {module: uses_of_private_parts(parse(module)) for module in others}
    assert {module: found for module, found in uses.items() if found} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import asgi_sio_testclient._client.client", ["_client.client"]),
        ("from asgi_sio_testclient import TestClient", ["__init__"]),
        ("from asgi_sio_testclient import asgi", ["asgi"]),
        ("from asgi_sio_testclient.asgi import Lifespan", ["asgi"]),
        ("def later():\n    from asgi_sio_testclient._client.inbox import ALL", ["_client.inbox"]),
        ("from asgi_sio_testclient._exceptions import ProtocolError", []),
        ("if TYPE_CHECKING:\n    from asgi_sio_testclient import TestClient", []),
        ("import asyncio", []),
    ],
)
def test_a_forbidden_import_is_found(source: str, found: list[str]) -> None:
    assert forbidden_imports("_protocol.socketio", ast.parse(source)) == found


def test_an_import_for_type_checkers_is_found() -> None:
    tree = ast.parse("if TYPE_CHECKING:\n    from asgi_sio_testclient import TestClient")
    assert forbidden_imports("_protocol.socketio", tree, types=True) == ["__init__"]


def test_an_import_of_another_package_is_found() -> None:
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
def test_a_use_of_a_private_part_is_found(source: str) -> None:
    assert uses_of_private_parts(ast.parse(source)) != []


def test_public_use_passes() -> None:
    assert uses_of_private_parts(ast.parse("sio.rooms(sid)\nself._rooms = sio")) == []


def hides_its_frames(tree: ast.Module) -> bool:
    """Return whether a module's frames are hidden in tracebacks of pytest."""
    if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree)):
        return True
    return any(ast.unparse(node) == "__tracebackhide__ = True" for node in tree.body)


def test_a_failure_report_shows_no_frame_of_the_package() -> None:
    no_test_calls_through = {"_cli", "__main__", "__init__"}
    called = [module for module in MODULES if unit(module) not in no_test_calls_through]
    assert [module for module in called if not hides_its_frames(parse(module))] == []


TESTS = Path(__file__).parent


def own_test_file(module: str) -> Path | None:
    """Return the test file that is named after a module of a folder, or None."""
    folder, name = module.split(".")
    where = TESTS / modules_tested.FOLDERS.get(folder, folder)
    bare, public_folder = name.lstrip("_"), folder.lstrip("_")
    names = (f"test_{bare}.py", f"test_{public_folder}_{bare}.py")
    return next((where / name for name in names if (where / name).exists()), None)


def test_every_module_of_a_folder_has_a_test_file_or_is_listed_with_another() -> None:
    without = {m for m in MODULES if "." in m and own_test_file(m) is None}
    listed = modules_tested.TESTED_ELSEWHERE
    assert sorted(without - set(listed)) == [], "name the test file in tests/modules_tested.py"
    assert sorted(set(listed) - without) == [], "these are no modules, or have a test file"
    assert sorted({path for path in listed.values() if not (TESTS / path).exists()}) == []
