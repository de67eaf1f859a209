"""Counting for `/metrics`: noted by whoever does it, summed in Redis over all processes. The site
shows the sums.

A process adds up what it has done and writes it to one hash in Redis every METRICS_WRITE_SECONDS,
in one round trip; nobody's work waits for that. So several web and jobs processes sum correctly, a
restart sets nothing back to 0, and any web process can be asked. What a killed process had not
written yet, a few seconds, is not counted.
"""

from core.metrics.recording import count, end, now_open, observe, run_as, write

__all__ = ["count", "end", "now_open", "observe", "run_as", "write"]
