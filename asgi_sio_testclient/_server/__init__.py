"""The instrumentation of a Socket.IO server: the only folder that touches a server's inside."""
