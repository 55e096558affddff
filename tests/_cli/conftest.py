"""Modules on the path, and the command `emit`, for the tests of the command line."""

import json
import sys
import textwrap

import pytest
from chat_source import CHAT

from asgi_sio_testclient._cli import main


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that writes a module into a new current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def write(source, name="chat"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        return name

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def emit(module, capsys):
    """A function that runs `emit` on the chat app and returns the exit code, stdout as JSON values,
    and stderr.
    """
    module(CHAT)

    def run(*arguments, app="chat:app"):
        code = main(["emit", app, *arguments])
        captured = capsys.readouterr()
        return code, [json.loads(line) for line in captured.out.splitlines()], captured.err

    return run
