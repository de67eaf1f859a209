"""Measurements. No test depends on a time.

`make bench` runs them all and writes docs/reference/benchmarks.md.
"""
