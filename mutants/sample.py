"""The mutants of the core: all of them, a sample, and those that change no behaviour."""

from __future__ import annotations

import ast
import fnmatch
import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.modules import find_modules
from cosmic_ray.plugins import get_operator, operator_names

PACKAGE = "asgi_sio_testclient"
CONFIG = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8"))
EQUIVALENT = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Mutant:
    """One change by one of Cosmic Ray's operators.

    `key` identifies the change by the text of its line, so that it does not depend on other lines.
    """

    module: str
    operator: str
    occurrence: int
    line: int
    key: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.operator.removeprefix('core/')}"


def annotation_spans(tree: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the start and end of each annotation in a module, whose changes have no effect."""
    found: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found.append(node.test)
    return [
        ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
        for each in found
        if each is not None
    ]


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Return all mutants of a module that the configuration allows, in a fixed order."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    spans = annotation_spans(ast.parse(source))
    nodes = list(ast_nodes(get_ast_from_path(path)))
    same: Counter[str] = Counter()
    for name in sorted(operator_names()):
        operator = get_operator(name)
        if operator.arguments() or any(fnmatch.fnmatch(name, each) for each in CONFIG["left_out"]):
            continue
        places = (place for node in nodes for place in operator().mutation_positions(node))
        for occurrence, (start, _) in enumerate(places):
            if any(begin <= start < past for begin, past in spans):
                continue
            text = f"{path.as_posix()} {name} {lines[start[0] - 1].strip()}"
            same[text] += 1
            yield Mutant(path.as_posix(), name, occurrence, start[0], f"{text} {same[text]}")


def all_mutants(pattern: str) -> list[Mutant]:
    """Return all mutants of the modules of the core whose path in the package matches
    the pattern.
    """
    folders = [Path(PACKAGE, folder) for folder in CONFIG["folders"]]
    return [
        mutant
        for path in sorted(find_modules(folders))
        if fnmatch.fnmatch(path.relative_to(PACKAGE).as_posix(), pattern)
        for mutant in mutants_of(path)
    ]


def draw(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Draw a sample. If the code is edited, only the mutants of the edited lines change."""
    return sorted(
        mutants, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest()
    )[:count]


def changed_lines(diff: str) -> tuple[str, str]:
    """Return the removed and the added lines of a diff, without indentation and comments."""
    lines = diff.splitlines()
    removed = (line[1:] for line in lines if line[:1] == "-" and line[:3] != "---")
    added = (line[1:] for line in lines if line[:1] == "+" and line[:3] != "+++")
    return " ".join(map(without_comment, removed)), " ".join(map(without_comment, added))


def without_comment(line: str) -> str:
    return line.partition("  # ")[0].strip()


def is_equivalent(mutant: Mutant, diff: str) -> bool:
    changed = (mutant.module.removeprefix(f"{PACKAGE}/"), *changed_lines(diff))
    return any(
        changed == (each["module"], each["line"], each["mutant"])
        for each in EQUIVALENT["equivalent"]
    )
