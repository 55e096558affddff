"""Reads the bodies of responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from asgi_sio_testclient.asgi import Response

__all__ = ["decoded_body", "first_line"]

__tracebackhide__ = True


def decoded_body(response: Response) -> bytes:
    """Return the body of a response without its content encoding, by httpx's decoders.

    Raises:
        httpx.DecodingError: the body is not encoded as its header says.
    """
    if b"content-encoding" not in [name for name, _ in response.headers]:
        return response.body
    return httpx.Response(
        response.status, headers=list(response.headers), content=response.body
    ).content


def first_line(body: str) -> str:
    """Return the first line of a body that is not blank; "" for a body without one."""
    return next(iter(body.strip().splitlines()), "")
