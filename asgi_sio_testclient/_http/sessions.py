"""The HTTP session of an app's web framework, read and saved by the framework's own code.

Each class opens a session for a request with the client's cookies, and returns the Set-Cookie
headers of a response that saves the session. Opening and saving are two steps, and no code of the
app runs in between. A framework is never imported: the app of a framework has imported it already.
"""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._http.identity import HTTPContext
from asgi_sio_testclient._http.urls import Origin
from asgi_sio_testclient.asgi import HTTPExchange, http_scope

__all__ = ["HTTPSession", "find_http_session", "session_transaction"]

__tracebackhide__ = True

KNOWN = "the SessionMiddleware of Starlette and FastAPI, Flask, Quart and Django"
_NO_CONTENT = 204
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class CookieRequest:
    """The part of a request with which a session is opened.

    Attributes:
        origin: the origin of the app.
        cookie: the value of the Cookie header; "" without cookies.
    """

    origin: Origin
    cookie: str


class HTTPSession(Protocol):
    """The sessions of one app.

    Attributes:
        path: the path of the session's cookie.
    """

    path: str

    async def open(self, request: CookieRequest) -> Any:
        """Open and return the session of a request: a mapping that can be changed."""

    async def save(self, request: CookieRequest, session: Any) -> list[str]:
        """Save a changed session; return the values of the Set-Cookie headers."""


@asynccontextmanager
async def session_transaction(
    http_session: HTTPSession, http_context: HTTPContext
) -> AsyncIterator[Any]:
    """Open the session of the next request of `http_context`; save a change when the block ends.

    Raises:
        UsageError: the session's cookie is never sent to the app, because it is for another host or
            for https only.
    """
    url = http_context.origin.scheme + "://" + http_context.origin.netloc + http_session.path
    request = CookieRequest(http_context.origin, http_context.cookie_header(url).decode("latin-1"))
    session = await http_session.open(request)
    before = copy.deepcopy(dict(session))
    yield session
    if dict(session) == before and not getattr(session, "modified", False):
        return
    values = await http_session.save(request, session)
    http_context.store_cookies(url, [value.encode("latin-1") for value in values])
    if values and dict(session):
        _require_sent(values, http_context, url)


def _require_sent(values: Iterable[str], http_context: HTTPContext, url: str) -> None:
    sent = {pair.partition("=")[0] for pair in http_context.cookie_header(url).decode().split("; ")}
    for value in values:
        name = value.partition("=")[0]
        if name not in sent:
            _, _, attributes = value.partition("; ")
            raise UsageError(
                f"the session's cookie {name!r} is never sent to {url}: it was set with "
                f"{attributes!r}; see base_url="
            )


def find_http_session(things: Iterable[Any]) -> HTTPSession:
    """Return the sessions of the first app or middleware that has any.

    Args:
        things: the objects that can be reached from the app, nearest first.

    Raises:
        UsageError: no such session was found.
    """
    for thing in things:
        for find in (_starlette, _flask, _quart, _django):
            found = find(thing)
            if found is not None:
                return found
    raise UsageError(f"no HTTP session found in the app; supported are {KNOWN}")


# -- Starlette and FastAPI


class _StarletteSession:
    """A SessionMiddleware, called with an app that opens or changes the session."""

    def __init__(self, middleware: Any) -> None:
        self._middleware = middleware
        self.path: str = middleware.path

    async def open(self, request: CookieRequest) -> dict[str, Any]:
        """See `HTTPSession`."""
        found: dict[str, Any] = {}
        await self._call(request, lambda session: found.update(copy.deepcopy(dict(session))))
        return found

    async def save(self, request: CookieRequest, session: dict[str, Any]) -> list[str]:
        """See `HTTPSession`."""

        def change(current: dict[str, Any]) -> None:
            current.clear()
            current.update(session)

        return await self._call(request, change)

    async def _call(
        self, request: CookieRequest, use: Callable[[dict[str, Any]], None]
    ) -> list[str]:
        """Call the middleware with an app that passes the session to `use`; return the values of
        the Set-Cookie headers.
        """

        async def app(scope: Any, _receive: Any, send: Any) -> None:
            use(scope["session"])
            await send({"type": "http.response.start", "status": _NO_CONTENT, "headers": []})
            await send({"type": "http.response.body"})

        middleware = copy.copy(self._middleware)
        middleware.app = app
        origin = request.origin
        headers = [(b"host", origin.netloc.encode()), (b"cookie", request.cookie.encode("latin-1"))]
        scope = http_scope(
            "GET", self.path, headers=headers, scheme=origin.scheme, server=origin.server
        )
        exchange = HTTPExchange(middleware, scope)
        exchange.start()
        response = await exchange.response()
        return [v.decode("latin-1") for name, v in response.headers if name == b"set-cookie"]


def _starlette(thing: Any) -> HTTPSession | None:
    """Return the sessions of a SessionMiddleware, or of an app that has one; else None."""
    module = sys.modules.get("starlette.middleware.sessions")
    if module is None:
        return None
    if isinstance(thing, module.SessionMiddleware):
        return _StarletteSession(thing)
    # The middleware of an app is created at its first request, from these.
    for made_of in getattr(thing, "user_middleware", ()):
        kind = getattr(made_of, "cls", None)
        if isinstance(kind, type) and issubclass(kind, module.SessionMiddleware):
            return _StarletteSession(kind(None, *made_of.args, **made_of.kwargs))
    return None


# -- Flask and Quart


class _FlaskSession:
    """The sessions of Flask, as FlaskClient.session_transaction opens them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.path: str = app.session_interface.get_cookie_path(app)

    async def open(self, request: CookieRequest) -> Any:
        """See `HTTPSession`."""
        with self._context(request) as context:
            session = self._app.session_interface.open_session(self._app, context.request)
        return _opened(session)

    async def save(self, request: CookieRequest, session: Any) -> list[str]:
        """See `HTTPSession`."""
        response = self._app.response_class()
        session.modified = True
        with self._context(request):
            self._app.session_interface.save_session(self._app, session, response)
        return list(response.headers.getlist("Set-Cookie"))

    def _context(self, request: CookieRequest) -> Any:
        origin = request.origin
        return self._app.test_request_context(
            base_url=f"{origin.scheme}://{origin.netloc}/",
            environ_overrides={"HTTP_COOKIE": request.cookie},
        )


class _QuartSession:
    """The sessions of Quart, as QuartClient.session_transaction opens them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.path: str = app.session_interface.get_cookie_path(app)

    async def open(self, request: CookieRequest) -> Any:
        """See `HTTPSession`."""
        async with self._context(request) as context:
            session = await self._app.session_interface.open_session(self._app, context.request)
        return _opened(session)

    async def save(self, request: CookieRequest, session: Any) -> list[str]:
        """See `HTTPSession`."""
        session.modified = True
        async with self._context(request):
            response = await self._app.make_response("")
            await self._app.session_interface.save_session(self._app, session, response)
        return list(response.headers.getlist("Set-Cookie"))

    def _context(self, request: CookieRequest) -> Any:
        origin = request.origin
        headers = {"host": origin.netloc, "cookie": request.cookie}
        return self._app.test_request_context("/", headers=headers, scheme=origin.scheme)


def _opened(session: Any) -> Any:
    if session is None:
        raise UsageError("no HTTP session was opened: the app has no secret_key")
    return session


def _flask(thing: Any) -> HTTPSession | None:
    module = sys.modules.get("flask")
    return None if module is None or not isinstance(thing, module.Flask) else _FlaskSession(thing)


def _quart(thing: Any) -> HTTPSession | None:
    module = sys.modules.get("quart")
    return None if module is None or not isinstance(thing, module.Quart) else _QuartSession(thing)


# -- Django


class _DjangoSession:
    """Django's SessionMiddleware, with the engine of the settings.

    A database engine is used as in Django's asynchronous views: in the thread of
    ``sync_to_async()``.
    """

    def __init__(self, middleware: Any, settings: Any) -> None:
        self._middleware = middleware
        self._request: Any = None
        self.path: str = settings.SESSION_COOKIE_PATH

    async def open(self, request: CookieRequest) -> Any:
        """See `HTTPSession`."""
        return await _in_thread(self._open)(request)

    def _open(self, request: CookieRequest) -> Any:
        test = importlib.import_module("django.test")
        secure = request.origin.scheme == "https"
        self._request = test.RequestFactory().get(
            "/", secure=secure, HTTP_HOST=request.origin.netloc, HTTP_COOKIE=request.cookie
        )
        self._middleware.process_request(self._request)
        # Loads the session, so that later accesses do not need the database.
        self._request.session.keys()
        return self._request.session

    async def save(self, request: CookieRequest, session: Any) -> list[str]:
        """See `HTTPSession`."""
        return await _in_thread(self._save)(session)

    def _save(self, session: Any) -> list[str]:
        http = importlib.import_module("django.http")
        session.modified = True
        response = self._middleware.process_response(self._request, http.HttpResponse())
        return [morsel.OutputString() for morsel in response.cookies.values()]


def _django(thing: Any) -> HTTPSession | None:
    handlers = sys.modules.get("django.core.handlers.base")
    if handlers is None or not isinstance(thing, handlers.BaseHandler):
        return None
    settings = importlib.import_module("django.conf").settings
    for kind in _middleware(settings.MIDDLEWARE):
        return _DjangoSession(kind(_no_view), settings)
    return None


def _no_view(_request: Any) -> None:
    """Stand in for the rest of the app, which is not called."""


def _middleware(names: Iterable[str]) -> Iterator[Any]:
    """Return the classes of Django's SessionMiddleware among the middleware of these names."""
    sessions = importlib.import_module("django.contrib.sessions.middleware")
    loading = importlib.import_module("django.utils.module_loading")
    for kind in map(loading.import_string, names):
        if isinstance(kind, type) and issubclass(kind, sessions.SessionMiddleware):
            yield kind


def _in_thread(function: Callable[..., _Result]) -> Callable[..., Awaitable[_Result]]:
    from asgiref.sync import sync_to_async  # noqa: PLC0415 (Django's sessions only)

    return sync_to_async(function)
