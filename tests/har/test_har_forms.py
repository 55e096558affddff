"""`from-har` and `replay-har` on recordings written by hand: headers, forms, names,
unusual values.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import socketio
from handwritten import (
    BEARER,
    EPOCH,
    JSON_TYPE,
    OPEN,
    SECRET,
    SID,
    TENANT,
    check,
    http,
    joined,
    run_on_a_virtual_clock,
    server,
    websocket,
    written,
)

from asgi_sio_testclient.har import read_har, replay, source_of_test


async def test_query_headers_and_path_of_a_connection(tmp_path: Path) -> None:
    seen: list[Any] = []

    def make() -> Any:
        sio = server()

        def connect(sid: str, environ: dict[str, Any]) -> None:
            query = parse_qs(environ["QUERY_STRING"])
            seen.append((query["room"], query["token"], environ["HTTP_X_TENANT"]))
            assert environ["HTTP_AUTHORIZATION"] == f"Bearer {SECRET}"
            assert environ["HTTP_COOKIE"] == "sess=c00kie-value"

        sio.on("connect", connect)
        return socketio.ASGIApp(sio, socketio_path="ws/sio")

    headers = [TENANT, BEARER, {"name": "Cookie", "value": "sess=c00kie-value; _ga=x"}]
    query = f"&room=tea&token={SECRET}"
    entry = websocket(joined(), path="ws/sio", query=query, headers=headers)
    path = written(tmp_path, entry)
    await check(path, make)
    assert seen == [(["tea"], [SECRET], "north")] * 2
    source = source_of_test(read_har(path))
    assert SECRET not in source
    assert "c00kie" not in source
    assert 'socketio_path="ws/sio"' in source
    assert 'f"Bearer {TOKEN}"' in source


async def test_forms_texts_methods_and_urls_of_requests(tmp_path: Path) -> None:
    seen: list[Any] = []

    def make() -> Any:
        async def api(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                raise NotImplementedError(scope["type"])
            body = (await receive())["body"].decode()
            seen.append((scope["method"], scope["path"], scope["query_string"].decode(), body))
            headers = [(b"content-type", JSON_TYPE.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            answer = b"no json" if scope["path"] == "/odd" else b'{"id": 41, "text": "x"}'
            await send({"type": "http.response.body", "body": answer})

        return socketio.ASGIApp(server(), api)

    answer = {"id": 41, "text": "x"}
    path = written(
        tmp_path,
        websocket(joined()),
        http(0.1, "POST", "/form", body="a=1&password=pw", kind="application/x-www-form-urlencoded",
             answer=answer),
        http(0.2, "POST", "/params", params=[{"name": "b", "value": "2"}],
             kind="application/x-www-form-urlencoded", answer=answer),
        http(0.3, "PUT", f"/notes/41?token={SECRET}&q=a", body="plain", kind="text/plain",
             answer=answer, headers=[BEARER]),
        http(0.4, "GET", "/odd", answer="no json", resource="xhr"),
        http(0.5, "GET", "/notes", answer=answer),
        http(0.6, "POST", "/elsewhere", host="other.example"),
        http(0.7, "GET", "/page", answer=answer, resource="document"),
        http(0.8, "DELETE", "/notes/41"),
    )  # fmt: skip
    source = await check(path, make)
    once = seen[: len(seen) // 2]
    assert once == seen[len(seen) // 2 :]
    assert [(method, target) for method, target, _, _ in once] == [
        ("POST", "/form"), ("POST", "/params"), ("PUT", "/notes/41"), ("GET", "/notes"),
        ("DELETE", "/notes/41"),
    ]  # fmt: skip
    assert [body for _, _, _, body in once][:3] == ["a=1&password=pw", "b=2", "plain"]
    assert "client.http.put(\n" in source
    assert 'client.http.delete(f"/notes/{form_id}")' in source
    left_out = source_of_test(read_har(path))
    assert SECRET not in left_out
    assert '"pw"' not in left_out


async def test_acks_with_several_values_and_ids_in_them(tmp_path: Path) -> None:
    def make() -> Any:
        sio = server()
        numbers = iter((7, 8))

        async def create(sid: str, name: str) -> Any:
            number = next(numbers)
            await sio.emit("response", {"noteId": number, "ok": True}, to=sid)
            return {"noteId": number, "name": name}, [1.5, None]

        sio.on("create", create)
        sio.on("remove", lambda sid, number: number)
        return socketio.ASGIApp(sio)

    path = written(
        tmp_path,
        websocket(
            joined(
                (0.1, '>420["create","a"]'),
                (0.11, '42["response",{"noteId":107,"ok":true}]'),
                (0.12, '430[{"noteId":107,"name":"a"},[1.5,null]]'),
                (0.2, '>421["create","b"]'),
                (0.21, '>422["remove",107]'),
                (0.22, "432[107]"),
                (0.23, '42["response",{"noteId":108,"ok":true}]'),
                (0.24, '431[{"noteId":108,"name":"b"},[1.5,null]]'),
                (0.3, '>423["remove",108]'),
                (0.31, "433[108]"),
                (0.4, ">41"),
            )
        ),
    )
    source = await check(path, make)
    assert "response_event = await client.await_event" in source
    assert 'call("remove", create_note_id) == create_note_id' in source
    assert 'create_note_id = answer[0]["noteId"]' in source
    assert 'create_note_id_2 = create_ack[0]["noteId"]' in source


async def test_answers_that_differ_from_time_to_time(tmp_path: Path) -> None:
    def make() -> Any:
        sio = server()

        async def ask(sid: str) -> None:
            first = await sio.call("sure?", to=sid)
            second = await sio.call("sure?", "really", to=sid)
            await sio.emit("answers", (first, second), to=sid)

        sio.on("ask", ask)
        return socketio.ASGIApp(sio)

    path = written(
        tmp_path,
        websocket(
            joined(
                (0.1, '>42["ask"]'),
                (0.11, '421["sure?"]'),
                (0.12, '>431["yes"]'),
                (0.13, '422["sure?","really"]'),
                (0.14, '>432["no","never"]'),
                (0.15, '42["answers","yes",["no","never"]]'),
            )
        ),
    )
    source = await check(path, make)
    assert 'sure_queue_answers = iter(["yes", ("no", "never")])' in source


async def test_namespaces_of_one_auth_are_one_call(tmp_path: Path) -> None:
    def make() -> Any:
        sio = server()

        async def connect(sid: str, environ: Any, auth: Any) -> None:
            await sio.emit("early", {"token": "abc", "deep": {sid: 1}}, to=sid)

        sio.on("connect", connect)
        for namespace in ("/chat", "/more"):
            sio.on("connect", lambda sid, environ, auth: None, namespace=namespace)
        return socketio.ASGIApp(sio)

    auth = '{"token":"t0k3n"}'
    path = written(
        tmp_path,
        websocket(
            [
                (0.0, OPEN),
                (0.001, f">40{auth}"),
                (0.0015, '42["early",{"token":"xyz","deep":{"abcdefghijKLMNOPAAAB":1}}]'),
                (0.002, f"4{SID}"),
                (0.003, f">40/chat,{auth}"),
                (0.003, f">40/more,{auth}"),
                (0.004, '40/chat,{"sid":"abcdefghijKLMNOPAAAC"}'),
                (0.004, '40/more,{"sid":"abcdefghijKLMNOPAAAD"}'),
            ]
        ),
    )
    source = await check(path, make)
    assert 'await client.connect("/chat", "/more", auth={"token": "t0k3n"})' in source
    assert '{"token": ANY, "deep": {client.sid: 1}}' in source


async def test_a_browser_that_left_before_the_end_leaves(tmp_path: Path) -> None:
    def make() -> Any:
        sio = server()

        async def disconnect(sid: str, reason: str) -> None:
            await sio.emit("left", reason)

        sio.on("disconnect", disconnect)
        return socketio.ASGIApp(sio)

    second = [(offset + 0.01, text.replace("AAAAAAAA", "BBBBBBBB")) for offset, text in joined()]
    path = written(
        tmp_path,
        websocket(joined((0.5, '42["left","transport close"]'))),
        websocket(second, closed=0.3),
    )
    source = source_of_test(read_har(path))
    assert source.index("await client2.disconnect()") < source.index('await_event("left")')
    played = await replay(read_har(path), make())
    assert [line for line in played.diff() if line.startswith("+c")] == [
        "+client <- 'left' in / [\"client disconnect\"]"
    ]


def test_what_a_replay_can_not_do_is_in_the_diff(tmp_path: Path) -> None:
    def broken() -> Any:
        sio = server()

        def connect(sid: str, environ: Any, auth: Any) -> None:
            raise socketio.exceptions.ConnectionRefusedError("no")

        async def api(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                raise NotImplementedError(scope["type"])
            await receive()
            await receive()  # returns when the client has closed

        sio.on("connect", connect)
        return socketio.ASGIApp(sio, api)

    path = written(
        tmp_path,
        websocket(joined((0.1, '>420["say","hello"]'), (0.11, "430[true]"), (0.2, "41"))),
        http(0.15, "POST", "/say", answer={"ok": True}),
    )
    played = run_on_a_virtual_clock(replay(read_har(path), broken(), timeout=0.2))
    changes = [line for line in played.diff() if line.startswith("+c")]
    assert '+client connects to /: refused {"message": "no"}' in changes
    assert "+client emits 'say' in /: not connected" in changes
    assert "+client POST /say: raised ReadTimeout" in changes


async def test_an_ack_that_never_comes_is_missing(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        websocket(joined((0.1, '>420["say"]'), (0.11, "430[true]"), (0.2, '42["said",{"a":1}]'))),
    )
    played = await replay(read_har(path), socketio.ASGIApp(server()), timeout=0.2)
    assert "-client <- ack of 'say' in / [true]" in played.diff()
    assert "-client <- 'said' in / [{\"a\": 1}]" in played.diff()


def test_frames_that_are_no_packets_are_left_out(tmp_path: Path) -> None:
    entry = websocket(joined((0.1, "x"), (0.2, '431["nobody asked"]'), (0.3, '>432["no event"]')))
    entry["_webSocketMessages"].append({"type": "receive", "time": 0, "opcode": 9, "data": ""})
    broken = websocket([(0.0, "0{no json"), (0.1, ">40")])
    not_base64 = {"type": "receive", "time": EPOCH, "opcode": 2, "data": "\xff"}
    entry["_webSocketMessages"].append(not_base64)
    source = source_of_test(read_har(written(tmp_path, entry, broken)))
    assert 'await client.connect("/")' in source


async def test_ids_within_texts_and_names_that_are_no_identifiers(tmp_path: Path) -> None:
    recorded_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

    def make() -> Any:
        sio = server()

        async def create(sid: str) -> str:
            id = str(uuid.uuid4())
            await sio.emit("2fast", {"token": f"t-{id}"}, to=sid)
            return id

        async def join(sid: str, room: str) -> None:
            await sio.emit("joined", f"{room} by {sid}", to=sid)

        async def api(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                raise NotImplementedError(scope["type"])
            headers = [(b"content-type", JSON_TYPE.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"[1]"})

        sio.on("create", create)
        sio.on("join", join)
        sio.on("use", lambda sid, token: None)
        return socketio.ASGIApp(sio, api)

    path = written(
        tmp_path,
        websocket(
            joined(
                (0.1, '>420["create"]'),
                (0.11, f'42["2fast",{{"token":"t-{recorded_id}"}}]'),
                (0.12, f'430["{recorded_id}"]'),
                (0.2, f'>42["join","room:{recorded_id}"]'),
                (0.21, f'42["joined","room:{recorded_id} by abcdefghijKLMNOPAAAB"]'),
                (0.3, f'>421["use","t-{recorded_id}"]'),
                (0.31, "431[]"),
            )
        ),
        http(0.4, "REPORT", "/all", answer=[1]),
    )
    source = await check(path, make)
    assert 'f"room:{create_value} by {client.sid}"' in source
    assert 'client.http.request("REPORT", "/all")' in source
    assert "n2fast = await client.await_event" in source
    assert 'await client.call("use", n2fast_token) is None' in source
