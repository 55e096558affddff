"""``python -m asgi_sio_testclient``."""

from asgi_sio_testclient._cli import main

if __name__ == "__main__":
    raise SystemExit(main())
