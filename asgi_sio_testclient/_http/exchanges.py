"""One HTTP request of `client.http` and its response, for the transcript."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

__all__ = ["HTTPRequest"]

__tracebackhide__ = True

_KEPT = 65_536  # the most bytes of a body that is kept


@dataclass(eq=False, slots=True)
class HTTPRequest:
    """A request and its response.

    Attributes:
        method: "GET", "POST", ...
        url: path and query, with the query's values masked.
        full_url: the URL as it was requested.
        content_type: the content type of the request's body; "" without a body.
        body: the request's body; None if it has more than 64 KiB.
        started: when it was sent, in seconds of `time.perf_counter`.
        ended: when the response was complete; None before.
        status: the status of the response; None before.
        response_type: the content type of the response; "" without one.
        response_body: the response's body; None if it has more than 64 KiB.
        error: the exception that was raised in the place of a response, or None.
    """

    method: str
    url: str
    full_url: str = field(repr=False)
    content_type: str = ""
    body: bytes | None = field(default=None, repr=False)
    started: float = field(default_factory=perf_counter)
    ended: float | None = None
    status: int | None = None
    response_type: str = ""
    response_body: bytes | None = field(default=None, repr=False)
    error: BaseException | None = None

    def __len__(self) -> int:
        """Return 0: a request counts as no packet in sums of packet sizes."""
        return 0

    def __bool__(self) -> bool:
        return True

    def sent(self, content_type: str, body: bytes) -> None:
        """Store the body of the request."""
        self.content_type = content_type
        self.body = body if len(body) <= _KEPT else None

    def answered(self, status: int, content_type: str, body: bytes) -> None:
        """Store the response."""
        self.ended = perf_counter()
        self.status = status
        self.response_type = content_type
        self.response_body = body if len(body) <= _KEPT else None

    def failed(self, error: BaseException) -> None:
        """Store the exception that was raised in the place of a response."""
        self.ended = perf_counter()
        self.error = error

    @property
    def label(self) -> str:
        """Method, URL and status: "POST /parcels 201"."""
        if self.status is not None:
            return f"{self.method} {self.url} {self.status}"
        if self.error is not None:
            return f"{self.method} {self.url} raised {type(self.error).__name__}"
        return f"{self.method} {self.url} (no response)"

    @property
    def duration(self) -> float | None:
        """The seconds until the response; None before it."""
        return None if self.ended is None else self.ended - self.started
