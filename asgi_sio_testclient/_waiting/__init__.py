"""Waits with a bound, and whether everything is idle. Imports the standard library only."""
