"""Conformance of python-socketio and python-engineio with the official protocol suites."""
