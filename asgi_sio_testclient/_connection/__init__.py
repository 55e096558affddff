"""One Engine.IO connection to a running app. Knows its user by Protocols only, never `_client`."""
