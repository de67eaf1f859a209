"""Firmlight's worker, Python client and command line. It needs nothing of the server."""

__version__ = "0.1.0"
