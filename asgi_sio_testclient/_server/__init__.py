"""The instrumentation of a Socket.IO server: the only folder that uses private parts of a
server.
"""
