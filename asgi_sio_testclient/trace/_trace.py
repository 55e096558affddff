"""`Trace`: the data of a trace, with the methods that write files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asgi_sio_testclient.trace._files import Path_, write
from asgi_sio_testclient.trace._items import TraceData

__all__ = ["Trace"]

__tracebackhide__ = True


@dataclass(eq=False, slots=True)
class Trace(TraceData):
    """The data of a trace, to be written as a page or for Perfetto. See `TraceData` for the
    attributes and for the methods that add items.
    """

    def to_html(self, path: Path_) -> Path:
        """Write the trace as one HTML file that needs no network, and return its path.

        Raises:
            OSError: the file can't be written. Missing folders are created.
        """
        from asgi_sio_testclient.trace import _html  # noqa: PLC0415 (imported on use)

        return write(path, _html.render(self))

    def to_chrome_trace(self, path: Path_) -> Path:
        """Write the trace as trace-event JSON, which Perfetto opens, and return its path.

        Raises:
            OSError: the file can't be written. Missing folders are created.
        """
        from asgi_sio_testclient.trace import _chrome  # noqa: PLC0415 (imported on use)

        return write(path, _chrome.render(self))
