"""A request and its result."""

import pytest

from asgi_sio_testclient._http.exchanges import HTTPRequest

KEPT = 65_536  # bytes


@pytest.fixture
def request_():
    return HTTPRequest("POST", "/parcels?token=***", "http://testserver/parcels?token=t0k3n")


def test_before_a_response(request_):
    assert request_.label == "POST /parcels?token=*** (no response)"
    assert request_.duration is None
    assert request_
    assert len(request_) == 0
    assert "t0k3n" not in repr(request_)


def test_with_a_response(request_):
    request_.answered(201, "application/json", b"{}")
    assert request_.label == "POST /parcels?token=*** 201"
    assert request_.response_body == b"{}"
    assert request_.duration >= 0


def test_with_an_exception_in_the_place_of_a_response(request_):
    request_.failed(OSError("no database"))
    assert request_.label == "POST /parcels?token=*** raised OSError"
    assert request_.duration >= 0


def test_long_bodies_are_not_kept(request_):
    request_.sent("text/plain", b"x" * KEPT)
    request_.answered(200, "text/plain", b"x" * KEPT)
    assert len(request_.body) == len(request_.response_body) == KEPT
    request_.sent("text/plain", b"x" * (KEPT + 1))
    request_.answered(200, "text/plain", b"x" * (KEPT + 1))
    assert request_.body is request_.response_body is None
