"""The cases of the official protocol test suites, and what they are run with.

See `asgi_sio_testclient.conformance`.
"""
