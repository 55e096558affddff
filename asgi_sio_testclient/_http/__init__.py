"""HTTP without Socket.IO: requests, cookies, URLs. Imports httpx and `asgi` only."""
