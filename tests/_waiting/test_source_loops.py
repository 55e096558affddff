"""The loops around a suspended line, found in the source."""

import linecache
import textwrap

import pytest

from asgi_sio_testclient._waiting.source_loops import Ending, ending_of, is_in_loop, leads_back


def frames(source, *marks):
    """Return frames, as lists of code and line, of the function `run` at each of the
    marked lines.
    """
    source = textwrap.dedent(source)
    name = f"<source {hash(source)}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    values = {}
    exec(compile(source, name, "exec"), values)
    code = values["run"].__code__
    lines = source.splitlines()
    found = [next(n for n, line in enumerate(lines, 1) if f"# {mark}" in line) for mark in marks]
    return [((code, line),) for line in found]


LOOPS = [
    ("while True:\n        await sleep()  # here", Ending.ENDLESS),
    ("while True:\n        await sleep()  # here\n        if done: break", Ending.MAY_END),
    ("while True:\n        await sleep()  # here\n        if done: return", Ending.MAY_END),
    ("while 1:\n        await sleep()  # here\n        for x in y: break", Ending.ENDLESS),
    ("while 1:\n        await sleep()  # here\n        def f(): return 1", Ending.ENDLESS),
    ("while not done:\n        await sleep()  # here", Ending.MAY_END),
    ("for _ in range(3):\n        await sleep()  # here", Ending.ENDS),
    ("for _ in count():\n        await sleep()  # here", Ending.MAY_END),
    ("for _ in itertools.count():\n        await sleep()  # here", Ending.MAY_END),
    ("for _ in items:\n        await sleep()  # here", Ending.ENDS),
    ("async for _ in items:\n        await sleep()  # here", Ending.MAY_END),
    ("await sleep()  # here", Ending.MAY_END),
]


@pytest.mark.parametrize(("body", "ending"), LOOPS)
def test_how_a_loop_ends(body, ending):
    (here,) = frames(f"async def run():\n    {body}\n", "here")
    assert ending_of(here) is ending
    assert is_in_loop(here) is (ending is not Ending.ENDS and "# here" in body and ":" in body)


WORKER = """
async def run():
    await start()  # before
    while True:
        job = await get()  # rest
        while busy:
            await sleep()  # inner
        await save()  # same
    await stop()  # after
"""


@pytest.mark.parametrize(
    ("mark", "comes_back"),
    [("rest", True), ("same", True), ("inner", False), ("before", False), ("after", False)],
)
def test_whether_a_worker_comes_back(mark, comes_back):
    here, rest = frames(WORKER, mark, "rest")
    assert leads_back(here, rest) is comes_back


def test_deeper_frames():
    (save, rest), (loop,) = frames(WORKER, "same", "rest"), frames(WORKER, "inner")
    (plain,) = frames("async def run():\n    await sleep()  # here\n", "here")
    assert leads_back(save + plain, rest)
    assert not leads_back(save + loop, rest)
    assert leads_back(save + plain, rest + plain)


def test_source_that_can_not_be_read():
    code = compile("async def run(): pass", "<nowhere>", "exec")
    assert ending_of([(code, 1)]) is Ending.MAY_END
    linecache.cache["<broken>"] = 3, None, ["def ("], "<broken>"
    code = compile("async def run(): return 1", "<broken>", "exec")
    assert ending_of([(code, 1)]) is Ending.MAY_END


STREAM = """
async def run():
    async for part in parts():  # waits
        await send(part)  # sends
"""
GENERATOR = """
async def run():
    {loop}:
        await sleep()  # here
        yield 1
"""


@pytest.mark.parametrize(
    ("loop", "mark", "ending"),
    [
        ("for _ in range(3)", "waits", Ending.ENDS),
        ("while True", "waits", Ending.ENDLESS),
        ("while more()", "waits", Ending.MAY_END),
        ("if True", "waits", Ending.MAY_END),
        ("for _ in range(3)", "sends", Ending.MAY_END),
    ],
)
def test_an_async_for_ends_when_its_generator_does(loop, mark, ending):
    (stream,) = frames(STREAM, mark)
    (generator,) = frames(GENERATOR.format(loop=loop), "here")
    assert ending_of(stream + generator) is ending


def test_an_async_for_over_what_is_no_generator():
    (stream,) = frames(STREAM, "waits")
    (plain,) = frames(
        "async def run():\n    for _ in items:\n        await sleep()  # here", "here"
    )
    assert ending_of(stream + plain) is Ending.MAY_END
    assert ending_of(stream) is Ending.MAY_END
