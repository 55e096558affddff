"""`client.http`: an httpx.AsyncClient on the running app, and the app's HTTP sessions and
lifespan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._http.identity import DEFAULT_HEADERS
from asgi_sio_testclient._http.sessions import HTTPSession, find_http_session
from asgi_sio_testclient._http.transport import AppTransport
from asgi_sio_testclient._server.app_exceptions import app_problem
from asgi_sio_testclient._server.find import bare_server
from asgi_sio_testclient._server.reachable import reachable

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher
    from asgi_sio_testclient._http.identity import HTTPContext

__tracebackhide__ = True


def http_client(dispatcher: Dispatcher, http_context: HTTPContext) -> httpx.AsyncClient:
    """Return the client given as ``http=`` if it is async, else `Dispatcher.own_http`, made at the
    first call.
    """
    http = dispatcher.options.http
    if hasattr(http, "aclose"):
        return http  # type: ignore[no-any-return]
    if dispatcher.own_http is None:
        dispatcher.own_http = _make_http(dispatcher, http_context)
    return dispatcher.own_http


def _make_http(owner: Dispatcher, http_context: HTTPContext) -> httpx.AsyncClient:
    """Make an httpx.AsyncClient on the running app, with the jar, headers and base URL of
    `http_context`. Requests are in the transcript of `owner`; errors of the app reach `owner`.
    """
    options, running_app = owner.options, owner.running_app
    headers = httpx.Headers(DEFAULT_HEADERS if options.http is None else options.http.headers)
    headers.update(http_context.headers)
    return httpx.AsyncClient(
        transport=AppTransport(
            options.single_app,
            admit=running_app.require_loop,
            state=lambda: running_app.state,
            keep=running_app.track,
            owner=owner,
            root_path=options.root_path,
            client=options.client,
            raise_app_exceptions=options.raise_app_exceptions,
            timeout=options.timeout,
            origin=http_context.origin,
            note=owner.transcript.note_request,
            isolate=options.isolate_context,
            explain=app_problem,
        ),
        base_url=http_context.origin.url,
        headers=headers,
        cookies=http_context.jar,
        auth=_auth(getattr(options.http, "auth", None)),
        trust_env=False,  # with a proxy in the environment, httpx would build an SSL context
    )


def _auth(auth: Any) -> httpx.Auth | None:
    """Return the auth of the client given as ``http=`` as an httpx.Auth; an auth of httpx2 is
    wrapped.
    """
    if auth is None or isinstance(auth, httpx.Auth):
        return auth
    adapter = httpx.Auth()
    for name in ("auth_flow", "sync_auth_flow", "async_auth_flow"):
        setattr(adapter, name, getattr(auth, name))
    return adapter


def find_session(app: Any) -> HTTPSession:
    """Return the HTTP sessions of an app.

    Raises:
        UsageError: the app has no sessions of a known framework.
    """
    return find_http_session(reachable(app, thorough=True))


def require_one_lifespan(http: Any, app: Any) -> None:
    """Refuse an `http` that has run the lifespan of `app` itself, as an entered TestClient of
    Starlette has.

    Raises:
        UsageError: the lifespan was run.
    """
    if getattr(http, "portal", None) is None:
        return
    mine = list(reachable(app))
    theirs = {id(thing) for thing in reachable(http.app)}
    routers = [thing for thing in mine if id(thing) in theirs and hasattr(thing, _LIFESPAN)]
    if routers:
        twice = any(map(_has_lifespan, routers))
    else:
        related = id(app) in theirs or any(thing is http.app for thing in mine)
        twice = related and bare_server(app) is None
    if twice:
        raise UsageError(
            "the lifespan would run twice: the client given as http= was entered, and has started "
            "the app; don't enter it, or pass lifespan=False"
        )


_LIFESPAN = "lifespan_context"


def _has_lifespan(router: Any) -> bool:
    """Return whether a router of Starlette or FastAPI has a lifespan."""
    default = type(router.lifespan_context).__name__ == "_DefaultLifespan"
    return not default or bool(getattr(router, "on_startup", ()))
