"""`SyncTestClient` and `TestClient` in Django's own test cases."""

import sys

import django
import socketio
from django.conf import settings

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
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()

from asgiref.sync import async_to_sync  # noqa: E402
from django.contrib.auth import authenticate, get_user_model, login  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.signals import request_finished, request_started  # noqa: E402
from django.db import close_old_connections  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import TestCase, TransactionTestCase  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.urls import path  # noqa: E402

from asgi_sio_testclient import SyncTestClient, TestClient  # noqa: E402

User = get_user_model()


def log_in(request):
    user = authenticate(request, **request.POST.dict())
    login(request, user)
    async_to_sync(sio.emit)("online", user.get_username())
    return HttpResponse(status=204)


urlpatterns = [path("login", log_in)]

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio, get_asgi_application())


@sio.event
async def sign_up(sid, name):
    await User.objects.acreate_user(name)
    return await User.objects.acount()


class Ada:
    """The tests of both cases below."""

    def setUp(self):
        # Keep the test's connection open, as Django's own client does for each request.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
            self.addCleanup(signal.connect, close_old_connections)
        User.objects.create_user("ada", password="analytical")

    def test_plain(self):
        with SyncTestClient(app) as client:
            client.connect()
            client.http.post("/login", data={"username": "ada", "password": "analytical"})
            assert client.await_event("online").data == "ada"
            assert client.call("sign_up", "grace") == 2
        assert User.objects.filter(username="grace").exists()

    async def test_async(self):
        async with TestClient(app) as client:
            await client.connect()
            await client.http.post("/login", data={"username": "ada", "password": "analytical"})
            assert (await client.await_event("online")).data == "ada"
            assert await client.call("sign_up", "grace") == 2
        assert await User.objects.filter(username="grace").aexists()


class InATransaction(Ada, TestCase):
    """Each test runs in a transaction, which is rolled back."""


class WithCommits(Ada, TransactionTestCase):
    """The tables are emptied after each test."""


if __name__ == "__main__":  # in a project: manage.py test
    sys.exit(DiscoverRunner(interactive=False).run_tests([__name__]))
