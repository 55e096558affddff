"""What the command line's tests have for a terminal."""

import io


class Terminal(io.StringIO):
    """What a stream into a terminal says of itself."""

    def isatty(self):
        return True
