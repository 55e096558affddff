"""The live servers that the tests of this directory share."""

import socket

import pytest
from live import HOST, Node, echo_app, serve
from site_app import Site


@pytest.fixture
def unused_tcp_port():
    """A port without a server, which no other program can get during the test."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield held.getsockname()[1]


@pytest.fixture(scope="session")
def python_server():
    """The URL of a python-socketio server behind uvicorn."""
    with serve(echo_app()) as url:
        yield url


@pytest.fixture(scope="session")
def node_server():
    """The URL of the official Node.js server."""
    with Node() as node:
        yield node.url


@pytest.fixture(params=["python", "node"])
def server_url(request):
    """The URL of each of the two servers."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def site():
    """An app that records what it receives."""
    return Site()


@pytest.fixture
def url(site):
    """The URL of the site behind uvicorn."""
    with serve(site) as url:
        yield url
