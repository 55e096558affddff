"""The argument `io`: the files and modules that it selects."""

import asyncio

import booking
import pytest
from booking import build, two_book

from asgi_sio_testclient.schedules import explore


async def racy_test():
    await two_book(build())


def test_wrong_io():
    with pytest.raises(TypeError, match="io has 7; expected names of files or modules"):
        explore(racy_test, io=(7,))


@pytest.mark.parametrize(
    ("io", "points"),
    [
        ("booking.py", 1),
        ("schedules/booking.py", 1),
        (booking.__file__, 1),
        ("booking", 1),
        (booking, 1),
        (("other.py", "booking"), 1),
        ("other", 0),
        ("ooking.py", 0),
    ],
)
def test_io_names_files_and_modules(io, points):
    async def scenario():
        await booking.sleeping()
        await asyncio.sleep(0.01)

    assert explore(scenario, io=io, runs=0).points == points
