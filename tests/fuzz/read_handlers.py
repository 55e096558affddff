"""Reads the shapes of a handler's arguments from its source."""

from asgi_sio_testclient.fuzz._shapes import shapes_of
from asgi_sio_testclient.fuzz._values import fill


def read(handler, skip=1):
    shapes = shapes_of(handler, skip)
    for shape in shapes:
        fill(shape)
    return shapes
