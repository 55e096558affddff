"""The same test under every runner, one after the other; arguments are pytest's.

All run in one process, because importing eight frameworks takes longer than the tests.
"""

import sys
import unittest

import pytest

STRICT = ("asyncio_strict.py", "anyio_plugin.py", "trio_refused.py", "frameworks_pytest.py")
AUTO = ("asyncio_auto.py", "frameworks_auto.py", "--asyncio-mode=auto")


def plugins(*names):
    """Load plugins explicitly; pytest's warning about modules that are already imported
    is ignored.
    """
    loaded = [f"-p{name}" for name in names]
    return [
        *loaded,
        "-pasgi_sio_testclient.pytest_plugin",
        "-Wignore::pytest.PytestAssertRewriteWarning",
    ]


if __name__ == "__main__":
    for arguments in (
        [
            *plugins("pytest_asyncio.plugin", "anyio.pytest_plugin", "pytest_benchmark.plugin"),
            *STRICT,
            "--benchmark-disable",
        ],
        [*plugins("pytest_asyncio.plugin"), *AUTO],
    ):
        if code := pytest.main([*sys.argv[1:], *arguments]):
            sys.exit(code)
    unittest.main("frameworks_cases", argv=["unittest"])
