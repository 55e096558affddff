"""``--sio-url``: the portable tests of a suite against a live server. The plugin registers these
hooks where the option is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asgi_sio_testclient.remote._server import RemoteServer

__all__ = ["URLPlugin"]

__tracebackhide__ = True

NOT_MARKED = "needs the app in this process: not marked @pytest.mark.sio(portable=True)"
ASKS_FOR_THE_APP = "needs the app in this process: it, or a fixture of it, asks for sio_app"


class URLPlugin:
    """The hooks and the fixture that ``--sio-url`` adds.

    Args:
        url: of the server.
        setup_class: what the plugin's fixture ``_sio_setup`` makes.

    Raises:
        pytest.UsageError: `RemoteServer` does not take the URL.
    """

    def __init__(self, url: str, setup_class: Callable[..., Any]) -> None:
        try:
            self._server = RemoteServer(url)
        except (ImportError, ValueError) as exc:
            raise pytest.UsageError(f"--sio-url: {exc}") from None
        self._setup_class = setup_class

    def pytest_report_header(self) -> str:
        """Say where the tests run."""
        return f"sio: portable tests run against {self._server.url}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip what needs the app in this process, of the tests that use the plugin's clients."""
        names = getattr(item, "fixturenames", ())
        if "_sio_setup" not in names:
            return
        if not _is_portable(item):
            pytest.skip(NOT_MARKED)
        if "sio_app" in names:
            pytest.skip(ASKS_FOR_THE_APP)

    @pytest.fixture
    def _sio_setup(
        self, request: pytest.FixtureRequest, sio_options: Any, sio_transports: Any
    ) -> Any:
        """Replaces the plugin's own, which asks for ``sio_app``."""
        options = {name: sio_options[name] for name in sio_options if name != "server"}
        return self._setup_class(request.node, self._server, options, sio_transports)


def _is_portable(item: pytest.Item) -> bool:
    """Whether the closest marker that says so says it."""
    for marker in item.iter_markers("sio"):
        if "portable" in marker.kwargs:
            return bool(marker.kwargs["portable"])
    return False
