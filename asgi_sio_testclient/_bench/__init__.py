"""What `asgi_sio_testclient.bench` is made of. Import from there, not from here."""
