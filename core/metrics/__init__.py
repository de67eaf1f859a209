"""Counting for `/metrics`: every process counts, Redis holds the sums, and the site shows them.

A process adds up its counts and writes them to one hash in Redis every METRICS_WRITE_SECONDS, in
one round trip that no request waits for. So the sums are right with several web and jobs processes,
a restart sets nothing back to 0, and any web process can answer. The counts of the last few seconds
are lost if a process is killed.
"""

from core.metrics.recording import count, end, now_open, observe, run_as, write

__all__ = ["count", "end", "now_open", "observe", "run_as", "write"]
