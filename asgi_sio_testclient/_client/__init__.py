"""`TestClient`: one user of a running app. Imports the connection and what is below; no tool."""
