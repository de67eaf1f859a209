"""The version of the client. It lies below everything, so that every module may name it."""

__version__ = "0.2.0"
