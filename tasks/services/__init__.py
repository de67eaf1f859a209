"""Writes: one module per use case, one function per thing that a person, a worker or the sweep
does.
"""
