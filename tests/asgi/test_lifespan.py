"""One lifespan, driven without a client, with small real apps."""

import asyncio

import pytest
from led_apps import NEVER, SOON, Steps, over, turn

from asgi_sio_testclient import LifespanFailed
from asgi_sio_testclient.asgi import Lifespan


async def good_lifespan(scope, receive, send):
    assert scope["type"] == "lifespan"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
    assert await receive() == {"type": "lifespan.startup"}
    scope["state"]["db"] = "connected"
    await send({"type": "lifespan.startup.complete"})
    assert await receive() == {"type": "lifespan.shutdown"}
    scope["state"]["db"] = "closed"
    await send({"type": "lifespan.shutdown.complete"})


async def test_a_lifespan_starts_fills_the_state_and_shuts_down():
    lifespan = Lifespan(good_lifespan)
    await lifespan.startup(SOON)
    assert lifespan.supported
    assert lifespan.state == {"db": "connected"}
    await lifespan.shutdown(SOON)
    assert lifespan.state == {"db": "closed"}
    assert lifespan.ended


def raises_at_once(scope, receive, send):
    raise AssertionError("only http here")


async def returns_at_once(scope, receive, send):
    pass


async def raises_keyerror_later(scope, receive, send):
    await receive()
    raise KeyError("method")


@pytest.mark.parametrize("app", [raises_at_once, returns_at_once])
async def test_an_app_that_does_not_know_lifespans_is_no_error(app):
    lifespan = Lifespan(app)
    await lifespan.startup(SOON)
    assert not lifespan.supported
    await lifespan.shutdown(SOON)
    assert lifespan.ended


@pytest.mark.parametrize(("unsupported", "fails"), [(True, False), (False, True), (None, True)])
async def test_an_exception_after_the_startup_message_is_judged_by_who_knows(unsupported, fails):
    asked = []

    def judge(exc):
        asked.append(exc)
        return unsupported

    judging = None if unsupported is None else judge
    lifespan = Lifespan(raises_keyerror_later, is_unsupported=judging)
    if fails:
        with pytest.raises(LifespanFailed) as caught:
            await lifespan.startup(SOON)
        assert (caught.value.phase, caught.value.message) == ("startup", "KeyError: 'method'")
        assert isinstance(caught.value.__cause__, KeyError)
    else:
        await lifespan.startup(SOON)
        assert not lifespan.supported
    assert [type(exc) for exc in asked] == ([] if unsupported is None else [KeyError])


@pytest.mark.parametrize(
    ("message", "text"),
    [({"message": "no database"}, "no database"), ({}, "the app gave no message")],
)
async def test_a_startup_that_failed_says_the_apps_message(message, text):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", **message})

    with pytest.raises(LifespanFailed) as caught:
        await Lifespan(app).startup(SOON)
    assert caught.value.message == text
    assert caught.value.__cause__ is None
    assert str(caught.value) == f"lifespan startup failed: {text}"


async def test_a_failure_sent_while_an_exception_is_handled_has_it_as_its_cause():
    async def app(scope, receive, send):
        await receive()
        try:
            raise ConnectionError("no route")
        except ConnectionError:
            await send({"type": "lifespan.startup.failed", "message": "Traceback (most ..."})

    with pytest.raises(LifespanFailed, match="ConnectionError: no route") as caught:
        await Lifespan(app).startup(SOON)
    assert isinstance(caught.value.__cause__, ConnectionError)


async def test_a_startup_that_hangs_is_cancelled_after_the_timeout():
    lifespan = Lifespan(Steps())
    with pytest.raises(LifespanFailed, match=r"startup failed: no answer within 0\.01 s"):
        await lifespan.startup(NEVER)
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


async def test_a_cancelled_startup_cancels_the_app():
    lifespan = Lifespan(Steps())
    starting = asyncio.ensure_future(lifespan.startup(SOON))
    await turn()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


async def started():
    app = Steps()
    lifespan = Lifespan(app)
    starting = asyncio.ensure_future(lifespan.startup(SOON))
    assert await app.receive() == {"type": "lifespan.startup"}
    await app.send(type="lifespan.startup.complete")
    await starting
    return app, lifespan


async def test_a_shutdown_that_failed_says_so():
    app, lifespan = await started()
    stopping = asyncio.ensure_future(lifespan.shutdown(SOON))
    assert await app.receive() == {"type": "lifespan.shutdown"}
    await app.send(type="lifespan.shutdown.failed", message="still writing")
    with pytest.raises(LifespanFailed) as caught:
        await stopping
    assert (caught.value.phase, caught.value.message) == ("shutdown", "still writing")
    await app.finish()


async def test_a_shutdown_that_hangs_is_cancelled_after_the_timeout():
    _, lifespan = await started()
    with pytest.raises(LifespanFailed, match=r"shutdown failed: no answer within 0\.01 s"):
        await lifespan.shutdown(NEVER)
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


async def test_an_app_that_raised_in_between_fails_its_shutdown():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise LookupError("in between")

    lifespan = Lifespan(app)
    await lifespan.startup(SOON)
    await over(lifespan)
    with pytest.raises(LifespanFailed, match="shutdown failed: LookupError: in between"):
        await lifespan.shutdown(SOON)


async def test_an_app_that_returned_in_between_is_shut_down():
    app, lifespan = await started()
    await app.finish()
    await over(lifespan)
    await lifespan.shutdown(SOON)
    assert lifespan.ended
    assert lifespan.supported


async def test_an_app_that_goes_on_after_its_shutdown_is_cancelled():
    app, lifespan = await started()
    stopping = asyncio.ensure_future(lifespan.shutdown(NEVER))
    assert await app.receive() == {"type": "lifespan.shutdown"}
    await app.send(type="lifespan.shutdown.complete")
    await stopping
    await asyncio.wait([lifespan.task], timeout=SOON)
    assert lifespan.task.cancelled()


@pytest.mark.parametrize("kind", ["lifespan.shutdown.complete", "http.response.start"])
async def test_a_lifespan_message_out_of_turn_is_a_runtime_error_in_the_app(kind):
    app = Steps()
    lifespan = Lifespan(app)
    starting = asyncio.ensure_future(lifespan.startup(SOON))
    with pytest.raises(RuntimeError, match=f"Unexpected ASGI message '{kind}' during .* startup"):
        await app.send(type=kind)
    await app.send(type="lifespan.startup.complete")
    await starting
    await app.finish()


async def test_a_lifespan_that_was_never_started_can_be_cancelled():
    lifespan = Lifespan(good_lifespan)
    lifespan.cancel()
    assert lifespan.task is None
