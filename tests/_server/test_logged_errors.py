"""Exceptions that a server's logger gets."""

import logging

import pytest

from asgi_sio_testclient._server.logged_errors import quoting_logger


@pytest.mark.parametrize(
    ("message", "args", "words"),
    [
        ("service task exception", (), "service task exception"),
        ("100 % of it", (), "100 % of it"),
        ("%s of %d failed", ("a task", 3), "a task of 3 failed"),
    ],
)
def test_the_message_is_reported_as_it_is_logged(message, args, words, caplog):
    reported, error = [], LookupError("no such order")
    logger = quoting_logger(logging.getLogger("tests.logged"), reported.append)
    try:
        raise error
    except LookupError:
        logger.exception(message, *args)
    [(_, *logged)] = reported
    assert logged == [words, error]
    assert caplog.messages == [words]
