"""`client.http`: an httpx.AsyncClient on the running app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from asgi_sio_testclient._http.identity import DEFAULT_HEADERS
from asgi_sio_testclient._http.transport import AppTransport

if TYPE_CHECKING:
    from asgi_sio_testclient._client.options import Options
    from asgi_sio_testclient._connection.app import Runtime
    from asgi_sio_testclient._connection.transcript import Transcript
    from asgi_sio_testclient._http.identity import Identity


def make_http(
    options: Options, identity: Identity, runtime: Runtime, transcript: Transcript
) -> httpx.AsyncClient:
    """An httpx.AsyncClient on the running app, with the identity's jar, headers and base URL; its
    requests are noted in the transcript.
    """
    headers = httpx.Headers(DEFAULT_HEADERS if options.http is None else options.http.headers)
    headers.update(identity.headers)
    return httpx.AsyncClient(
        transport=AppTransport(
            options.single_app,
            state=lambda: runtime.state,
            keep=runtime.keep,
            root_path=options.root_path,
            client=options.client,
            raise_app_exceptions=options.raise_app_exceptions,
            timeout=options.timeout,
            origin=identity.origin,
            note=transcript.note_request,
        ),
        base_url=identity.origin.url,
        headers=headers,
        cookies=identity.jar,
        auth=_auth(getattr(options.http, "auth", None)),
        trust_env=False,  # a proxy in the environment would build an SSL context
    )


def _auth(auth: Any) -> httpx.Auth | None:
    """The auth of a client handed in: httpx2's is one by its shape, httpx asks for its class."""
    if auth is None or isinstance(auth, httpx.Auth):
        return auth
    adapter = httpx.Auth()
    for name in ("auth_flow", "sync_auth_flow", "async_auth_flow"):
        setattr(adapter, name, getattr(auth, name))
    return adapter
