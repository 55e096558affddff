"""The covered app."""

import importlib
import sys

import pytest


@pytest.fixture
def world():
    """A new module with new servers for each test."""
    sys.modules.pop("covered_app", None)
    return importlib.import_module("covered_app")
