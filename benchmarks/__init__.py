"""Measurements. `make bench` runs them all and writes docs/benchmarks.md; no test depends on a
time.
"""
