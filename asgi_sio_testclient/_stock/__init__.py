"""What stands behind `asgi_sio_testclient.stock`. Its modules import aiohttp; so nothing else may
import them before it is asked for.
"""
