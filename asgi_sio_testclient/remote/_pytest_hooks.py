"""``--sio-url``: runs the portable tests of a suite against a live server. The pytest plugin
registers these hooks if the option is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asgi_sio_testclient.remote._server import RemoteServer

__all__ = ["URLPlugin"]

__tracebackhide__ = True

NOT_MARKED = "needs the app in this process: not marked @pytest.mark.sio(portable=True)"
NEEDS_THE_APP = "needs the app in this process: the test, or one of its fixtures, uses sio_app"


class URLPlugin:
    """The hooks and the fixture that ``--sio-url`` adds.

    Args:
        url: the URL of the server.
        setup_class: the class of the value of the fixture ``_sio_setup``.

    Raises:
        pytest.UsageError: `RemoteServer` does not accept the URL.
    """

    def __init__(self, url: str, setup_class: Callable[..., Any]) -> None:
        try:
            self._server = RemoteServer(url)
        except (ImportError, ValueError) as exc:
            raise pytest.UsageError(f"--sio-url: {exc}") from None
        self._setup_class = setup_class

    def pytest_report_header(self) -> str:
        """Return a line with the URL of the server."""
        return f"sio: portable tests run against {self._server.url}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip tests that use the plugin's clients and need the app in this process."""
        names = getattr(item, "fixturenames", ())
        if "_sio_setup" not in names:
            return
        if not _is_portable(item):
            pytest.skip(NOT_MARKED)
        if "sio_app" in names:
            pytest.skip(NEEDS_THE_APP)

    @pytest.fixture
    def _sio_setup(
        self, request: pytest.FixtureRequest, sio_options: Any, sio_transports: Any
    ) -> Any:
        """The fixture of the pytest plugin, without ``sio_app``."""
        options = {name: sio_options[name] for name in sio_options if name != "server"}
        return self._setup_class(request.node, self._server, options, sio_transports)


def _is_portable(item: pytest.Item) -> bool:
    """Return the value of ``portable`` in the closest marker that has it; False without one."""
    for marker in item.iter_markers("sio"):
        if "portable" in marker.kwargs:
            return bool(marker.kwargs["portable"])
    return False
