"""`/metrics` for Prometheus: what all processes have counted, and the present state."""
