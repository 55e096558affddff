"""The client without ``await``: a portal around the async client; no protocol."""
