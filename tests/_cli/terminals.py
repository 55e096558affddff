"""Terminals for the tests of the command line."""

import io


class Terminal(io.StringIO):
    """What a stream into a terminal says of itself."""

    def isatty(self):
        return True
