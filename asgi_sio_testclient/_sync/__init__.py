"""The client without ``await``: a portal around the async one; no protocol."""
