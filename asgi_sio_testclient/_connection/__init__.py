"""One Engine.IO connection to a running app. Uses a client through Protocols, never `_client`."""
