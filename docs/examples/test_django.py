"""Django's own login and session cookie, with `socketio.ASGIApp` around the Django app."""

import django
import pytest
import socketio
from asgiref.sync import sync_to_async
from django.conf import settings

# A project has a settings module, and pytest-django for its database; these lines replace both.
settings.configure(
    SECRET_KEY="top secret!",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()

from django.contrib.auth import aauthenticate, aget_user, alogin, alogout  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.http import HttpRequest, HttpResponse, parse_cookie  # noqa: E402
from django.urls import path  # noqa: E402

from asgi_sio_testclient import ConnectionRefused, TestClient  # noqa: E402


async def login(request):
    user = await aauthenticate(
        request, username=request.POST["username"], password=request.POST["password"]
    )
    if user is None:
        return HttpResponse(status=401)
    await alogin(request, user)
    return HttpResponse(status=204)


async def logout(request):
    await alogout(request)
    return HttpResponse(status=204)


urlpatterns = [path("login", login), path("logout", logout)]

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio, get_asgi_application())


async def user_of(environ):
    """Return Django's user of a connection, found as Django's middleware finds it."""
    request = HttpRequest()
    cookies = parse_cookie(environ.get("HTTP_COOKIE", ""))
    request.session = SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
    return await aget_user(request)


@sio.event
async def connect(sid, environ, auth):
    user = await user_of(environ)
    if not user.is_authenticated:
        raise socketio.exceptions.ConnectionRefusedError("log in first")
    await sio.emit("welcome", user.get_username(), to=sid)


@pytest.fixture
async def ada(tmp_path):
    connections.settings["default"]["NAME"] = tmp_path / "db.sqlite3"
    await sync_to_async(call_command)("migrate", verbosity=0)
    yield await User.objects.acreate_user("ada", password="analytical")
    await sync_to_async(connections.close_all)()


@pytest.fixture
async def client(ada):
    async with TestClient(app) as client:
        yield client


async def test_refused_before_the_login(client):
    with pytest.raises(ConnectionRefused, match="log in first"):
        await client.connect()


async def test_welcomed_after_it(client):
    answer = await client.http.post("/login", data={"username": "ada", "password": "analytical"})
    assert answer.status_code == 204

    await client.connect()

    event = await client.await_event("welcome")
    assert event.data == "ada"


async def test_refused_after_the_logout(client):
    await client.http.post("/login", data={"username": "ada", "password": "analytical"})
    await client.http.post("/logout")

    with pytest.raises(ConnectionRefused):
        await client.connect()
