"""The bundled app."""

import pytest

from asgi_sio_testclient import ConnectionRefused, TestClient
from asgi_sio_testclient._cli.demo_app import COOKIE, PASSWORDS, create_app


class TestBundledApp:
    """Cases of the demo's app that the demo does not show."""

    async def test_a_wrong_password_gives_no_cookie(self):
        async with TestClient(create_app()) as client:
            answer = await client.http.post("/login", json={"name": "ada", "password": "guess"})

            assert (answer.status_code, dict(answer.cookies)) == (401, {})

    @pytest.mark.parametrize(("method", "path"), [("GET", "/login"), ("POST", "/elsewhere")])
    async def test_there_is_nothing_but_the_login(self, method, path):
        async with TestClient(create_app()) as client:
            assert (await client.http.request(method, path)).status_code == 404

    async def test_a_login_may_come_in_pieces(self):
        async def pieces():
            yield b'{"name": "ada", '
            yield b'"password": "analytical"}'

        async with TestClient(create_app()) as client:
            assert (await client.http.post("/login", content=pieces())).status_code == 204

    async def test_a_forged_cookie_is_refused(self):
        async with TestClient(create_app(), cookies={COOKIE: "ada.forged"}) as client:
            with pytest.raises(ConnectionRefused, match="log in first"):
                await client.connect()

    async def test_a_user_in_no_room_disconnects_unnoticed(self):
        async with TestClient(create_app()) as ada, ada.clone() as grace:
            for client, name in ((ada, "ada"), (grace, "grace")):
                login = {"name": name, "password": PASSWORDS[name]}
                await client.http.post("/login", json=login)
                await client.connect()
            await ada.call("join", "tea")

            await grace.disconnect()

            await ada.assert_not_received()
