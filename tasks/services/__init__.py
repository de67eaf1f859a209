"""Writes: a module for each noun or use case, a function for each thing that happens to it."""
