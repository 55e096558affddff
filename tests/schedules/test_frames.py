"""Whether a frame is of the app, a library or this package, and the frames of suspended objects."""

import asyncio
import contextlib
import types
import uuid

import socketio
from one_run import outcome_of

from asgi_sio_testclient.schedules._frames import Frames, Owner, chain


def test_the_package_of_an_installed_handler_is_the_apps(tmp_path):
    source = "async def handler(): await wait()\nasync def wait(): await pause()\n"
    frames = Frames()

    def frame_of(file):
        names = {"pause": pause}
        exec(compile(source, file, "exec"), names)
        coroutine = names["handler"]()
        coroutine.send(None)
        suspended.append(coroutine)
        return list(chain(coroutine))

    @types.coroutine
    def pause():
        yield

    suspended = []
    installed = str(tmp_path / "site-packages" / "shop" / "app.py")
    handler, wait, _ = frame_of(installed)
    assert frames.owner(handler.f_code) is Owner.LIBRARY
    assert frames.site([handler, wait]) is None
    dispatch = types.SimpleNamespace(f_code=socketio.AsyncServer._trigger_event.__code__)
    assert frames.site([dispatch, handler, wait]).frame is wait
    assert frames.owner(handler.f_code) is Owner.APP
    other, *_ = frame_of(str(tmp_path / "site-packages" / "shopping.py"))
    assert frames.owner(other.f_code) is Owner.LIBRARY
    from_the_standard_library = types.SimpleNamespace(f_code=asyncio.sleep.__code__)
    assert frames.site([dispatch, types.SimpleNamespace(f_code=uuid.uuid4.__code__)]) is None
    assert frames.owner(from_the_standard_library.f_code) is Owner.ASYNCIO
    for coroutine in suspended:
        coroutine.close()


def test_frames_behind_what_hides_them():
    @contextlib.asynccontextmanager
    async def session():
        await asyncio.sleep(0)
        yield

    class Awaitable:
        def __await__(self):
            return asyncio.sleep(0).__await__()

    async def scenario():
        async with session():
            await Awaitable()
            await asyncio.get_running_loop().create_task(asyncio.sleep(0))

    assert len(outcome_of(scenario, records=True).points) == 2
