"""The contenders of the comparison, one module each.

Each module imports the packages of its client at the top and defines `contenders()`. If an import
fails, the table says "not installed" with the name of the missing module. An operation that a
client can't perform is a `Cannot`.
"""

import importlib
from dataclasses import dataclass

from benchmarks.method import Contender

MODULES = {
    "floor": "bare driver (the floor)",
    "ours": "asgi-sio-testclient",
    "asgiref_communicator": "asgiref ApplicationCommunicator",
    "flask_client": "Flask-SocketIO test client",
    "httpx_ws_client": "httpx-ws",
    "starlette_client": "Starlette TestClient",
    "uvicorn_stock": "uvicorn + stock AsyncClient",
}

CALL = "call"
POLLING_CALL = "polling_call"
EMIT_EVENT = "emit_event"
CONNECT = "connect"
TEST = "test"
NEGATIVE = "negative"


@dataclass(frozen=True)
class NotInstalled:
    key: str
    title: str
    missing: str


def load(only: set[str] | None = None) -> list[Contender | NotInstalled]:
    """Return all contenders in the table's order; a missing package gives a `NotInstalled`."""
    found: list[Contender | NotInstalled] = []
    for name, title in MODULES.items():
        if only and name not in only:
            continue
        try:
            module = importlib.import_module(f"benchmarks.peers.{name}")
        except ModuleNotFoundError as error:
            found.append(NotInstalled(name, title, str(error.name)))
        else:
            found.extend(module.contenders())
    return found
