"""Every Python block of the README and of the documentation runs as it is written.

Each page gets a directory with its files. If the first line of a block is a comment with a file
name (``# test_chat.py``), the block is that file; all other blocks of a page are one test module. A
``toml`` block is the project's configuration. The commands of a ``console`` block are run, and
their output is compared; ``...`` stands for text that differs between runs.
"""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from asgi_sio_testclient._cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

pytest_plugins = ["pytester"]

# pytester removes modules that a run has imported. These are imported once, because they are slow.
for heavy in ("fastapi", "flask_socketio", "starlette.testclient", "uvicorn"):
    importlib.import_module(heavy)

ROOT = Path(__file__).resolve().parents[1]
GENERATED = {
    ROOT / "docs" / "benchmarks.md",
    ROOT / "docs" / "faults.md",
    ROOT / "docs" / "fidelity.md",
}
# The plugins that a reader has installed, without those of this project's own tests.
PLUGINS = ("pytest_asyncio.plugin", "pytest_benchmark.plugin", "asgi_sio_testclient.pytest_plugin")
WARNINGS = (
    *("-W", "error"),
    # Depending on xdist, other tests of this process have imported the plugin already.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
FILE_NAME = re.compile(r"# (?P<name>[\w/]+\.py)\n")
CONFIGURATION = """
[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
"""


@dataclass
class Page:
    """The examples of one page, as files."""

    path: Path
    files: dict[str, str] = field(default_factory=dict)
    configuration: str = CONFIGURATION
    sessions: list[str] = field(default_factory=list)

    @property
    def own_module(self) -> str:
        return f"test_page_{self.path.stem.replace('-', '_').lower()}.py"

    @property
    def number_of_tests(self) -> int:
        named = re.compile(r"^\s*(?:async )?def test_\w+\(", re.MULTILINE)
        tests = (text for name, text in self.files.items() if name.startswith("test_"))
        return sum(len(named.findall(text)) for text in tests)

    @property
    def has_tests(self) -> bool:
        """Whether the files have tests; a page of console commands may have files without tests."""
        return bool(self.files) and not (self.sessions and self.number_of_tests == 0)

    def add(self, fence: Token) -> None:
        match fence.info.split():
            case ["python", *_]:
                self.add_python(fence)
            case ["toml", *_] if "[tool.pytest" in fence.content:
                self.configuration = fence.content
            case ["console", *_]:
                self.sessions.append(fence.content)

    def add_python(self, fence: Token) -> None:
        named = FILE_NAME.match(fence.content)
        name = named["name"] if named else self.own_module
        written = self.files.get(name, "")
        # The lines keep their numbers of the page, so that a traceback shows the place of the
        # example.
        padding = "\n" * ((fence.map or [0])[0] + 1 - written.count("\n"))
        self.files[name] = written + padding + fence.content


def read(path: Path) -> Page:
    page = Page(path)
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        if token.type == "fence":
            page.add(token)
    return page


def pages() -> Iterator[Page]:
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    yield from (read(path) for path in sorted(found) if path not in GENERATED)


def name_of(page: Page) -> str:
    return str(page.path.relative_to(ROOT))


PAGES = list(pages())


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page.has_tests], ids=name_of)
def test_examples_pass(
    page: Page, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyprojecttoml(page.configuration)
    for name, text in page.files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    pytester.syspathinsert()
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # pytest-benchmark warns if the inner run appears to have workers of xdist.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    result = pytester.runpytest_inprocess(*(f"-p{plugin}" for plugin in PLUGINS), *WARNINGS)

    outcomes = result.parseoutcomes()
    assert page.number_of_tests, "an example without a test shows nothing"
    assert outcomes.get("passed", 0) >= page.number_of_tests
    assert result.ret == pytest.ExitCode.OK


def commands(session: str) -> Iterator[tuple[str, str]]:
    """Split a console session into each command and the output that is shown for it."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


RUNNABLE = [
    pytest.param(page, command, shown, id=f"{name_of(page)}: {command}")
    for page in PAGES
    for session in page.sessions
    for command, shown in commands(session)
    if command.startswith("python -m asgi_sio_testclient") and shown
]


@pytest.fixture
def in_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Change to a new directory, and remove the modules that were imported from it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = {*sys.modules}
    yield tmp_path
    for name in {*sys.modules} - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(("page", "command", "shown"), RUNNABLE)
def test_commands_print_what_is_shown(
    page: Page,
    command: str,
    shown: str,
    in_its_directory: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The commands run in this process; tests/_cli/test_cli.py runs them in new processes."""
    for name, text in page.files.items():
        (in_its_directory / name).write_text(text, encoding="utf-8")
    _, _, _, *arguments = shlex.split(command)

    main(arguments)

    printed = "".join(capfd.readouterr())
    assert doctest.OutputChecker().check_output(
        shown, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    ), printed
