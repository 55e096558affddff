"""Engine.IO and Socket.IO without I/O: packet classes and errors; no asyncio, no clock."""
