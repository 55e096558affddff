"""Terminals for the tests of the command line."""

import io


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True
