"""Tokens that a page or a cookie contains and the browser sends back: CSRF tokens, tokens in a
query.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import socketio
from handwritten import OPEN, SID, check, http, joined, websocket, written

from asgi_sio_testclient.har import read_har, source_of_test
from asgi_sio_testclient.har._pages import InPage, place_in_page

FORM = "application/x-www-form-urlencoded"
IN_FORM, IN_COOKIE, TICKET = (f"{letter}{'0123456789abcdef'}" for letter in "abc")


class Shop:
    """Each visit gets new tokens: one in a form, one in a cookie, one in JSON."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncServer(async_mode="asgi")
        self.sio.on("connect", self.connect)
        self.app = socketio.ASGIApp(self.sio, self.http)
        self.form, self.cookie, self.ticket = (secrets.token_hex(8) for _ in range(3))

    def connect(self, sid: str, environ: dict[str, Any]) -> bool:
        query = parse_qs(environ["QUERY_STRING"])
        assert query["shop"] == ["north"]
        return query.get("ticket") == [self.ticket]

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        body, status, kind = b"", 200, b"text/html; charset=utf-8"
        if scope["path"] == "/":
            page = f'<p id="a">\n<input name="csrf" value="{self.form}">\n'
            body = page.encode()
        else:
            form = parse_qs((await receive())["body"].decode())
            headers = dict(scope["headers"])
            if form["csrf"] == [self.form] and headers[b"x-csrf"] == self.cookie.encode():
                body, kind = json.dumps({"ticket": self.ticket}).encode(), b"application/json"
            else:
                status = 403
        cookie = (b"set-cookie", f"csrf={self.cookie}; Path=/".encode())
        start = {"type": "http.response.start", "status": status}
        await send({**start, "headers": [(b"content-type", kind), cookie]})
        await send({"type": "http.response.body", "body": body})


def page(text: str, **options: Any) -> dict[str, Any]:
    entry = http(0.1, "GET", "/", answer=text, resource="document", **options)
    entry["response"]["content"]["mimeType"] = "text/html; charset=utf-8"
    return entry


def set_cookies(entry: dict[str, Any], *, listed: bool) -> dict[str, Any]:
    """Add cookies as Playwright writes them: as a list, or as a header with a line for
    each cookie.
    """
    response = entry["response"]
    if listed:
        response["cookies"] = [{"name": "csrf", "value": IN_COOKIE}]
    else:
        value = f"lang=de; Path=/\ncsrf={IN_COOKIE}; Path=/"
        response["headers"] = [{"name": "Set-Cookie", "value": value}]
    return entry


@pytest.mark.parametrize("listed", [True, False], ids=["cookies", "header"])
async def test_tokens_of_a_page_and_of_a_cookie_are_sent_back(tmp_path: Path, listed: bool) -> None:
    text = f'<p id="{IN_FORM[:4]}">\n<input name="csrf" value="{IN_FORM}">\n'
    refused = [
        (1.0, OPEN),
        (1.001, ">40"),
        (1.002, '44{"message":"Connection rejected by server"}'),
    ]
    again = [(3.0, OPEN.replace("AAAA", "BBBB")), (3.001, ">40"), (3.002, f"4{SID}")]
    path = written(
        tmp_path,
        set_cookies(page(text), listed=listed),
        websocket(refused, query="&shop=north", closed=1.5),
        http(
            2.0, "POST", "/login", kind=FORM, body=f"name=ann&csrf={IN_FORM}",
            answer={"ticket": TICKET}, headers=[{"name": "X-CSRF", "value": IN_COOKIE}],
        ),
        websocket(again, query=f"&shop=north&ticket={TICKET}"),
    )  # fmt: skip
    await check(path, lambda: Shop().app)
    source = source_of_test(read_har(path))
    for value in (IN_FORM, IN_COOKIE, TICKET):
        assert value not in source
    assert """csrf = re.search(r'name="csrf" value="([^"]+)', response.text)[1]""" in source
    assert 'x_csrf = client.http.cookies["csrf"]' in source
    assert 'query={"shop": "north", "ticket": login_ticket}' in source


async def test_an_app_that_brings_no_token_any_more_differs(tmp_path: Path) -> None:
    from asgi_sio_testclient.har import replay  # noqa: PLC0415

    path = written(
        tmp_path,
        set_cookies(page(f"<b csrf={IN_FORM}>"), listed=True),
        websocket(joined()),
        http(
            2.0, "POST", "/login", kind=FORM, body=f"csrf={IN_FORM}", answer={},
            headers=[{"name": "X-CSRF", "value": IN_COOKIE}],
        ),
    )  # fmt: skip
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/login":
            seen.append(((await receive())["body"], dict(scope["headers"])[b"x-csrf"]))
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sio = socketio.AsyncServer(async_mode="asgi")
    played = await replay(read_har(path), socketio.ASGIApp(sio, app))
    assert "+client GET /: 404" in played.diff()
    # If the app does not send a token, the recorded token is used.
    assert seen == [(f"csrf={IN_FORM}".encode(), IN_COOKIE.encode())]


def test_a_page_whose_tokens_are_not_sent_is_no_request(tmp_path: Path) -> None:
    path = written(tmp_path, page(f"<b csrf={IN_FORM}>"), websocket(joined()))
    assert "http.get" not in source_of_test(read_har(path))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("<a b='xyz'>", "<a b='([^']+)"),
        ("<a><b><c><d name='xyz'>", "<c><d name='([^']+)"),
        ("v=1\nv=xyz\n", None),
        ("<i n=a v=1><i n=b v=xyz>", "v=1><i n=b v=([^>]+)"),
        ("(a[0]='xyz')", r"\(a\[0\]='([^']+)"),
        ("first\nx=xyz\n", "x=([^\n]+)"),
        ("the end xyz", None),
        ("no such word", None),
    ],
)
def test_where_a_value_stands_in_a_page(text: str, pattern: str | None) -> None:
    place = place_in_page(text, "xyz")
    assert place == (pattern and InPage(pattern))
