"""Checks texts that are in more than one place, and the first commands of a user."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from test_public_api import MODULES

import asgi_sio_testclient

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def name_of_requirement(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]


def test_the_version_is_in_one_place() -> None:
    assert PROJECT["dynamic"] == ["version"]
    source = ROOT / PYPROJECT["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{asgi_sio_testclient.__version__}"' in source.read_text()


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## (\S+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE)
    assert first is not None
    assert first[1] == asgi_sio_testclient.__version__


@pytest.mark.parametrize(
    "command",
    [
        "python -m pip install . && python -m asgi_sio_testclient demo",
        "python -m pip install nox && python -m nox -s tests",
    ],
)
def test_the_readme_has_the_two_commands(command: str) -> None:
    assert f"$ {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_first_test_is_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n# test_\w+\.py\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    code = [line for line in block[1].splitlines() if line.strip()]
    assert len(code) < 20


def test_the_runtime_needs_five_packages() -> None:
    needed = {name_of_requirement(requirement) for requirement in PROJECT["dependencies"]}
    assert needed == {"anyio", "asgiref", "httpx", "python-engineio", "python-socketio"}


def test_every_runtime_requirement_has_a_lower_bound() -> None:
    optional = [each for group in PROJECT["optional-dependencies"].values() for each in group]
    for requirement in PROJECT["dependencies"] + optional:
        assert re.fullmatch(r"[a-z0-9-]+>=[\d.]+", requirement)


def test_the_supported_pythons_are_the_tested_ones() -> None:
    noxfile = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    (supported,) = (
        ast.literal_eval(node.value)
        for node in noxfile.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SUPPORTED"
    )
    prefix = "Programming Language :: Python :: "
    classified = [each.removeprefix(prefix) for each in PROJECT["classifiers"]]
    assert tuple(each for each in classified if re.fullmatch(r"3\.\d+", each)) == supported
    assert PROJECT["requires-python"] == f">={supported[0]}"


def test_what_mutants_are_tried_on_exists() -> None:
    config = tomllib.loads((ROOT / "mutants" / "mutants.toml").read_text(encoding="utf-8"))
    paths = [*config["tests"], *(f"asgi_sio_testclient/{name}" for name in config["folders"])]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert set(config["tests_of_source"]) <= set(config["tests"])


def test_each_equivalent_mutant_is_still_there() -> None:
    """An entry for a line that was edited since would have no effect."""
    text = (ROOT / "mutants" / "equivalent.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["equivalent"]:
        module = (ROOT / "asgi_sio_testclient" / entry["module"]).read_text(encoding="utf-8")
        lines = {line.partition("  # ")[0].strip() for line in module.splitlines()}
        assert entry["line"] in lines, entry
        assert entry["mutant"] != entry["line"], entry
        assert entry["reason"], entry


def test_ci_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(asgi_sio_testclient.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize(
    "entry", PROJECT.get("entry-points", {}).get("pytest11", {}).items(), ids=lambda entry: entry[0]
)
def test_the_entry_points_lead_somewhere(entry: tuple[str, str]) -> None:
    name, value = entry
    assert importlib.metadata.EntryPoint(name, value, "pytest11").load()


def modules_after(imports: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {imports}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


@pytest.mark.slow
def test_importing_it_imports_nothing_optional() -> None:
    """Extras, test tools and the command line are not imported before their use."""
    # httpx imports rich, and python-engineio imports aiohttp, if they are installed.
    theirs = modules_after("anyio, asgiref, engineio, httpx, socketio")
    ours = modules_after("asgi_sio_testclient") - theirs
    optional = {
        "aiohttp",
        "fastapi",
        "httpx2",
        "matplotlib",
        "msgpack",
        "pytest",
        "rich",
        "starlette",
    }
    assert optional & ours == set()
    assert {name for name in ours if re.search("cli$|stock|bench|plugin|_commands", name)} == set()


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    reference = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    if f".. automodule:: {module}\n   :members:\n" in reference:
        return
    in_module = rf"(?:{re.escape(module)}\.)?(\w+)"
    documented = set(re.findall(rf"^\.\. auto\w+:: {in_module}$", reference, re.MULTILINE))
    exported = importlib.import_module(module).__all__
    modules = {name for name in exported if f"{module}.{name}" in MODULES}
    assert {*exported} - modules - {"__version__"} <= documented


def test_every_page_is_in_the_navigation() -> None:
    """Sphinx warns of a page that no toctree has, unless it calls itself an orphan."""
    for page in (ROOT / "docs").rglob("*.md"):
        assert "orphan: true" not in page.read_text(encoding="utf-8"), page.name
