"""Firmlight from Python. `firmlight_client` has the names that are promised."""
