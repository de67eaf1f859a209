"""`/ws/live/`: what browsers and the Python client watch."""
