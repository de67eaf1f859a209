"""`/metrics`: what all processes have counted (see `core.metrics`) and how things stand now, for
Prometheus.
"""
