"""``python -m mutants``: see `session`."""

import sys

from mutants.session import main

if __name__ == "__main__":
    sys.exit(main())
