"""The live servers that the tests of this directory share."""

import pytest
from live import Node, echo_app, serve


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
    """Each of the two."""
    return request.getfixturevalue(f"{request.param}_server")
