"""Bodies of responses: decoded, and their first line."""

import gzip
import zlib

import httpx
import pytest

from asgi_sio_testclient._http.bodies import decoded_body, first_line
from asgi_sio_testclient.asgi import Response


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((), b"hello"),
        (((b"content-encoding", b"gzip"),), gzip.compress(b"hello")),
        (((b"content-encoding", b"deflate"),), zlib.compress(b"hello")),
    ],
    ids=["plain", "gzip", "deflate"],
)
def test_a_body_is_decoded_as_its_header_says(headers, body):
    assert decoded_body(Response(200, headers, body)) == b"hello"


def test_a_body_that_is_not_what_its_header_says_is_a_decoding_error():
    with pytest.raises(httpx.DecodingError):
        decoded_body(Response(200, ((b"content-encoding", b"gzip"),), b"no gzip"))


@pytest.mark.parametrize(
    ("body", "line"), [("", ""), ("\n \n", ""), ("\n  refused\nbecause", "refused")]
)
def test_the_first_line_that_is_not_blank(body, line):
    assert first_line(body) == line
