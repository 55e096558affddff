"""`session_transaction` with Django's engines: signed cookies, the database, a cache, and both."""

import sys

import django
import pytest
import socketio
from django.conf import settings

settings.configure(
    SECRET_KEY="only for these tests",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.signals import request_finished, request_started  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import close_old_connections  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.test import TestCase, TransactionTestCase, override_settings  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.urls import path  # noqa: E402

from asgi_sio_testclient import SyncTestClient, TestClient, UsageError  # noqa: E402

ENGINES = ("signed_cookies", "db", "cache", "cached_db")


def show(request):
    request.session.setdefault("visits", 0)
    request.session["visits"] += 1
    return JsonResponse(dict(request.session))


urlpatterns = [path("show", show)]


class Channels:
    """Selects an app by the scope's type, as ProtocolTypeRouter of Channels does."""

    def __init__(self, mapping):
        self.application_mapping = mapping

    async def __call__(self, scope, receive, send):
        await self.application_mapping[scope["type"]](scope, receive, send)


def app():
    django_app = get_asgi_application()
    sio = socketio.AsyncServer(async_mode="asgi")
    return Channels({"http": socketio.ASGIApp(sio, django_app), "lifespan": socketio.ASGIApp(sio)})


class Signals:
    def setUp(self):
        # Django's own client does so for each request, so that the test's connection stays open.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
            self.addCleanup(signal.connect, close_old_connections)


class Plain(Signals, TestCase):
    def test_each_engine(self):
        for engine in ENGINES:
            settings_of = override_settings(
                SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}"
            )
            with self.subTest(engine), settings_of, SyncTestClient(app()) as client:
                with client.session_transaction() as session:
                    session["user"] = "ada"
                assert client.http.get("/show").json() == {"user": "ada", "visits": 1}
                with client.session_transaction() as session:
                    assert session["visits"] == 1
                    session["visits"] = 5
                assert client.http.get("/show").json()["visits"] == 6
                with client.session_transaction() as session:
                    session.flush()
                assert client.http.get("/show").json() == {"visits": 1}

    def test_a_wsgi_app(self):
        with (
            SyncTestClient(get_wsgi_application()) as client,
            override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"),
        ):
            with client.session_transaction() as session:
                session["user"] = "ada"
            assert "sessionid" in client.cookies

    @override_settings(MIDDLEWARE=[])
    def test_without_its_middleware_there_is_none(self):
        with SyncTestClient(app()) as client, pytest.raises(UsageError, match="no HTTP session"):
            client.session_transaction().__enter__()


class Async(Signals, TransactionTestCase):
    async def test_each_engine(self):
        for engine in ENGINES:
            settings_of = override_settings(
                SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}"
            )
            with self.subTest(engine), settings_of:
                async with TestClient(app()) as client:
                    async with client.session_transaction() as session:
                        session["user"] = "ada"
                    shown = (await client.http.get("/show")).json()
                    assert shown == {"user": "ada", "visits": 1}
                    async with client.session_transaction() as session:
                        assert session["visits"] == 1


if __name__ == "__main__":
    sys.exit(DiscoverRunner(verbosity=1).run_tests(["__main__"]))
