"""`TestClient`: one user of a running app. Knows the connection and what is below it; no tool."""
